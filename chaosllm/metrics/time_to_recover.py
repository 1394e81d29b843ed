"""Time to recover: from the end of the injection until service is as good as before, and stays so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import baseline_of
from chaosllm.metrics._recoveries import Recovery, recoveries
from chaosllm.recovery import PER_WINDOW, held, hold, longest_seen, window
from chaosllm.sources import Sees
from chaosllm.stats import binomial_cdf, quantile, quantile_interval, wilson, windows

#: How unlikely, in a recovered app, a window must be to count as bad; over 100 windows 1 false alarm in 10.
DOUBT = 0.001
#: The p95 of recovery may exceed that of the baseline by this, because our own clock check allows a lag of
#: 50 ms, and METHOD takes 1.2 x for the same elsewhere (metric 23).
SLACK_RATIO, SLACK_SECONDS = 1.2, 0.05


@dataclass(frozen=True)
class _Bounds:
    """What the baseline promises: the least share of good answers, and a latency that 95 % stay under."""

    good: float
    latency: float

    def fits(self, good: int, slow: int, n: int) -> bool:
        """Whether so many good and so many slow ones among n may come from an app as good as the baseline."""
        if n == 0:
            return True
        bad = n - good
        too_bad = 1 - _below(n, 1 - self.good, bad) < DOUBT
        too_slow = 1 - _below(n, 0.05, slow) < DOUBT
        return not (too_bad or too_slow)


def _below(n: int, p: float, k: int) -> float:
    """P(X < k), X binomial (n, p)."""
    return float(binomial_cdf(n, p)[k - 1]) if k > 0 else 0.0


class TimeToRecover(Metric):
    """The least t after the injection such that service is good in every window of [t, t + hold].

    Good: the share of good answers is not below the lower bound of the baseline's, and the p95 not above
    the upper bound of the baseline's (with some slack), judged for each window by its own number of
    operations, and for the whole hold together. hold = min(30 s, a third of the recovery). The
    resolution is one window: 1 s, or as long as 20 operations take. Never within the recovery: no value,
    and a low bound instead. After several faults the worst counts.
    """

    names: ClassVar[tuple[str, ...]] = ("time_to_recover",)
    summary: ClassVar[str] = (
        "seconds from the end of injection until service is as good as in the baseline and stays so"
    )
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"time_to_recover": 2 * PER_WINDOW}
    sees: ClassVar[Sees] = "status"
    whole_run: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """Seconds, exact but for the resolution."""
        baseline = baseline_of(run, None)
        before = run.rows(baseline) if baseline else np.empty(0, dtype=np.int64)
        before = before[np.isfinite(run.latency[before])]
        if not len(before):
            return Estimate.none("there is no baseline to recover to")
        latency = run.latency[before]
        upper = quantile_interval(latency, 0.95)[1]
        upper = upper if math.isfinite(upper) else quantile(latency, 1.0)
        promised = _Bounds(
            good=wilson(int(run.good[before].sum()), len(before))[0],
            latency=max(upper * SLACK_RATIO, upper + SLACK_SECONDS),
        )
        found = [_recovered(run, one, promised) for one in recoveries(run, phase)]
        if not found:
            return Estimate.none("there is no recovery phase after a fault phase")
        # The worst: one that never recovered, else the longest.
        return max(found, key=lambda one: (one.value is None, one.value if one.value is not None else one.low))


def _recovered(run: Run, one: Recovery, promised: _Bounds) -> Estimate:
    n = len(one.rows)
    width = window(n, one.seconds)
    if width > hold(one.seconds):
        return Estimate.none(_too_short(n, one.seconds), n)
    good, slow, all_ = _counts(run, one, promised, width)
    windows_held = held(one.seconds, width)
    fits = [promised.fits(int(g), int(s), int(a)) for g, s, a in zip(good, slow, all_, strict=True)]
    for first in range(len(fits) - windows_held + 1):
        span = slice(first, first + windows_held)
        if all(fits[span]) and promised.fits(int(good[span].sum()), int(slow[span].sum()), int(all_[span].sum())):
            t = first * width
            return Estimate(t, t, t, n, exact=True)
    return Estimate(
        None,
        longest_seen(n, one.seconds),
        math.inf,
        n,
        why=f"not recovered within the {one.seconds:g}s of recovery",
        exact=True,
    )


def _too_short(n: int, seconds: float) -> str:
    """Why a recovery of so many operations cannot be judged, and what could."""
    if seconds < 3:  # a third of it is less than the shortest window
        return f"a recovery phase of {seconds:g}s is too short for it, at least 3s are needed"
    needed = math.ceil(PER_WINDOW * seconds / hold(seconds) - 1e-9)
    return f"the recovery phase is too short for it ({n} operations in {seconds:g}s, {needed} are needed)"


def _counts(run: Run, one: Recovery, promised: _Bounds, width: float) -> tuple[Floats, Floats, Floats]:
    """(good, slow, all) operations in each window, by due time."""
    at, count = windows(run.samples.t_due[one.rows], one.start, one.seconds, width)
    latency = run.latency[one.rows]
    slow = ~(latency <= promised.latency)  # dropped operations never came: slower than any bound
    sums = [np.bincount(at, weights=part, minlength=count) for part in (run.good[one.rows], slow)]
    return sums[0], sums[1], np.bincount(at, minlength=count).astype(np.float64)


MEMBER = TimeToRecover()
