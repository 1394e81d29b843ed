"""The way back: service from shortly before a fault was taken away until it was as good as before."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from chaosllm.analysis import measure
from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Estimate
from chaosllm.metrics._panel import baseline_of
from chaosllm.metrics._recoveries import Recovery, recoveries
from chaosllm.recovery import window
from chaosllm.scenario import Role
from chaosllm.stats import quantile

#: Windows on the whole picture: more are noise, and hide when it turned.
MOST = 60


@dataclass(frozen=True, eq=False)
class Return:
    """Times count from the end of the fault, in seconds; NaN where no operation was due, or none ended."""

    fault: str  # the phase before
    edges: Floats
    good: Floats  # share of good answers by window
    p95: Floats  # seconds
    n: Floats  # operations by window
    before_good: float  # the baseline's share, NaN without one
    before_p95: float
    took: Estimate  # the time to recover
    lasts: float  # seconds of the recovery
    several: int  # how many recoveries there were; this one is the worst

    @property
    def never(self) -> bool:
        """Whether service was not as good as before by the end of the recovery; not where that cannot be told."""
        return self.took.value is None and math.isfinite(self.took.low)


def way_back(run: Run) -> Return | None:
    """The worst recovery of a run; None when no operation was due after a fault."""
    if "way back" not in run.memory:
        run.memory["way back"] = _way_back(run)
    found: Return | None = run.memory["way back"]
    return found


def _way_back(run: Run) -> Return | None:
    every = recoveries(run)
    found = [(one, _took(run, one, len(every))) for one in every if len(one.rows) and one.seconds > 0]
    if not found:
        return None
    one, took = max(found, key=lambda each: (each[1].value is None, each[1].value or each[1].low))
    fault = next(
        phase for phase in reversed(run.scenario.phases) if phase.role is Role.FAULT and phase.end <= one.start + 1e-9
    )
    step = max(window(len(one.rows), one.seconds), one.seconds / MOST)
    ahead = max(1, round(min(one.seconds / 3, run.seconds(fault.name)) / step))
    after = max(1, int(one.seconds / step + 1e-9))
    if took.value is not None:  # a long calm afterwards would press the turn into a corner
        after = min(after, max(8, int(np.ceil(4 * took.value / step))))
    edges = np.arange(-ahead, after + 1, dtype=np.float64) * step
    good, p95, n = _windows(run, one.start + edges)
    before_good, before_p95 = _before(run)
    return Return(fault.name, edges, good, p95, n, before_good, before_p95, took, one.seconds, len(found))


def _took(run: Run, one: Recovery, several: int) -> Estimate:
    name = next(phase.name for phase in run.scenario.phases if phase.start == one.start)
    return measure(run, "time_to_recover", name if several > 1 else None)


def _windows(run: Run, edges: Floats) -> tuple[Floats, Floats, Floats]:
    due = np.asarray(run.samples.t_due, dtype=np.float64)
    inside = np.flatnonzero((due >= edges[0]) & (due < edges[-1]) & ~run.unfinished & (run.phase_of >= 0))
    at = np.searchsorted(edges, due[inside], side="right") - 1
    n = np.bincount(at, minlength=len(edges) - 1).astype(np.float64)
    good = np.bincount(at, weights=run.good[inside], minlength=len(edges) - 1)
    latency = np.minimum(run.latency[inside], run.timeout)  # a hang lasts for its user until the deadline
    ended = [latency[(at == place) & np.isfinite(latency)] for place in range(len(n))]
    p95 = np.array([quantile(part, 0.95) for part in ended])
    with np.errstate(invalid="ignore"):
        return good / n, p95, n


def _before(run: Run) -> tuple[float, float]:
    """(share of good answers, p95 in seconds) of the baseline; NaN without one."""
    baseline = baseline_of(run, None)
    rows = run.rows(baseline) if baseline else np.empty(0, dtype=np.int64)
    if not len(rows):
        return float("nan"), float("nan")
    latency = run.latency[rows]
    return float(run.good[rows].mean()), quantile(latency[np.isfinite(latency)], 0.95)
