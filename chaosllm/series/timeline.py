"""The run over time: what was asked, what users got and how long they waited, window by window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Floats, Ints, Mask
from chaosllm.join import Run, is_call
from chaosllm.metrics.goodput import in_time
from chaosllm.record import OUTCOMES
from chaosllm.stats import quantile

NICE_STEPS = (1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0)
MOST_WINDOWS = 90
#: A percentile is drawn where at least one operation lies above it; of fewer it is but the slowest by another name.
LEAST = {50: 3, 95: 20, 99: 100}


@dataclass(frozen=True, eq=False)
class Windows:
    """`edges` are seconds of the run, one more than there are windows; no window holds parts of two phases."""

    edges: Floats
    step: float  # how long a window is, as far as the phases allow

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def widths(self) -> Floats:
        """Seconds of each."""
        return np.diff(self.edges)

    @property
    def middles(self) -> Floats:
        """The middle of each, in seconds of the run."""
        found: Floats = (self.edges[:-1] + self.edges[1:]) / 2
        return found

    def at(self, t: Floats) -> Ints:
        """The window of each time; -1 before the first and after the last, which holds its own end."""
        found = np.searchsorted(self.edges, t, side="right").astype(np.int64) - 1
        found[t == self.edges[-1]] = len(self) - 1
        return np.where(found < len(self), found, -1)


@dataclass(frozen=True, eq=False)
class Rates:
    """Events a second in each window."""

    outcomes: dict[str, Floats]  # operations, by outcome, in the window in which they were due
    offered: Floats  # operations due
    goodput: Floats  # good answers within the latency objectives of their phase
    calls: Floats  # calls to the LLM, in the window in which they were made


@dataclass(frozen=True, eq=False)
class Percentiles:
    """Seconds by window, by percentile (50, 95, 99); NaN where too few operations ended.

    `slowest` is the longest wait of each window.
    """

    of: dict[int, Floats]
    slowest: Floats
    n: Ints  # operations that have a latency


def windows(run: Run, least: float = 0.0) -> Windows:
    """Windows of a nice length, at most about MOST_WINDOWS, as far as the run went; none of a run that never began.

    `least`: operations that a window should hold on average.
    """
    end = run.end
    phases = [(phase.start, min(phase.end, end)) for phase in run.scenario.phases if phase.start < end]
    if not phases:
        return Windows(np.zeros(1), NICE_STEPS[0])
    rate = len(run.samples) / end
    longest = NICE_STEPS[-1]
    step = next((s for s in NICE_STEPS if end / s <= MOST_WINDOWS and (s * rate >= least or s >= end / 4)), longest)
    if len(phases) > MOST_WINDOWS:  # so many that they cannot be told apart anyway
        phases = [(0.0, end)]
    edges = [np.array([phases[0][0]])]
    for start, stop in phases:
        edges.append(np.linspace(start, stop, max(1, round((stop - start) / step)) + 1)[1:])
    return Windows(np.concatenate(edges), step)


def rates(run: Run, into: Windows) -> Rates:
    """How much happened in each window; operations that a stop cut off are left out."""
    rows = np.flatnonzero((run.phase_of >= 0) & ~run.unfinished)
    at = into.at(np.asarray(run.samples.t_due, dtype=np.float64)[rows])
    codes = np.asarray(run.samples.outcome)[rows]
    served = good_in_time(run)[rows]

    def rate(places: Ints) -> Floats:
        counts = np.bincount(places[places >= 0], minlength=len(into))
        found: Floats = counts / into.widths
        return found

    return Rates(
        outcomes={outcome.value: rate(at[codes == code]) for code, outcome in enumerate(OUTCOMES)},
        offered=rate(at),
        goodput=rate(at[served]),
        calls=rate(into.at(call_times(run))),
    )


def good_in_time(run: Run) -> Mask:
    """Good answers, by row, that met the absolute latency objectives of their phase (METHOD metric 2)."""
    if "good in time" not in run.memory:
        served = np.zeros(len(run.samples), dtype=bool)
        for place, phase in enumerate(run.scenario.phases):
            mine = run.phase_of == place
            served[mine] = in_time(run, phase.name)[mine]
        run.memory["good in time"] = served
    found: Mask = run.memory["good in time"]
    return found


def call_times(run: Run) -> Floats:
    """When each call to an LLM was made, in seconds of the run."""
    return np.array([event.t for event in run.events if is_call(event)], dtype=np.float64)


def percentiles(run: Run, values: Floats, into: Windows) -> Percentiles:
    """Percentiles of `values` (seconds by row, NaN for none), by the window in which the operation was due."""
    at = into.at(np.asarray(run.samples.t_due, dtype=np.float64))
    there = np.isfinite(values) & (at >= 0) & (run.phase_of >= 0)
    at, values = at[there], values[there]
    order = np.argsort(at, kind="stable")
    values = values[order]
    borders = np.searchsorted(at[order], np.arange(len(into) + 1))
    n = np.diff(borders)
    parts = [values[borders[i] : borders[i + 1]] for i in range(len(into))]
    return Percentiles(
        of={
            q: np.array([quantile(part, q / 100) if len(part) >= least else np.nan for part in parts])
            for q, least in LEAST.items()
        },
        slowest=np.array([part.max() if len(part) else np.nan for part in parts]),
        n=n,
    )
