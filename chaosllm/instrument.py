"""How exact a run's own instrument was: what our processes used, how late they were, asked delays against done ones.

Laws:
1. What no record tells is left out, never shown as 0.
2. Warm-up does not count: nothing of it is judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chaosllm.join import Run
from chaosllm.record import LATE, Did, Ended
from chaosllm.scenario import Phase, Role
from chaosllm.stats import Floats, quantile
from chaosllm.vitals import APP, Signs

#: The keys of `Event.asked` and `Event.done` that name one delay each, measured from where it began to where it
#: ended. A pace is no such delay: its error is told event by event.
DELAYS = ("wait", "hang", "stall")
#: Seconds; what ends more than this before its time is early, because libuv cuts time and timer to a millisecond.
EARLY = 0.002


@dataclass(frozen=True, slots=True)
class Seconds:
    """What one process was in one phase; the columns have a row for each `width` seconds of it."""

    signs: Signs
    phase: Phase
    cpu: Floats  # share of a core that it used
    wait: Floats  # share of the time in which it waited for one
    lag: Floats  # median lag, seconds

    @property
    def busy(self) -> Floats:
        """The share of the time in which it had work to do."""
        return self.cpu + self.wait

    @property
    def width(self) -> float:
        """Seconds of a row."""
        return self.signs.width


def processes(run: Run) -> list[Signs]:
    """What our processes told of themselves; [] for a run of an older version."""
    told = run.meta.get("vitals")
    return [signs for one in (told if isinstance(told, list) else []) if (signs := Signs.read(one)) is not None]


def seconds(run: Run, signs: Signs) -> Iterator[Seconds]:
    """The seconds of a process in each phase that is judged, as far as the run came."""
    t0 = (run.meta.get("clock") or {}).get("t0")
    for phase in run.scenario.phases:
        if isinstance(t0, int | float) and math.isfinite(t0) and phase.role is not Role.WARMUP:
            rows = signs.rows(t0 + phase.start, t0 + phase.start + run.seconds(phase.name))
            columns = (signs.cpu, signs.wait, signs.lag)
            if len(rows):
                yield Seconds(signs, phase, *(np.array([column[at] for at in rows]) for column in columns))


def delay_errors(run: Run) -> Floats:
    """By how many seconds each injected delay was longer than asked for; negative ones came early.

    A delay that somebody cut short is left out: the app left, or another fault broke the connection.
    """
    found = [
        (error, event.ended in (Ended.WHOLE, Ended.CUT))
        for event in run.events
        if event.did is Did.INJECTED and event.ended not in (Ended.CLIENT_LEFT, Ended.IN_FLIGHT)
        for kind in DELAYS
        if (error := event.done.get(kind, math.nan) - event.asked.get(kind, math.nan)) == error
    ]
    return np.array([error for error, answered in found if answered or error >= -EARLY], dtype=np.float64)


def pace_lateness(run: Run) -> tuple[list[int], float]:
    """(paced events of the whole run in the classes of `record.LATE`, the latest of them in seconds)."""
    counts = [0] * (len(LATE) + 1)
    for event in run.events:
        for place, count in enumerate(event.late[: len(counts)]):
            counts[place] += count
    return counts, max((event.late_max for event in run.events if event.late_max is not None), default=0.0)


def late_at(counts: Sequence[int], worst: float, q: float) -> float:
    """The quantile `q` of lateness, seconds, rounded up to the bound of its class."""
    left = q * sum(counts)
    for bound, count in zip((*LATE, worst), counts, strict=True):
        left -= count
        if count and left <= 1e-9:
            return min(bound, worst)
    return worst


def instrument(run: Run) -> dict[str, Any]:
    """The `instrument` of summary.json: `processes`, `delays`, `pace`, `paths`; seconds, and shares of a core."""
    errors = delay_errors(run)
    found: dict[str, Any] = {"processes": [_process(run, signs) for signs in processes(run)]}
    if len(errors):
        found["delays"] = {"n": len(errors)} | _spread(errors, p50=0.5, p95=0.95, max=1.0)
    late, worst = pace_lateness(run)
    if sum(late):
        found["pace"] = {"n": sum(late), "max": worst} | {f"p{q}": late_at(late, worst, q / 100) for q in (50, 95, 99)}
    paths = (run.meta.get("proxy") or {}).get("paths")
    if isinstance(paths, dict) and paths:
        found["paths"] = {str(name): count for name, count in paths.items() if isinstance(count, int)}
    return found


def _process(run: Run, signs: Signs) -> dict[str, Any]:
    parts = [*seconds(run, signs)]
    row: dict[str, Any] = {"process": signs.process}
    if signs.worker is not None:
        row["worker"] = signs.worker
    if parts:
        for name, columns in (("cpu", [part.cpu for part in parts]), ("wait", [part.wait for part in parts])):
            row[name] = _spread(np.concatenate(columns), p50=0.5, p95=0.95, max=1.0)
    if signs.process != APP:
        row["lag"] = {"p50": signs.lag_at(0.5), "p99": signs.lag_at(0.99), "max": signs.worst}
    return row


def _spread(values: Floats, **at: float) -> dict[str, float]:
    return {name: round(quantile(values, q), 6) for name, q in at.items()}
