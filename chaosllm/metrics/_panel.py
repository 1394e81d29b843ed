"""A phase cut into windows, with the bootstrap draws that all metrics of the phase share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, override

import numpy as np
from numpy.typing import ArrayLike

from chaosllm.columns import Ints, Mask
from chaosllm.join import LEAST_MATCH, Run
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.mix import Mix
from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.stats import Floats, block_length, clustered_n, effective_n, resample, wilson, window_width, windows
from chaosllm.units import format_share


@dataclass(frozen=True, eq=False)
class Panel:
    """The operations of a phase by window."""

    run: Run
    place: int
    rows: Ints
    at: Ints  # the window of each row
    count: int
    seconds: float
    width: float

    def sums(self, weights: ArrayLike | None = None) -> Floats:
        """The sum of the rows' weights in each window; how many rows, without weights."""
        if weights is None:
            return np.bincount(self.at, minlength=self.count).astype(np.float64)
        return np.bincount(self.at, weights=np.asarray(weights, dtype=np.float64), minlength=self.count)

    def worth(self, chosen: Floats) -> float:
        """How many independent operations the panel's are worth, of which some are chosen (1, else 0).

        Failures come in bursts, and those of one user's session hang together: the worse of both counts.
        """
        worth = effective_n(self.sums(chosen), self.sums())
        if not self.run.scenario.target.sessions:
            return worth
        stride = Mix(self.run.scenario.target, self.run.scenario.seed).stride
        _, user = np.unique(np.asarray(self.run.samples.operation)[self.rows] // stride, return_inverse=True)
        return min(worth, clustered_n(np.bincount(user, weights=chosen), np.bincount(user).astype(np.float64)))

    def drawn(self, series: Floats) -> Floats:
        """Bootstrap draws of the windows, in blocks as long as this series asks for."""
        length = block_length(series, self.seconds, self.width)
        key = ("drawn", self.place, length)
        if key not in self.run.memory:
            seed = [self.run.scenario.seed % (1 << 32), self.place, length]
            self.run.memory[key] = resample(self.count, length, seed)
        found: Floats = self.run.memory[key]
        return found


def panel(run: Run, phase: str | None) -> Panel | None:
    """The windows of a phase or block; None when it has no operations (or there is no such phase)."""
    if phase is None or not len(rows := run.rows(phase)):
        return None
    if (key := ("windows", phase)) not in run.memory:  # because every metric asks for them
        run.memory[key] = _windows(run, phase, rows)
    return Panel(run, rows=rows, **run.memory[key])


def _windows(run: Run, phase: str, rows: Ints) -> dict[str, Any]:
    parts = run.parts(phase)
    seconds = run.seconds(phase) or sum(part.duration for _, part in parts)
    width = window_width(seconds)
    at, count = np.zeros(len(rows), dtype=np.int64), 0
    for place, part in parts:  # the windows of a block's phases follow each other
        mine = run.phase_of[rows] == place
        found, more = windows(run.samples.t_due[rows[mine]], part.start, run.seconds(part.name) or part.duration, width)
        at[mine], count = found + count, count + more
    # A block is a place of its own, because it shares no draws with its first phase.
    place = parts[0][0] + (len(run.scenario.phases) if len(parts) > 1 else 0)
    return {"place": place, "at": at, "count": count, "seconds": seconds, "width": width}


def no_operations(phase: str | None) -> Estimate:
    """Why there is no panel."""
    return Estimate.none(f"no operation was due in {phase}" if phase else "name a phase")


def unmatched(run: Run) -> Estimate:
    """Why a metric by operation is withheld."""
    if run.match_rate is None:
        return Estimate.none("no call was seen in the phases")
    return Estimate.none(
        f"only {format_share(run.match_rate)} of calls could be matched to an operation, "
        f"{format_share(LEAST_MATCH)} are needed"
    )


def share(run: Run, phase: str | None, which: Mask, confidence: float) -> Estimate:
    """The share of a phase's operations for which `which` (by row) holds.

    Wilson's interval at the effective n, because failures come in bursts.
    """
    found = panel(run, phase)
    if found is None:
        return no_operations(phase)
    chosen = which[found.rows].astype(np.float64)
    n = len(chosen)
    worth = found.worth(chosen)
    value = float(chosen.mean())
    low, high = wilson(value * worth, worth, confidence)
    return Estimate(value, low, high, n)


def share_among(run: Run, phase: str | None, which: Mask, *, among: Mask, confidence: float, nobody: str) -> Estimate:
    """As `share`, of those operations only for which `among` (by row) holds; `nobody` says why there is none."""
    found = panel(run, phase)
    if found is None:
        return no_operations(phase)
    there = among[found.rows]
    n = int(there.sum())
    if not n:
        return Estimate.none(nobody)
    chosen = which[found.rows] & there
    value = float(chosen.sum()) / n
    worth = effective_n(found.sums(chosen), found.sums(there))
    low, high = wilson(value * worth, worth, confidence)
    return Estimate(value, low, high, n)


def baseline_of(run: Run, phase: str | None) -> str | None:
    """The baseline that a phase is held against: the last one before it, else the last of all.

    A block, and the run as a whole, are held against all rounds of a baseline that repeats.
    """
    baselines = run.phases(Role.BASELINE)
    parts = run.parts(phase) if phase is not None else []
    before = [one for one in baselines if parts and one.start < parts[-1][1].start]
    found = next(reversed(before or baselines), None)
    if found is None:
        return None
    return found.name if len(parts) == 1 else found.judged_as


class OutcomeShare(Metric):
    """The share of one outcome among all operations offered, dropped ones included."""

    unit: ClassVar[Unit] = "share"
    outcome: ClassVar[Outcome]

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        return share(run, phase, run.samples.was(self.outcome), confidence)


#: Few, because Wilson's interval says by itself when a sample is too small.
LEAST_FOR_SHARE = 10
