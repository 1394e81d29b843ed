"""Bounds of our own processes, second by second, and of the delays and paces that they keep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from bounds import RATE, TO_RATE, Bound, of, queueing, quick, rate_of, sound

from chaosllm.join import Run
from chaosllm.record import LATE, Ended, Event, Sample
from chaosllm.vitals import BOUNDS as BUCKETS

T0 = 5000.0
WHOLE = 21  # seconds of the run; the storm is 11 to 16


def _vitals(process: str, seconds: int, **more: float) -> dict[str, Any]:
    """One process's record, quiet but for some seconds of the storm."""
    columns = {"cpu": [0.1] * WHOLE, "wait": [0.0] * WHOLE, "lag": [0.001] * WHOLE}
    for name, value in more.items():
        columns[name][12 : 12 + seconds] = [value] * seconds
    counts = {str(BUCKETS.index(0.001)): 20 * WHOLE}
    return {"process": process, "t": T0, "width": 1, "counts": counts, "worst": 0.001} | columns


def _watched(process: str, seconds: int = 3, rate: float = RATE, **at: float) -> Callable[[], Run]:
    """A run at a rate, where a process comes to these numbers at RATE: CPU in proportion, lag by queueing."""
    scaled = {name: queueing(value, rate) if name == "lag" else value * rate / RATE for name, value in at.items()}
    meta = {"vitals": [_vitals(process, seconds, **scaled)], "clock": {"t0": T0}, "machine": {"cpus": 2}}
    return lambda: sound(**meta) if rate == RATE else quick(scenario=of(rate=rate), meta=meta)


def _lowered(process: str, **at: float) -> Callable[[re.Match[str]], Iterable[Run]]:
    return lambda found: [_watched(process, rate=rate_of(found), **at)()]


def _injected(change: Callable[[int, Event], None]) -> Callable[[list[Sample], list[Event]], None]:
    """Applies `change(number, event)` to each injected call."""

    def spoil(samples: list[Sample], events: list[Event]) -> None:
        for number, event in enumerate(event for event in events if event.rules and event.rules[0].fired):
            change(number, event)

    return spoil


def _delayed(by: float, rate: float = RATE, *, in_a_hundred: int = 100) -> Run:
    """Delays of a second end so much later, at RATE; as much earlier where it is below 0."""

    def change(number: int, event: Event) -> None:
        error = by if by < 0 else queueing(by, rate)
        event.asked, event.done = {"wait": 1.0}, {"wait": 1.0 + (error if number % 100 < in_a_hundred else 0.001)}
        event.ended = Ended.WHOLE

    return quick(scenario=of(rate=rate), change=_injected(change))


def _paced(by: float, rate: float = RATE, *, in_a_hundred: int = 100) -> Run:
    """Of a hundred paced events of each call so many leave so late, at RATE."""
    worst = queueing(by, rate)
    place = sum(bound < worst for bound in LATE)

    def change(number: int, event: Event) -> None:
        event.late = [0] * (len(LATE) + 1)
        event.late[0] += 100 - in_a_hundred
        event.late[place] += in_a_hundred
        event.late_max = worst

    return quick(scenario=of(rate=rate), change=_injected(change))


WORKERS = rf"^lower {TO_RATE}, so that .* --proxy-workers 2"
MACHINE = rf"^lower {TO_RATE}, or use a machine with more cores \(this one has 2\)"
BUG = "our own bug has no amount"

BOUNDS = (
    *(
        Bound(
            f"{process} CPU", condition, silent, _watched(process, cpu=busy), hint, _lowered(process, cpu=busy)
        )
        for process, hint in (("proxy", WORKERS), ("driver", MACHINE), ("simulator", MACHINE))
        for condition, silent, busy in (
            ("90 % of a core", _watched(process, cpu=0.9), 0.901),
            ("in two seconds of a phase", _watched(process, 2, cpu=1.0), 1.0),
        )
    ),
    Bound(
        "proxy CPU", "waiting for a core counts", _watched("proxy", cpu=0.4, wait=0.5),
        _watched("proxy", cpu=0.4, wait=0.51), rf"other work has the cores: end it, lower {TO_RATE}, or use",
        _lowered("proxy", cpu=0.4, wait=0.51),
    ),
    *(
        Bound(
            "app starved", condition, silent, _watched("app", cpu=0.4, wait=wait),
            rf"other work has the cores: end it, lower {TO_RATE}, or use", _lowered("app", cpu=0.4, wait=wait),
        )
        for condition, silent, wait in (
            ("90 % of a second", _watched("app", cpu=0.4, wait=0.5), 0.501),
            ("in two seconds of a phase", _watched("app", 2, cpu=0.1, wait=0.9), 0.6),
            ("what it uses itself is its own", _watched("app", cpu=0.5, wait=0.5), 0.501),
        )
    ),
    *(
        Bound(
            f"{process} lag by second", condition, silent, _watched(process, lag=slow), hint,
            _lowered(process, lag=slow),
        )
        for process, hint in (("proxy", WORKERS), ("simulator", MACHINE))
        for condition, silent, slow in (
            ("50 ms", _watched(process, lag=0.05), 0.0501),
            ("in two seconds of a phase", _watched(process, 2, lag=0.4), 0.4),
        )
    ),
    Bound(
        "injected delays", "p95 of 50 ms", lambda: _delayed(0.0499), lambda: _delayed(0.0501),
        rf"^lower {TO_RATE}", lambda found: [_delayed(0.0501, rate_of(found))],
    ),
    Bound(
        "injected delays", "by 5 in 100", lambda: _delayed(2.0, in_a_hundred=5), lambda: _delayed(2.0, in_a_hundred=6),
        rf"^lower {TO_RATE}", lambda found: [_delayed(2.0, rate_of(found), in_a_hundred=6)],
    ),
    Bound(
        "injected delays", "early by 2 ms", lambda: _delayed(-0.0019), lambda: _delayed(-0.0021), "report it",
        numberless=BUG,
    ),
    Bound(
        "pace", "p95 of 50 ms", lambda: _paced(0.05), lambda: _paced(0.0501),
        rf"^lower {TO_RATE}", lambda found: [_paced(0.0501, rate_of(found))],
    ),
    Bound(
        "pace", "by 5 in 100", lambda: _paced(0.08, in_a_hundred=5), lambda: _paced(0.08, in_a_hundred=6),
        rf"^lower {TO_RATE}", lambda found: [_paced(0.08, rate_of(found), in_a_hundred=6)],
    ),
)  # fmt: skip
