"""Simulated repeats of recorded runs: each second anew from one of them, with all that happened to its users.

Arrivals are those of the simulated seed. A second of a phase is taken whole from one recorded run, the same second of
the same phase, because failures come in bursts that single draws would tear apart, and because a breaker makes the
first second of a phase unlike the third. Each operation takes its sample and its calls along.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from typing import Any, NamedTuple

import numpy as np

from chaosllm.columns import Samples
from chaosllm.join import Run, join
from chaosllm.record import OUTCOMES, Did, Event, Outcome

_TIMES = ("t_due", "t_sent", "t_first", "t_last", "t_end")
_COUNTS = ("planned", "fired", "delivered")


class Drawn(NamedTuple):
    """A recorded operation, and how many seconds later it happens in the simulated run."""

    run: int
    row: int
    shift: float


def resample(runs: Sequence[Run], seed: int) -> Run:
    """A run as chance might have made it another time."""
    of = replace(runs[0].scenario, seed=seed)
    chance = np.random.default_rng(seed)
    seconds = [_seconds(run) for run in runs]
    drawn: list[Drawn] = []
    hands: dict[tuple[int, int], Iterator[tuple[int, int]]] = {}
    for due in of.load.due_times(seed, of.duration):
        spot = _second(of, due)
        if spot not in hands:
            run = int(chance.integers(len(runs)))
            rows = chance.permutation(seconds[run].get(spot) or seconds[run][spot[0], 0]).tolist()
            hands[spot] = itertools.cycle([(run, row) for row in rows])
        run, row = next(hands[spot])
        drawn.append(Drawn(run, row, due - float(runs[run].samples.t_due[row])))
    samples = _samples(runs, drawn)
    calls = [run.attempts_of for run in runs]
    events = [_moved(event, at, one.shift) for at, one in enumerate(drawn) for event in calls[one.run](one.row)]
    events.sort(key=lambda event: event.t)
    return join(of, samples, events, _meta(runs[0], samples, events), control=runs[0].control)


def _second(of: Any, due: float) -> tuple[int, int]:
    place = next(at for at, phase in enumerate(of.phases) if due < phase.end)
    return place, int(due - of.phases[place].start)


def _seconds(run: Run) -> dict[tuple[int, int], list[int]]:
    """The rows of each (place of a phase, second in it)."""
    found: dict[tuple[int, int], list[int]] = {}
    for row, due in enumerate(run.samples.t_due.tolist()):
        found.setdefault(_second(run.scenario, due), []).append(row)
    return found


def _samples(runs: Sequence[Run], drawn: Sequence[Drawn]) -> Samples:
    columns: dict[str, Any] = {}
    for one in fields(Samples):
        values = [getattr(runs[at.run].samples, one.name)[at.row] for at in drawn]
        columns[one.name] = np.array(values) if isinstance(getattr(runs[0].samples, one.name), np.ndarray) else values
    shifts = np.array([one.shift for one in drawn])
    for name in _TIMES:
        columns[name] = columns[name] + shifts
    # What the driver saw as good and the join told to be cut or broken is told again by the next join.
    taken = np.array([bool(runs[one.run].took_cut[one.row] | runs[one.run].took_broken[one.row]) for one in drawn])
    columns["outcome"] = np.where(taken, OUTCOMES.index(Outcome.GOOD), columns["outcome"])
    columns["operation"] = np.arange(len(drawn))
    return Samples(**columns)


def _moved(event: Event, number: int, shift: float) -> Event:
    times = {name: getattr(event, name) for name in ("t", "t_answer", "t_first", "t_end")}
    return replace(
        event,
        call=f"op-{number}/{event.call.rpartition('/')[2]}",
        operation=number,
        **{name: value + shift for name, value in times.items() if value is not None},
    )


def _meta(run: Run, samples: Samples, events: list[Event]) -> dict[str, Any]:
    rules: dict[str, Counter[str]] = {name: Counter() for name in run.meta["proxy"]["by_rule"]}
    for event in events:
        for part in event.rules:
            rules[part.rule].update({"eligible": 1, **{name: int(getattr(part, name)) for name in _COUNTS}})
    none = dict.fromkeys(("eligible", "capped", "in_flight", *_COUNTS), 0)
    proxy = run.meta["proxy"] | {
        "calls": len(events),
        "recognised": len(events),
        "injected": sum(event.did is Did.INJECTED for event in events),
        "by_rule": {name: none | of for name, of in rules.items()},
    }
    driver = run.meta["driver"] | {"due": len(samples), "sent": len(samples)}
    return {**run.meta, "proxy": proxy, "driver": driver, "events_read": len(events)}
