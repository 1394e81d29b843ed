"""The two sides of each bound of a validity check, as rows; tests/validity/test_bounds.py judges them.

Rows live in `bounds_<group>.py` beside this file, each module holding a tuple `BOUNDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import run_factory as made

from chaosllm.join import Run, join
from chaosllm.scenario import Load, Scenario
from chaosllm.units import parse_duration

RATE = 20.0
SECONDS = {"warmup": 1.0, "baseline": 10.0, "fault": 5.0, "recovery": 5.0}
#: What hints say of more or less load, and of longer phases.
TO_RATE = r"load\.rate from \S+/s to (?P<rate>[\d.]+)/s"
TO_SECONDS = r"the duration of storm from \S+ to (?P<seconds>\w+)"


@dataclass(frozen=True)
class Bound:
    """A condition of a check: a run just inside of it, one just outside, and runs that follow the hint of the latter.

    `hint` is found in the hint, and `followed` gets its groups; without it the silent run is what the hint asks for.
    `beside` are checks that speak as well, on either side. `numberless` says why no number would help.
    """

    check: str
    condition: str
    silent: Callable[[], Run]
    speaks: Callable[[], Run]
    hint: str
    followed: Callable[[re.Match[str]], Iterable[Run]] | None = None
    beside: frozenset[str] = frozenset()
    numberless: str = ""


def of(*, rate: float = RATE, load: Load | None = None, **more: Any) -> Scenario:
    """A scenario of 21 seconds under constant load, unless more is said."""
    told = load or Load(rate=rate, arrivals="constant")
    return made.scenario(load=told, **(SECONDS | more))


def quick(conduct: made.Conduct = made.hit, scenario: Scenario | None = None, **more: Any) -> Run:
    """The run of a scenario at the load that it names."""
    told = scenario or of()
    return made.run(conduct, told, rate=told.load.rate, **more)


@cache
def _sound() -> Run:
    return quick()


def sound(**meta: Any) -> Run:
    """A run that passes, but for what its meta.json says; its records are made once, because that takes longest."""
    known = _sound()
    return join(known.scenario, known.samples, known.events, {**known.meta, **meta})


def queueing(late: float, rate: float, *, capacity: float = 25.0) -> float:
    """How late a process is at a rate that is so late at RATE, by M/M/1: share / (1 - share) of its capacity."""

    def waiting(share: float) -> float:
        return share / (1 - share)

    return late * waiting(rate / capacity) / waiting(RATE / capacity)


def rate_of(found: re.Match[str]) -> float:
    return float(found["rate"])


def seconds_of(found: re.Match[str]) -> float:
    return parse_duration(found["seconds"])
