"""Intervals for shares, ratios and percentiles that stay honest when failures come in bursts.

Laws:
1. `confidence` is two-sided unless `sides=1` is said; each bound of a 90 % interval is a one-sided 95 % bound.
2. Every random number comes from a seed in the arguments.
3. None or NaN is never a bound: a side that the sample cannot bound is infinite.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from chaosllm.power import score_interval, z_value

type Floats = NDArray[np.float64]

#: Fewer blocks than this say nothing about bursts (METHOD section 3).
LEAST_BLOCKS = 20
#: Bootstrap repeats: the error of a 5 % tail is then 0.7 points.
REPEATS = 1000
#: Distinct values that a percentile bootstrap tells apart; more are grouped by rank, at 0.05 % of rank each.
_RANKS = 2000


def wilson(k: float, n: float, confidence: float = 0.95, *, sides: int = 2) -> tuple[float, float]:
    """Wilson's score interval for k of n (Wilson 1927); (0, 1) for n = 0. Fractions, as of an effective n, are fine.

    With `sides=1` each bound holds by itself at `confidence`.
    """
    if n <= 0:
        return 0.0, 1.0
    low, high = score_interval(k / n, n, z_value(confidence, sides))
    # Exact at the ends: rounding must not push the bound of 0 of n above 0.
    return 0.0 if k <= 0 else max(0.0, low), 1.0 if k >= n else min(1.0, high)


def binomial_cdf(n: int, p: float) -> Floats:
    """P(X <= k) for k = 0..n, X binomial (n, p)."""
    if p <= 0 or p >= 1:
        found = np.ones(n + 1)
        if p >= 1:
            found[:-1] = 0.0
        return found
    k = np.arange(n, dtype=np.float64)
    logs = np.concatenate(([0.0], np.cumsum(np.log((n - k) / (k + 1)) + math.log(p / (1 - p)))))
    weights = np.exp(logs - logs.max())
    total = np.cumsum(weights)
    shares: Floats = total / total[-1]
    return shares


def binomial_interval(n: int, p: float, confidence: float = 0.999) -> tuple[int, int]:
    """The counts between which k of n lies with at least that confidence, when the true share is p."""
    cdf = binomial_cdf(n, p)
    tail = (1 - confidence) / 2
    # 1e-12, because a cumulated sum may miss a tail that is met exactly by a rounding error.
    low = int(np.searchsorted(cdf, tail - 1e-12, side="right")) if tail > 0 else 0
    high = int(np.searchsorted(cdf, 1 - tail - 1e-12))
    return min(low, n), min(high, n)


def quantile(values: Floats, q: float) -> float:
    """The order statistic at q, the ceil(n q)-th smallest; NaN for no values."""
    if not len(values):
        return math.nan
    return float(np.partition(values, _rank(len(values), q))[_rank(len(values), q)])


def _rank(n: int, q: float) -> int:
    # 1e-9, because 0.95 * 300 is not exactly 285 in binary.
    return min(n - 1, max(0, math.ceil(n * q - 1e-9) - 1))


def quantile_interval(
    values: Floats, q: float, confidence: float = 0.95, *, ordered: bool = False
) -> tuple[float, float]:
    """Distribution-free interval of a percentile: two order statistics, from the binomial distribution.

    A side for which the sample is too small is infinite (below 59 values no upper bound of p95 exists).
    `ordered`: the values are rising already.
    """
    n = len(values)
    if not n:
        return -math.inf, math.inf
    cdf = binomial_cdf(n, q)
    tail = (1 - confidence) / 2
    # X = how many values lie below the true percentile: x(l) <= it with P(X >= l), it < x(u) with P(X < u).
    low = int(np.searchsorted(cdf, tail, side="right"))  # largest l with P(X <= l - 1) <= tail
    high = int(np.searchsorted(cdf, 1 - tail)) + 1  # least u with P(X <= u - 1) >= 1 - tail
    rising = values if ordered else np.sort(values)
    return (
        float(rising[low - 1]) if low >= 1 else -math.inf,
        float(rising[high - 1]) if high <= n else math.inf,
    )


def windows(t: Floats, start: float, seconds: float, width: float) -> tuple[NDArray[np.int64], int]:
    """(the window of each time, how many windows there are); the last one takes what is over."""
    count = max(1, math.floor(seconds / width + 1e-9))
    at = np.floor((t - start) / width).astype(np.int64)
    return np.clip(at, 0, count - 1), count


def window_width(seconds: float) -> float:
    """The width of the windows of a phase: 1 s, less where a short phase would not give LEAST_BLOCKS."""
    return min(1.0, seconds / LEAST_BLOCKS) if seconds > 0 else 1.0


def clustered_n(k: Floats, n: Floats) -> float:
    """As `effective_n`, of operations that hang together in clusters, as those of one user do; in any order.

    The design effect of the ratio estimator of cluster sampling (Cochran, Sampling Techniques, 1977, ch. 9 and 11).
    """
    total = float(n.sum())
    p = float(k.sum()) / total if total else 0.0
    if not 0 < p < 1 or len(n) < 2:
        return total
    between = float(((k - n * p) ** 2).sum()) * len(n) / (len(n) - 1)
    return total / max(1.0, between / (total * p * (1 - p)))


def effective_n(k: Floats, n: Floats) -> float:
    """How many independent operations the operations in these windows are worth; at most their number.

    The variance of windows, and of runs of windows as long as LEAST_BLOCKS of them remain, over what
    independent failures would show. `k` of `n` in each window, in order of time.
    """
    total = float(n.sum())
    if total == 0:
        return 0.0
    p = float(k.sum()) / total
    if not 0 < p < 1:
        return total
    inflation = 1.0
    size = 1
    while len(n) // size >= LEAST_BLOCKS:
        blocks = len(n) // size
        some_k = k[: blocks * size].reshape(blocks, size).sum(axis=1)
        some_n = n[: blocks * size].reshape(blocks, size).sum(axis=1)
        used = some_n > 0
        if used.sum() > 1:
            chi2 = ((some_k[used] - some_n[used] * p) ** 2 / (some_n[used] * p * (1 - p))).sum()
            inflation = max(inflation, float(chi2) / float(used.sum() - 1))
        size *= 2
    return total / inflation


def block_length(series: Floats, seconds: float, width: float) -> int:
    """How many windows a bootstrap block holds: 1 s for a phase under 100 s, 5 s above, more when correlated.

    At most so many that LEAST_BLOCKS blocks remain (METHOD section 3).
    """
    most = max(1, len(series) // LEAST_BLOCKS)
    length = max(1, round((1.0 if seconds < 100 else 5.0) / width))
    if len(series) > 2:
        centred = series - series.mean()
        power = float(centred @ centred)
        noise = 2 / math.sqrt(len(series))  # the usual bound of a correlation that is none
        while length < most and power > 0 and float(centred[:-length] @ centred[length:]) / power > noise:
            length += 1
    return min(length, most)


def resample(count: int, length: int, seed: int | list[int], repeats: int = REPEATS) -> Floats:
    """How often each of `count` windows is drawn in each repeat of a moving-block bootstrap (circular blocks).

    A block that overshoots is cut, so that every repeat holds `count` windows.
    """
    random = np.random.default_rng(seed)
    blocks = -(-count // length)
    starts = random.integers(0, count, size=(repeats, blocks))
    if length == 1:  # each start is a block: said apart, because of ten thousand windows each copy takes 80 MB
        starts += np.arange(repeats)[:, None] * count
        flat = starts
    else:
        drawn = ((starts[:, :, None] + np.arange(length)) % count).reshape(repeats, -1)[:, :count]
        flat = drawn + np.arange(repeats)[:, None] * count
    return np.bincount(flat.ravel(), minlength=repeats * count).reshape(repeats, count).astype(np.float64)


def bootstrap_ratio(above: Floats, below: Floats, drawn: Floats) -> Floats:
    """sum(above) / sum(below) in each repeat; a mean when `below` counts. NaN where nothing was drawn below."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio: Floats = (drawn @ above) / (drawn @ below)
    return ratio


@dataclass(frozen=True, eq=False)
class Ranked:
    """Values in order, with what every percentile of their bootstrap needs: to sort a million takes longest."""

    ordered: Floats
    tops: Floats  # the greatest value of each group of ranks
    below: NDArray[np.float32]  # by group and window: how many values lie at or below the group

    @classmethod
    def of(cls, values: Floats, at: NDArray[np.int64], count: int) -> Self:
        """Of values in windows (`at` of each value), of which there are `count`."""
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        groups = min(len(values), _RANKS)
        ranks = np.arange(len(values)) * groups // max(1, len(values))
        tops = ordered[np.searchsorted(ranks, np.arange(groups), side="right") - 1]
        cells = np.bincount(at[order] * groups + ranks, minlength=count * groups).reshape(-1, groups)
        # Single precision is exact up to 16 million.
        return cls(ordered, tops, np.ascontiguousarray(np.cumsum(cells, axis=1).T, dtype=np.float32))

    def quantile(self, q: float, drawn: Floats) -> Floats:
        """The percentile q in each repeat, when whole windows are drawn."""
        times = drawn.astype(np.float32)
        total = times @ self.below[-1]
        wanted = np.ceil(total * q - 1e-9).clip(min=1)
        # The first group at or below which so many lie, halved down to, because each repeat needs 11 counts of 2000.
        last = len(self.tops) - 1
        low, high = np.zeros(len(times), dtype=np.int64), np.full(len(times), last)
        for _ in range(last.bit_length()):
            middle = (low + high) // 2
            less = np.einsum("rw,rw->r", times, self.below[middle]) < wanted
            low, high = np.where(less, np.minimum(middle + 1, high), low), np.where(less, high, middle)
        return np.where(total > 0, self.tops[low], np.nan)


def bootstrap_quantile(values: Floats, at: NDArray[np.int64], q: float, drawn: Floats) -> Floats:
    """The percentile q of `values` in each repeat, when whole windows (`at` of each value) are drawn."""
    if not len(values):
        return np.full(len(drawn), np.nan)
    return Ranked.of(values, at, drawn.shape[1]).quantile(q, drawn)


def bootstrap_order_statistic(values: Floats, q: float, seed: int | list[int], repeats: int = REPEATS) -> Floats:
    """The percentile q of `values` in each repeat, when they are independent and drawn one by one; shape (repeats,).

    No value is drawn: of n uniform numbers the k-th smallest is Beta(k, n + 1 - k) (David and Nagaraja, Order
    Statistics, 2003, section 2.3), and where it falls is the rank that a drawn sample's percentile has. So this is
    `bootstrap_quantile` of blocks of one value each, exactly, in 1/n of the time. In the values' unit; NaN for none.
    """
    n = len(values)
    if not n:
        return np.full(repeats, np.nan)
    k = _rank(n, q) + 1
    place = np.random.default_rng(seed).beta(k, n + 1 - k, size=repeats) * n
    drawn: Floats = np.sort(values)[np.minimum(place.astype(np.int64), n - 1)]
    return drawn


def spread(repeats: Floats, confidence: float) -> tuple[float, float]:
    """The percentile interval of bootstrap repeats; infinite when fewer than 9 in 10 gave a number."""
    finite = repeats[np.isfinite(repeats)]
    if len(finite) < 0.9 * len(repeats) or not len(finite):
        return -math.inf, math.inf
    tail = (1 - confidence) / 2
    low, high = np.quantile(finite, [tail, 1 - tail])
    return float(low), float(high)


def difference(
    first: tuple[float, float, float], second: tuple[float, float, float], factor: float
) -> tuple[float, float]:
    """Interval of `first - factor * second` from (value, low, high) of each, for independent samples.

    MOVER: the distances to the bounds add as squares (Zou and Donner 2008).
    """
    a, a_low, a_high = first
    b, b_low, b_high = (factor * part for part in second)
    gap = a - b
    return gap - math.hypot(a - a_low, b_high - b), gap + math.hypot(a_high - a, b - b_low)
