"""How often the app called LLMs for one operation, and whom."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Floats, Ints
from chaosllm.join import Run, is_call
from chaosllm.record import Outcome
from chaosllm.series.groups import Group

#: Past five the exact number matters no more: over ten is a storm (METHOD metric 11).
BINS = ("0", "1", "2", "3", "4", "5", "6 to 10", "over 10")
_EDGES = (0, 1, 2, 3, 4, 5, 6, 11, np.inf)


@dataclass(frozen=True, eq=False)
class Histogram:
    """`shares[i]` of the operations sent made `BINS[i]` calls."""

    shares: Floats
    mean: float
    most: int
    n: int


def histogram(run: Run, group: Group) -> Histogram | None:
    """Calls by operation in these phases; dropped operations were never sent. None without an operation."""
    rows = group.rows(run)
    made = run.attempts[rows[~run.samples.was(Outcome.DROPPED)[rows]]]
    if not len(made):
        return None
    shares = np.histogram(made, _EDGES)[0] / len(made)
    return Histogram(shares, float(made.mean()), int(made.max()), len(made))


def by_provider(run: Run, among: list[Group]) -> tuple[list[str], Floats]:
    """(providers, the most called first; calls for one operation sent, by group and provider).

    NaN where none was sent. Calls go with their operation where calls are matched, else with the phase in which the
    proxy saw them.
    """
    group_of = group_of_call(run, among)
    names = [event.provider for event in run.events]
    asked = Counter(name for name, at in zip(names, group_of, strict=True) if at >= 0)
    providers = [name for name, _ in sorted(asked.items(), key=lambda one: (-one[1], one[0]))]
    place = {name: at for at, name in enumerate(providers)}
    found = np.zeros((len(among), len(providers)))
    known = np.flatnonzero(group_of >= 0)
    np.add.at(found, (group_of[known], np.array([place[names[at]] for at in known], dtype=np.int64)), 1)
    dropped = run.samples.was(Outcome.DROPPED)
    sent = np.array([np.count_nonzero(~dropped[group.counted(run)]) for group in among], dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate: Floats = np.where(sent[:, None] > 0, found / sent[:, None], np.nan)
    return providers, rate


def group_of_call(run: Run, among: list[Group]) -> Ints:
    """Of each event, the group it goes with; -1 for none, and for what is no call."""
    if run.joined:
        of_row = np.full(len(run.samples) + 1, -1, dtype=np.int64)  # the last place is that of no row
        for at, group in enumerate(among):
            of_row[group.counted(run)] = at
        found = of_row[run.row_of]
        calls = np.array([is_call(event) for event in run.events], dtype=bool)
        return np.where(calls, found, -1)
    of_phase = np.full(len(run.scenario.phases) + 1, -1, dtype=np.int64)
    for at, group in enumerate(among):
        of_phase[[run.place(name) for name in group.phases]] = at
    return of_phase[run.event_phase]
