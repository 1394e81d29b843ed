"""Intervals of percentiles hold the truth as often as they say, by simulation and by scipy's Beta distribution."""

import math

import numpy as np
import pytest
from scipy import stats as oracle

from chaosllm import stats

TRIALS = 2000
#: Standard errors that a share of TRIALS may be off: more come once in 16 000 times, and 90 % for 95 % is ten away.
MOST_ERRORS = 4.0
DRAWS = {
    "exponential": (lambda random, shape: random.exponential(size=shape), oracle.expon.ppf),
    "lognormal": (lambda random, shape: random.lognormal(0.0, 1.0, shape), lambda q: oracle.lognorm.ppf(q, 1.0)),
    "pareto": (lambda random, shape: 1 + random.pareto(1.5, shape), lambda q: oracle.pareto.ppf(q, 1.5)),
}
#: As many samples as the percentile needs to be judged (METHOD metric 3), and fewer.
CASES = [(0.5, 30), (0.5, 300), (0.95, 100), (0.95, 300), (0.99, 500), (0.99, 1000)]


def ranks(n, q, confidence):
    """The order statistics, from 1, that bound a percentile; 0 and n + 1 for a side without one."""
    low, high = stats.quantile_interval(np.arange(1.0, n + 1), q, confidence)
    return (0 if low == -math.inf else int(low)), (n + 1 if high == math.inf else int(high))


def below(rank, n, q):
    """The chance that the order statistic lies below the true percentile: Beta(rank, n + 1 - rank) below q."""
    return 1.0 if rank == 0 else 0.0 if rank == n + 1 else float(oracle.beta.cdf(q, rank, n + 1 - rank))


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_the_ranks_are_those_of_the_beta_distribution(q, confidence):
    """Each side misses at most half of what is allowed, and one rank nearer it would miss more."""
    tail = (1 - confidence) / 2
    for n in (1, 2, 19, 58, 59, 72, 73, 100, 299, 300, 1000, 5000):
        low, high = ranks(n, q, confidence)
        assert 1 - below(low, n, q) <= tail + 1e-9
        assert below(high, n, q) <= tail + 1e-9
        assert 1 - below(low + 1, n, q) > tail - 1e-9
        assert below(high - 1, n, q) > tail - 1e-9


@pytest.mark.parametrize(("q", "n"), CASES)
@pytest.mark.parametrize("name", DRAWS)
def test_order_statistics_cover_the_truth(name, q, n):
    """In 2000 samples of a skewed distribution each side misses the true percentile as often as Beta says."""
    draw, truth = DRAWS[name]
    samples = np.sort(draw(np.random.default_rng([n, int(100 * q)]), (TRIALS, n)), axis=1)
    assert stats.quantile_interval(samples[0][::-1], q) == tuple(samples[0][rank - 1] for rank in ranks(n, q, 0.95))
    low, high = ranks(n, q, 0.95)
    for missed, chance in (
        ((samples[:, low - 1] > truth(q)).mean(), 1 - below(low, n, q)),
        ((samples[:, high - 1] < truth(q)).mean(), below(high, n, q)),
    ):
        assert abs(missed - chance) <= MOST_ERRORS * math.sqrt(chance * (1 - chance) / TRIALS)
        assert chance <= 0.025


def test_ties_only_widen():
    """Latencies in whole tenths of a second are covered no less than they say."""
    samples = np.round(np.random.default_rng(3).exponential(size=(TRIALS, 300)), 1)
    ordered, truth = np.sort(samples, axis=1), round(float(oracle.expon.ppf(0.95)), 1)
    low, high = ranks(300, 0.95, 0.95)
    assert ((ordered[:, low - 1] <= truth) & (truth <= ordered[:, high - 1])).mean() >= 0.95


@pytest.mark.parametrize(("q", "n"), [(0.5, 40), (0.95, 300), (0.99, 1000), (0.95, 3), (0.5, 1)])
def test_drawn_order_statistics_follow_the_beta_distribution(q, n):
    """The rank that a bootstrap's percentile has is Beta's, within Kolmogorov's 99.9 % bound."""
    repeats = 20_000
    drawn = stats.bootstrap_order_statistic(np.arange(1.0, n + 1)[::-1], q, 5, repeats)
    k = max(1, math.ceil(n * q - 1e-9))
    expected = oracle.beta.cdf(np.arange(1, n + 1) / n, k, n + 1 - k)
    found = np.searchsorted(np.sort(drawn), np.arange(1.0, n + 1), side="right") / repeats
    assert np.abs(found - expected).max() < 1.95 / math.sqrt(repeats)


@pytest.mark.parametrize("q", [0.5, 0.95])
def test_drawn_order_statistics_are_a_bootstrap_of_single_values(q):
    """They differ from the percentiles of samples that are really drawn by chance alone (Kolmogorov-Smirnov)."""
    values = np.random.default_rng(6).exponential(size=80)
    brute = stats.bootstrap_quantile(values, np.arange(80), q, stats.resample(80, 1, 6, repeats=4000))
    quick = stats.bootstrap_order_statistic(values, q, 7, repeats=4000)
    assert oracle.ks_2samp(brute, quick).pvalue > 0.001


def percentile_coverage(n, q):
    """How often the 95 % percentile interval of a bootstrap holds the truth, by Beta alone."""
    k = math.ceil(n * q - 1e-9)
    low, high = (math.ceil(n * oracle.beta.ppf(tail, k, n + 1 - k)) for tail in (0.025, 0.975))
    return below(low, n, q) - below(high, n, q)


@pytest.mark.parametrize(("q", "n", "least"), [(0.5, 300, 0.93), (0.95, 300, 0.91), (0.99, 1000, 0.91)])
def test_drawn_order_statistics_cover_the_truth(q, n, least):
    """In 400 samples as often as Beta says, give or take 4 points, which is nearly what is promised."""
    random, held, trials = np.random.default_rng(8), 0, 400
    truth = oracle.lognorm.ppf(q, 1.0)
    for trial, sample in enumerate(random.lognormal(0.0, 1.0, (trials, n))):
        low, high = stats.spread(stats.bootstrap_order_statistic(sample, q, [8, trial], repeats=500), 0.95)
        held += low <= truth <= high
    assert percentile_coverage(n, q) >= least
    assert held / trials == pytest.approx(percentile_coverage(n, q), abs=0.04)


def test_a_p99_of_three_hundred_is_no_interval():
    """Why it is judged from 1000 on: of 300 values a bootstrap holds the true p99 in fewer than nine of ten samples."""
    assert percentile_coverage(300, 0.99) < 0.9


def test_drawn_order_statistics_repeat_with_their_seed():
    """The same seed draws the same, another one does not; nothing has no percentile."""
    values = np.random.default_rng(9).exponential(size=50)
    assert (stats.bootstrap_order_statistic(values, 0.95, 1) == stats.bootstrap_order_statistic(values, 0.95, 1)).all()
    assert (stats.bootstrap_order_statistic(values, 0.95, 1) != stats.bootstrap_order_statistic(values, 0.95, 2)).any()
    assert np.isnan(stats.bootstrap_order_statistic(np.empty(0), 0.95, 1, repeats=3)).tolist() == [True] * 3
