"""Distributions of a duration: one draw, one value."""

import math
import statistics

import pytest
from scipy import special, stats

from chaosllm.distribution import parse_distribution, read_empirical
from chaosllm.incomplete_gamma import inverse
from chaosllm.trigger import draw

DRAWS = [draw(1, "distribution", i) for i in range(20_000)]


def quantiles(spec):
    """(p5, median, p95) of a distribution over seeded draws."""
    distribution = parse_distribution(spec)
    cuts = statistics.quantiles([distribution.sample(u) for u in DRAWS], n=20)
    return cuts[0], cuts[9], cuts[18]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("800ms", (0.8, 0.8, 0.8)),
        ({"uniform": {"low": "1s", "high": "3s"}}, (1.1, 2.0, 2.9)),
        ({"normal": {"mean": "2s", "sd": "100ms"}}, (1.8355, 2.0, 2.1645)),
        ({"lognormal": {"median": "800ms", "p95": "3s"}}, (0.2133, 0.8, 3.0)),
        ({"pareto": {"min": "100ms", "alpha": 2}}, (0.1026, 0.1414, 0.4472)),
        ({"weibull": {"scale": "2s", "shape": 1.5}}, (0.2761, 1.5665, 4.1558)),
        ({"gamma": {"mean": "1s", "cv": 0.5}}, (0.3416, 0.9180, 1.9384)),
    ],
)
def test_quantiles_are_those_of_the_definition(spec, expected):
    """5 %, 50 % and 95 % fall where the formula puts them."""
    assert quantiles(spec) == pytest.approx(expected, rel=0.04)


EDGES = (1e-9, 1e-6, 1e-3, 0.01, 0.1, 0.3, 0.4999, 0.5, 0.5001, 0.7, 0.9, 0.99, 0.999, 1 - 1e-6, 1 - 1e-9)


@pytest.mark.parametrize("shape", [1e-4, 1e-3, 0.01, 0.05, 0.3, 0.7, 1, 1.5, 4, 9, 25, 100, 1000, 1e4])
def test_the_inverse_of_the_incomplete_gamma_is_scipys(shape):
    """Over all shapes that a cv from 0.01 to 100 asks for, the quantile is right to 1e-9 of itself."""
    exact = [special.gammaincinv(shape, u) if u < 0.5 else special.gammainccinv(shape, 1 - u) for u in EDGES]
    assert [inverse(shape, u) for u in EDGES] == pytest.approx(exact, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize(
    ("spec", "law"),
    [
        ({"gamma": {"mean": "2s", "cv": 0.7}}, stats.gamma(0.7**-2, scale=2 * 0.49)),
        ({"gamma": {"mean": "2s", "cv": 3}}, stats.gamma(1 / 9, scale=18)),
        ({"exponential": {"mean": "3s"}}, stats.expon(scale=3)),
        ({"weibull": {"scale": "2s", "shape": 0.7}}, stats.weibull_min(0.7, scale=2)),
        ({"lognormal": {"median": "1s", "p95": "4s"}}, stats.lognorm(math.log(4) / stats.norm.ppf(0.95))),
    ],
)
def test_quantiles_are_scipys(spec, law):
    """Each inverse is the one that SciPy has, from one in a million to all but one."""
    told = parse_distribution(spec)
    assert [told.sample(u) for u in EDGES[1:-1]] == pytest.approx([law.ppf(u) for u in EDGES[1:-1]], rel=1e-8)
    assert all(told.sample(u) >= 0 for u in (0.0, 1 - 2**-53))  # the ends of what `draw` gives


def test_a_normal_delay_is_never_negative():
    """Time does not run backwards."""
    assert min(parse_distribution({"normal": {"mean": "10ms", "sd": "1s"}}).sample(u) for u in DRAWS) == 0


def test_the_recorded_quantiles_come_back():
    """An empirical distribution interpolates between what was recorded."""
    recorded = read_empirical("times.txt", "100ms\n300ms # slow\n\n200ms\n")
    assert [recorded.sample(u) for u in (0, 0.5, 0.25, 0.9999999)] == pytest.approx([0.1, 0.2, 0.15, 0.3])


def test_a_profile_says_values_or_quantiles():
    """A latency profile may hold what was measured, or its quantiles; beyond those the outermost counts."""
    values = read_empirical("fit.json", '{"values": ["300ms", "100ms", "200ms"]}')
    assert [values.sample(u) for u in (0, 0.25, 0.5)] == pytest.approx([0.1, 0.15, 0.2])
    points = read_empirical("fit.yaml", "quantiles: {p50: 200ms, p90: 1s, p99.9: 4s}\n")
    assert [points.sample(u) for u in (0, 0.5, 0.7, 0.9, 0.9999)] == pytest.approx([0.2, 0.2, 0.6, 1.0, 4.0])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", "is no latency profile"),
        ("{", "is no latency profile"),
        ("values: [&a [x, x], *a]", "what is no duration"),
        ("values: [fast]", "fit.yaml: found 'fast'"),
        ("quantiles: {p50: 2s, p95: 1s}", "do not rise"),
        ("quantiles: {half: 2s, p95: 1s}", "such as p50"),
    ],
)
def test_a_bad_profile_says_what_is_wrong(text, says):
    """A profile that cannot be used is refused in words."""
    with pytest.raises(ValueError, match=says):
        read_empirical("fit.yaml", text)


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"lognormal": {"median": "3s", "p95": "1s"}}, "median < p95"),
        ({"uniform": {"low": "3s", "high": "1s"}}, "low"),
        ({"lognormal": {"median": "3s"}}, "expected lognormal: {median, p95}"),
        ({"lognorml": {}}, "expected a duration or one distribution"),
        ({}, "one distribution"),
        ({"pareto": {"min": "1s", "alpha": 0}}, "alpha"),
        ({"gamma": {"mean": "1s", "cv": "50%"}}, "found cv '50%', expected a number"),
        ({"exponential": {"mean": 0}}, "above 0"),
        ({"weibull": {"scale": "1s", "shape": -1}}, "shape"),
        ({"normal": {"mean": 2, "sd": "1s"}}, "its unit"),
        (3, "its unit"),
    ],
)
def test_mistakes_are_explained(spec, says):
    """The error says what would work."""
    with pytest.raises(ValueError, match=says):
        parse_distribution(spec)


def test_a_bad_recording_names_its_line():
    """A file is refused with the line that is wrong."""
    with pytest.raises(ValueError, match=r"times.txt, line 2"):
        read_empirical("times.txt", "100ms\nfast\n")
    with pytest.raises(ValueError, match="no duration"):
        read_empirical("times.txt", "# nothing\n")
