"""Changes against published and independently computed intervals, and both errors of "no worse" in simulated trials."""

import math
import random
from statistics import NormalDist

import numpy as np
import pytest

from chaosllm.noninferiority import ONE_SIDED, Change, no_worse, ratio_change, share_change
from chaosllm.stats import quantile, quantile_interval, wilson

TRIALS = 500
#: Of TRIALS at a true 5 %, more happen once in a thousand: 25 + 3.09 * sqrt(500 * 0.05 * 0.95).
MOST_ERRORS = 41


def interval(k, n, confidence=ONE_SIDED):
    return (k / n, *wilson(k, n, confidence))


def test_shares_as_newcombe_published_them():
    """Newcombe 1998, table II, method 10: 56/70 - 48/80 and 9/10 - 3/10."""
    change = share_change(interval(48, 80, 0.95), interval(56, 70, 0.95))
    assert change.value == pytest.approx(0.2)
    assert (change.low, change.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    change = share_change(interval(3, 10, 0.95), interval(9, 10, 0.95))
    assert (change.low, change.high) == (pytest.approx(0.1705, abs=5e-5), pytest.approx(0.8090, abs=5e-5))


def test_ratio_as_of_two_normal_logs():
    """For logs that are normal the exact interval is known: the errors add as squares."""
    z = NormalDist().inv_cdf(0.95)
    errors = (0.05, 0.12)
    sides = [
        (value, value * math.exp(-z * e), value * math.exp(z * e)) for value, e in zip((2.0, 3.0), errors, strict=True)
    ]
    change = ratio_change(*sides)
    width = z * math.sqrt(sum(e * e for e in errors))
    assert change.value == pytest.approx(1.5)
    assert change.low == pytest.approx(1.5 * math.exp(-width))
    assert change.high == pytest.approx(1.5 * math.exp(width))


def test_a_ratio_needs_something_above_zero():
    """Nothing over nothing is no ratio, and a bound at 0 bounds nothing."""
    assert ratio_change((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)) is None
    assert ratio_change((1.0, 1.0, 1.0), (0.0, 0.0, 0.0)) is None
    change = ratio_change((1.0, 0.0, 2.0), (1.0, 0.5, math.inf))
    assert (change.low, change.high) == (pytest.approx(math.exp(-math.hypot(math.log(2), math.log(2)))), math.inf)


@pytest.mark.parametrize(
    ("kind", "better", "margin", "bounds", "said"),
    [
        ("difference", "higher", 0.02, (-0.02, 0.01), "pass"),
        ("difference", "higher", 0.02, (-0.021, 0.01), "inconclusive"),
        ("difference", "higher", 0.02, (-0.08, -0.02), "inconclusive"),
        ("difference", "higher", 0.02, (-0.08, -0.021), "fail"),
        ("difference", "lower", 0.02, (-0.5, 0.02), "pass"),
        ("difference", "lower", 0.02, (0.021, 0.5), "fail"),
        ("ratio", "lower", 1.5, (0.2, 1.5), "pass"),
        ("ratio", "lower", 1.5, (1.4, 1.6), "inconclusive"),
        ("ratio", "lower", 1.5, (1.51, 3.0), "fail"),
        ("ratio", "lower", 1.5, (-math.inf, math.inf), "inconclusive"),
        ("ratio", "higher", 2.0, (0.5, 0.9), "pass"),
        ("ratio", "higher", 2.0, (0.1, 0.49), "fail"),
    ],
)
def test_the_margin_has_two_sides(kind, better, margin, bounds, said):
    """A bound on the margin still passes; past it on both bounds is worse; between is undecided."""
    assert no_worse(Change(kind, 1.0, *bounds), margin, better) == said


@pytest.mark.parametrize(
    ("kind", "margin", "better"), [("ratio", 1.0, "lower"), ("difference", 0.0, "lower"), ("ratio", 2.0, "")]
)
def test_a_margin_that_is_none(kind, margin, better):
    """No margin, or no bad side, is a mistake and never a verdict."""
    with pytest.raises(ValueError, match="margin"):
        no_worse(Change(kind, 1.0, 0.9, 1.1), margin, better)


def counts(judged):
    return {word: judged.count(word) for word in ("pass", "fail", "inconclusive")}


def shares(before, after, n, margin=0.02):
    """How often a success rate that fell from `before` to `after` is judged how."""
    chance = np.random.default_rng(7)
    pairs = zip(chance.binomial(n, before, TRIALS), chance.binomial(n, after, TRIALS), strict=True)
    return counts([no_worse(share_change(interval(a, n), interval(b, n)), margin, "higher") for a, b in pairs])


def test_shares_err_on_neither_side():
    """Truly at the margin, at most 5 % pass and at most 5 % fail; the same share passes, 10 points less fails."""
    at = shares(0.95, 0.93, 1500)
    assert at["pass"] <= MOST_ERRORS
    assert at["fail"] <= MOST_ERRORS
    assert at["inconclusive"] > 0.8 * TRIALS
    equal, worse = shares(0.95, 0.95, 3000), shares(0.95, 0.85, 600)
    assert equal["fail"] == 0
    assert equal["pass"] > 0.9 * TRIALS
    assert worse["pass"] == 0
    assert worse["fail"] > 0.95 * TRIALS


def latencies(factor, n=600, trials=TRIALS):
    """How often a p95 that grew by a factor is judged how, at a margin of 1.5."""
    chance = np.random.default_rng(11)

    def side(scale):
        values = scale * chance.lognormal(0.0, 0.5, n)
        return (quantile(values, 0.95), *quantile_interval(values, 0.95, ONE_SIDED))

    return counts([no_worse(ratio_change(side(1.0), side(factor)), 1.5, "lower") for _ in range(trials)])


def test_ratios_err_on_neither_side():
    """The same of p95 latencies: at 1.5 times, at once, and at twice."""
    at = latencies(1.5)
    assert at["pass"] <= MOST_ERRORS
    assert at["fail"] <= MOST_ERRORS
    equal, worse = latencies(1.0, trials=200), latencies(2.2, trials=200)
    assert equal == {"pass": 200, "fail": 0, "inconclusive": 0}
    assert worse["pass"] == 0
    assert worse["fail"] > 180


def test_coverage_of_the_interval():
    """The two-sided 90 % interval of a difference holds the truth in about 90 % of trials, bounds hit alike."""
    chance, missed = random.Random(3), [0, 0]
    for _ in range(TRIALS):
        k, m = (sum(chance.random() < p for _ in range(300)) for p in (0.9, 0.8))
        change = share_change(interval(k, 300), interval(m, 300))
        missed[0] += change.low > -0.1
        missed[1] += change.high < -0.1
    assert max(missed) <= MOST_ERRORS
    assert min(missed) >= 8  # fewer happen once in a thousand: it is not simply too wide
