"""Recovered share: whether good service comes back at the old load once the trigger is gone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Ints
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, baseline_of, no_operations
from chaosllm.scenario import Role
from chaosllm.sources import Sees
from chaosllm.stats import wilson
from chaosllm.units import format_duration, format_share

#: Seconds that a recovery must last to be judged, and how many of the user's deadlines (METHOD metric 9).
LEAST_SECONDS, LEAST_DEADLINES = 10.0, 1.5
#: How far the offered load may differ from the baseline's. Ours: an app at half of its capacity bears it.
SAME_LOAD = 0.25
#: And so many standard errors more, because arrivals are drawn: of 70 operations against 80 one run in eight was
#: 25 % off by chance alone (the zoo's), and a metastable app went unnamed.
_CHANCE = 3.0


class RecoveredShare(Metric):
    """The good fraction in the second half of R over that of B, at the same offered load (METHOD metric 9).

    Well below 1 the bad state outlives its trigger: a metastable failure (Bronson and others, HotOS'21).
    Judged only where R lasts at least max(10 s, 1.5 x the user's deadline). Both shares vary, so the
    bounds are Wilson's of each, put together at their worst.
    """

    names: ClassVar[tuple[str, ...]] = ("recovered_share",)
    summary: ClassVar[str] = "good share in the second half of the recovery over that of the baseline"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"recovered_share": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio; 1 is as good as before."""
        one = run.phase(phase) if phase is not None else None
        if one is None or one.role is not Role.RECOVERY:
            return Estimate.none("the recovered share is that of a recovery phase")
        baseline = baseline_of(run, phase)
        before = run.rows(baseline) if baseline is not None else np.empty(0, dtype=np.int64)
        rows = late(run, one.name)
        if baseline is None or not len(before):
            return Estimate.none("there is no baseline to recover to")
        if not len(rows):
            return no_operations(phase)
        least = max(LEAST_SECONDS, LEAST_DEADLINES * run.timeout)
        if run.seconds(one.name) < least:
            return Estimate.none(f"the recovery must last {format_duration(least)} to show it", len(rows))
        if not run.scenario.load.closed:
            due = len(run.due(baseline))
            rate = 2 * len(rows) / run.seconds(one.name) / (due / run.seconds(baseline))
            burst = run.scenario.load.cv if run.scenario.load.arrivals == "gamma" else 1.0
            if abs(rate - 1) > SAME_LOAD + _CHANCE * max(1.0, burst) * rate * math.sqrt(1 / len(rows) + 1 / due):
                why = f"the offered load was {format_share(rate)} of the baseline's, so it cannot be compared"
                return Estimate.none(why, len(rows))
        k, n = int(run.good[before].sum()), len(before)
        if not k:
            return Estimate.none("no operation of the baseline was good", len(rows))
        got = int(run.good[rows].sum())
        low, high = wilson(got, len(rows), confidence)
        less, more = wilson(k, n, confidence)
        return Estimate(got / len(rows) / (k / n), low / more, high / less, len(rows))


def late(run: Run, phase: str) -> Ints:
    """Rows of the operations that were due in the second half of a phase."""
    one = run.phase(phase)
    rows = run.due(phase)
    if one is None:
        return rows[:0]
    return rows[run.samples.t_due[rows] >= one.start + run.seconds(phase) / 2]


MEMBER = RecoveredShare()
