"""Intervals and resampling, held against scipy and brute force."""

import math

import numpy as np
import pytest
from scipy import stats as oracle

from chaosllm import stats


@pytest.mark.parametrize(("k", "n"), [(0, 10), (1, 10), (5, 10), (95, 100), (100, 100), (4999, 5000)])
@pytest.mark.parametrize("confidence", [0.90, 0.95, 0.99])
def test_wilson_equals_scipy(k, n, confidence):
    """Wilson's interval is the textbook one."""
    expected = oracle.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert stats.wilson(k, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_one_sided_wilson_is_the_bound_of_a_wider_interval():
    """A one-sided 95 % bound is that of the two-sided 90 % interval."""
    assert stats.wilson(90, 100, 0.95, sides=1) == pytest.approx(stats.wilson(90, 100, 0.90))


def test_wilson_of_a_hundred_of_a_hundred_is_above_95_percent():
    """100 good of 100 show a success rate of 95 %."""
    assert stats.wilson(100, 100)[0] == pytest.approx(0.963, abs=0.001)


def test_wilson_of_nothing_knows_nothing():
    """Without operations every share is possible."""
    assert stats.wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "p"), [(1, 0.5), (10, 0.05), (300, 0.4), (5000, 0.003), (20, 0.0), (20, 1.0)])
def test_binomial_cdf_equals_scipy(n, p):
    """The cumulated binomial is right to 9 digits, at the ends too."""
    assert stats.binomial_cdf(n, p) == pytest.approx(oracle.binom.cdf(np.arange(n + 1), n, p), abs=1e-9)


@pytest.mark.parametrize(("n", "p"), [(10, 0.4), (300, 0.4), (1900, 0.4), (5, 0.01), (50, 1.0)])
def test_binomial_interval_equals_scipy(n, p):
    """The 99.9 % interval is that between scipy's quantiles."""
    assert stats.binomial_interval(n, p) == (oracle.binom.ppf(0.0005, n, p), oracle.binom.ppf(0.9995, n, p))


@pytest.mark.parametrize("n", [1, 2, 19, 20, 21, 100, 300, 1000])
@pytest.mark.parametrize("q", [0.5, 0.95, 0.99])
def test_quantile_is_an_order_statistic(n, q):
    """A percentile is the inverted distribution, as NumPy's `inverted_cdf` has it."""
    values = np.random.default_rng(n).exponential(size=n)
    assert stats.quantile(values, q) == pytest.approx(np.quantile(values, q, method="inverted_cdf"))


def test_quantile_of_nothing_is_nan():
    """No values have no percentile."""
    assert math.isnan(stats.quantile(np.empty(0), 0.5))


def test_quantile_interval_covers_the_truth():
    """Order statistics hold the true p95 of a skewed distribution in at least 95 % of samples of 300."""
    random = np.random.default_rng(1)
    truth = oracle.lognorm.ppf(0.95, 1)
    intervals = [stats.quantile_interval(random.lognormal(size=300), 0.95) for _ in range(600)]
    assert np.mean([low <= truth <= high for low, high in intervals]) >= 0.94


def test_a_small_sample_cannot_bound_a_high_percentile():
    """Below 72 values there is no upper bound of p95 at 97.5 %, and none is claimed."""
    assert stats.quantile_interval(np.arange(71.0), 0.95)[1] == math.inf
    assert math.isfinite(stats.quantile_interval(np.arange(73.0), 0.95)[1])


def test_windows_put_each_time_into_its_second():
    """A time belongs to the window in which it lies; what is over belongs to the last."""
    at, count = stats.windows(np.array([5.0, 5.99, 6.0, 9.5, 12.0]), 5.0, 4.5, 1.0)
    assert count == 4
    assert at.tolist() == [0, 0, 1, 3, 3]


def test_effective_n_of_independent_failures_is_about_n():
    """Failures that come one by one cost nothing."""
    random = np.random.default_rng(3)
    worth = [stats.effective_n(random.binomial(20, 0.9, 60).astype(float), np.full(60, 20.0)) for _ in range(50)]
    assert np.median(worth) > 900


def test_effective_n_of_bursts_is_the_number_of_bursts():
    """60 windows that are all good or all bad are worth about 60 operations, not 1200."""
    k = np.random.default_rng(4).binomial(1, 0.8, 60) * 20.0
    assert stats.effective_n(k, np.full(60, 20.0)) == pytest.approx(60, rel=0.05)


def test_effective_n_without_failures_is_n():
    """Where nothing varies nothing is taken off."""
    assert stats.effective_n(np.full(30, 4.0), np.full(30, 4.0)) == 120


def test_bursty_coverage_is_mended_by_effective_n():
    """With failures in bursts of 20 the plain interval misses the truth mostly, the corrected one seldom."""
    random = np.random.default_rng(5)
    plain = corrected = 0
    for _ in range(300):
        down = np.repeat(random.random(60) < 0.1, 20)
        k = (~down).reshape(60, 20).sum(axis=1).astype(float)
        worth = stats.effective_n(k, np.full(60, 20.0))
        p = k.sum() / 1200
        plain += stats.wilson(k.sum(), 1200)[0] <= 0.9 <= stats.wilson(k.sum(), 1200)[1]
        low, high = stats.wilson(p * worth, worth)
        corrected += low <= 0.9 <= high
    assert plain < 150
    assert corrected > 270


def test_resample_draws_blocks_of_neighbours():
    """Every repeat draws as many windows as there are, in runs of the block length."""
    drawn = stats.resample(10, 5, 1, repeats=200)
    assert (drawn.sum(axis=1) == 10).all()
    starts = np.random.default_rng(1).integers(0, 10, size=(200, 2))
    first = np.bincount([(start + step) % 10 for start in starts[0] for step in range(5)], minlength=10)
    assert drawn[0].tolist() == first.tolist()


def test_resample_repeats_with_its_seed():
    """The same seed draws the same, another one does not."""
    assert (stats.resample(30, 1, 1) == stats.resample(30, 1, 1)).all()
    assert (stats.resample(30, 1, 1) != stats.resample(30, 1, 2)).any()


def test_bootstrap_ratio_interval_is_that_of_theory():
    """The bootstrap interval of a mean agrees with the normal one."""
    values = np.random.default_rng(6).normal(5, 1, 200)
    repeats = stats.bootstrap_ratio(values, np.ones(200), stats.resample(200, 1, 1))
    low, high = stats.spread(repeats, 0.95)
    half = 1.96 * values.std() / math.sqrt(200)
    assert (low, high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.1 * half)


def test_bootstrap_quantile_equals_brute_force():
    """A percentile over drawn windows is that of the values put together by hand."""
    random = np.random.default_rng(7)
    values, at = random.exponential(size=400), random.integers(0, 20, 400)
    drawn = stats.resample(20, 3, 1, repeats=50)
    found = stats.bootstrap_quantile(values, at, 0.95, drawn)
    for repeat in range(50):
        together = np.concatenate([np.tile(values[at == w], int(drawn[repeat, w])) for w in range(20)])
        assert found[repeat] == pytest.approx(stats.quantile(together, 0.95))


def test_bootstrap_quantile_of_many_values_is_near_brute_force():
    """Above 2000 values they are grouped by rank, which moves a p95 by under 0.1 % of rank."""
    random = np.random.default_rng(8)
    values, at = random.exponential(size=20000), random.integers(0, 40, 20000)
    drawn = stats.resample(40, 1, 1, repeats=20)
    found = stats.bootstrap_quantile(values, at, 0.95, drawn)
    for repeat in range(20):
        together = np.concatenate([np.tile(values[at == w], int(drawn[repeat, w])) for w in range(40)])
        assert found[repeat] == pytest.approx(stats.quantile(together, 0.95), rel=0.02)


def test_spread_of_too_few_numbers_is_unbounded():
    """When a tenth of the repeats gave no number, no bound is claimed."""
    assert stats.spread(np.array([1.0] * 80 + [np.nan] * 20), 0.95) == (-math.inf, math.inf)


def test_block_length_follows_the_correlation():
    """Independent windows need blocks of one, windows that hang together longer ones, 20 blocks at least."""
    random = np.random.default_rng(9)
    noise = random.normal(size=80)
    slow = np.convolve(random.normal(size=90), np.ones(11), "valid")
    assert stats.block_length(noise, 80, 1.0) == 1
    assert 2 <= stats.block_length(slow, 80, 1.0) <= 4
    assert stats.block_length(noise, 300, 1.0) == 4  # 5 s, but 20 blocks must remain


def test_difference_of_independent_normals():
    """MOVER of two symmetric intervals is the usual interval of a difference."""
    low, high = stats.difference((10, 8, 12), (3, 2, 4), 2)
    assert (low, high) == pytest.approx((4 - math.hypot(2, 2), 4 + math.hypot(2, 2)))


@pytest.mark.parametrize(("steps", "pause"), [(1, 0.0), (3, 1.0), (10, 3.0)])
def test_sessions_that_fail_as_a_whole_are_covered(steps, pause):
    """Of 200 simulated minutes whose users fail in all steps or none, the 95 % interval holds the truth in 178 or more.

    At 95 % of coverage fewer come once in 5 000 times (binomial); windows of time alone hold it in 108, of ten steps.
    """
    held = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        users = random.uniform(-steps * pause, 60.0, random.poisson(10 * (60.0 + steps * pause)))
        t = (users[:, None] + pause * np.arange(steps)).ravel()
        inside = (t >= 0) & (t < 60)
        failed = np.repeat(random.random(len(users)) < 0.1, steps)[inside].astype(float)
        _, user = np.unique(np.repeat(np.arange(len(users)), steps)[inside], return_inverse=True)
        worth = stats.clustered_n(np.bincount(user, weights=failed), np.bincount(user).astype(float))
        low, high = stats.wilson(failed.mean() * worth, worth)
        held += low <= 0.1 <= high
    assert held >= 178
