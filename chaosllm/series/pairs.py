"""Two runs of one experiment over each other: the same windows and the same phases, on one clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.series.groups import Group, groups
from chaosllm.series.timeline import Rates, Windows, rates, windows


@dataclass(frozen=True, eq=False)
class Pair:
    """A is the earlier run, B what is held against it; B's phases are `scale` times as long as A's."""

    a: Run
    b: Run
    scale: float = 1.0

    @property
    def sides(self) -> tuple[tuple[str, Run], tuple[str, Run]]:
        """Both with their letters."""
        return ("A", self.a), ("B", self.b)

    @property
    def frame(self) -> Run:
        """The run that went further through the scenario: its clock and its phases are the axis of both."""
        return self.b if self.b.end / self.scale > self.a.end else self.a

    def pace(self, run: Run) -> float:
        """Seconds of `run` in a second of the frame's clock."""
        mine, axis = (self.scale if one is self.b else 1.0 for one in (run, self.frame))
        return mine / axis


@dataclass(frozen=True, eq=False)
class Overlay:
    """Rates of both runs, a second of each one's own clock, in windows of the frame's; NaN where one was over."""

    into: Windows
    a: Rates
    b: Rates

    @property
    def sides(self) -> tuple[tuple[str, Rates], tuple[str, Rates]]:
        """Both with their letters."""
        return ("A", self.a), ("B", self.b)


def overlay(pair: Pair) -> Overlay:
    """What happened in both, window by window."""
    into = windows(pair.frame)
    found = [_rates(run, into, pair.pace(run)) for _, run in pair.sides]
    return Overlay(into, *found)


def _rates(run: Run, into: Windows, pace: float) -> Rates:
    edges = into.edges * pace
    found = rates(run, Windows(edges, into.step * pace))
    # One in a hundred, because a scenario's shortened durations are exact to that (sameness).
    over = edges[1:] > run.end * 1.01

    def known(row: Floats) -> Floats:
        return np.where(over, np.nan, row)

    outcomes = {outcome: known(row) for outcome, row in found.outcomes.items()}
    return Rates(outcomes, known(found.offered), known(found.goodput), known(found.calls))


def roles(pair: Pair) -> list[tuple[Group, Group]]:
    """The phases of each role as one group, of A and of B: warm-up left out."""
    others = {group.role: group for group in groups(pair.b, most=0)}
    return [(group, others[group.role]) for group in groups(pair.a, most=0) if group.role in others]
