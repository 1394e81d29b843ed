"""Who served an operation: the provider and model that it usually asks, another one, or a declared default.

Laws:
1. The primary is what the baseline's operations of the same kind ask: the provider and model of their calls.
2. A call elsewhere is fallback only when the primary failed, or was not asked at all.
3. A failed call that a later one at the primary made good is no failure of the primary (METHOD metric 16).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from chaosllm.chains import failed, over
from chaosllm.columns import Mask
from chaosllm.join import Run, is_call
from chaosllm.mix import Mix
from chaosllm.record import OUTCOMES, Ended, Event, Outcome
from chaosllm.scenario import Role

type Place = tuple[str, str]  # provider, model

#: A place that fewer of the baseline's operations ask is no primary. Ours: an app may hedge its slowest calls.
USUAL = 0.05
#: What is wrong with the request itself is wrong everywhere, so no fallback could help.
_OWN_FAULT = frozenset({400, 413, 422})
#: The proxy sees the end of one call and the beginning of the next in two callbacks.
_SAME_TIME = 0.001
_GOOD = OUTCOMES.index(Outcome.GOOD)
_DEGRADED = OUTCOMES.index(Outcome.DEGRADED)


@dataclass(frozen=True, slots=True)
class Service:
    """How one operation was served."""

    failed_at: float | None  # seconds of the run: its first failure that the primary did not make good; None: none
    avoided: bool  # the primary was not asked, and another one or nobody was
    elsewhere: bool  # another provider or model answered
    marked: bool  # its answer says that it is a fallback

    @property
    def needed(self) -> bool:
        """Whether it needed a fallback: the primary failed it, or was not asked."""
        return self.failed_at is not None or self.avoided

    @property
    def fell_back(self) -> bool:
        """Whether it got one."""
        return self.needed and (self.elsewhere or self.marked)


def primaries(run: Run) -> Mapping[int, frozenset[Place]]:
    """By kind of operation, the places that it usually asks; those of the whole run where there is no baseline."""
    if "primaries" not in run.memory:
        chosen = np.full(len(run.samples), not run.phases(Role.BASELINE))
        for phase in run.phases(Role.BASELINE):
            chosen[run.rows(phase.name)] = True
        asked = {
            (int(row), place_of(event))
            for event, row in zip(run.events, run.row_of, strict=True)
            if row >= 0 and chosen[row] and is_call(event)
        }
        kind = _kinds(run)
        every = Counter(kind(row) for row in {row for row, _ in asked})
        seen = Counter((kind(row), place) for row, place in asked)
        run.memory["primaries"] = {
            one: frozenset(place for (its, place), n in seen.items() if its == one and n >= USUAL * count)
            for one, count in every.items()
        }
    found: Mapping[int, frozenset[Place]] = run.memory["primaries"]
    return found


def services(run: Run) -> Mapping[int, Service]:
    """By row, of each operation that had a failed call, a call elsewhere, or a marked answer."""
    if "services" not in run.memory:
        usual, kind = primaries(run), _kinds(run)
        rows = {int(row) for row in np.flatnonzero(run.samples.was(Outcome.DEGRADED))}
        for event, row in zip(run.events, run.row_of, strict=True):
            if row >= 0 and is_call(event) and (failed(event) or place_of(event) not in usual.get(kind(int(row)), ())):
                rows.add(int(row))
        run.memory["services"] = {row: _service(run, row, usual.get(kind(row), frozenset())) for row in sorted(rows)}
    found: Mapping[int, Service] = run.memory["services"]
    return found


def mask(run: Run, which: Callable[[Service], bool]) -> Mask:
    """By row, the operations whose service is such a one."""
    found = np.zeros(len(run.samples), dtype=bool)
    found[[row for row, service in services(run).items() if which(service)]] = True
    return found


def place_of(event: Event) -> Place:
    """Where a call went."""
    return event.provider, event.model


def at_primary(run: Run) -> Mask:
    """By row, the operations that asked their primary."""
    usual, kind = primaries(run), _kinds(run)
    found = np.zeros(len(run.samples), dtype=bool)
    pairs = zip(run.events, run.row_of, strict=True)
    found[[row for event, row in pairs if row >= 0 and place_of(event) in usual.get(kind(int(row)), ())]] = True
    return found


def _service(run: Run, row: int, usual: frozenset[Place]) -> Service:
    calls = [event for event in run.attempts_of(row) if is_call(event)]
    here = [event for event in calls if place_of(event) in usual]
    elsewhere = any(_answered(event) for event in calls if place_of(event) not in usual)
    marked = int(run.samples.outcome[row]) == _DEGRADED
    served = max((over(event) for event in here if _answered(event)), default=-math.inf)
    # What the app left when its user was served, or asked again though an answer had come, was a hedge too many.
    content = served > -math.inf and not elsewhere and int(run.samples.outcome[row]) == _GOOD
    known = {event.index for event in here if _answered(event)} if content else set()
    broken = [
        over(event)
        for event in here
        if _broken(event)
        and event.t >= served - _SAME_TIME
        and not (content and (event.ended is Ended.CLIENT_LEFT or event.index in known))
    ]
    return Service(min(broken, default=None), not here and (bool(calls) or marked), elsewhere, marked)


def _answered(event: Event) -> bool:
    return not failed(event) and event.ended is not Ended.IN_FLIGHT


def _broken(event: Event) -> bool:
    """Whether a call failed in a way that another place might not."""
    own_fault = event.status in _OWN_FAULT and not event.reason.startswith("quota")
    return failed(event) and not own_fault


def _kinds(run: Run) -> Callable[[int], int]:
    """Row -> the place of its operation in the target's list; 0 where that says nothing."""
    mix = Mix(run.scenario.target, run.scenario.seed)
    if run.scenario.load.closed or not mix.several:
        return lambda _: 0
    return lambda row: mix.place(int(run.samples.operation[row]))
