"""Bounds of the conditions that a run must meet: the app, the provider and ourselves, before and during it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

import run_factory as made
from bounds import RATE, TO_RATE, Bound, of, queueing, quick, rate_of, seconds_of, sound
from run_factory import Operation, Try

from chaosllm.join import Run
from chaosllm.record import Event, Outcome, Sample
from chaosllm.scenario import Load, Phase, Role
from chaosllm.units import parse_duration, parse_share

MEASURED = {"delay": {"error_p95": 0.021, "bound": 0.02}, "share": {"asked": 0.3, "n": 300, "low": 0.21, "high": 0.39}}


def _calibrated(error: float = 0.0, share: float = 0.3) -> Run:
    """As calibrate.py says of itself with these numbers."""
    found: dict[str, Any] = {
        "ok": error <= 0.02 and 0.21 <= share <= 0.39,
        "delay": MEASURED["delay"] | {"error_p95": error},
        "share": MEASURED["share"] | {"seen": share},
    }
    return sound(calibration=found)


def _follow_calibration(found: re.Match[str]) -> Iterable[Run]:
    for name in ("low", "high"):
        yield _calibrated(parse_duration(found["error"]), parse_share(found[name]))


CALIBRATION = r"at most (?P<error>\w+) off and the share comes out as (?P<low>\d+%) to (?P<high>\d+%)"


def _cold(seconds: float, *, every: float = 1.0, warmup: float = 1.0) -> Run:
    """An app that fails before a second of the run, once in so many seconds of its baseline."""

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        failing = (
            phase.role is Role.BASELINE and 1.0 <= due < seconds and round((due - 1.0) * RATE) % (RATE * every) == 0
        )
        return Operation(Outcome.ERROR) if failing else made.hit(number, due, phase)

    return quick(conduct, of(warmup=warmup))


def _good(bad: int) -> Run:
    """An app of whose operations so many fail in the baseline, evenly over it."""
    places = {20 + 190 * (at + 1) // (bad + 1) for at in range(bad)}
    return quick(
        lambda number, due, phase: Operation(Outcome.ERROR) if number in places else made.hit(number, due, phase)
    )


def _slow(took: float, baseline: float = 10.0) -> Run:
    """An app whose operations take so long before the fault."""

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        return Operation(seconds=took) if phase.role is Role.BASELINE else made.hit(number, due, phase)

    return quick(conduct, of(baseline=baseline, timeout=30.0))


def _upstream(bad: int, status: int = 500) -> Run:
    """So many of about 200 calls of the baseline fail at the provider, and are made again."""

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        again = Operation(tries=[Try(status=status), Try(at=0.5)])
        return again if 20 <= number < 20 + bad else made.hit(number, due, phase)

    return quick(conduct)


def _crowded(took: float, most: int, rate: float = RATE) -> Run:
    """An app whose operations take so long before the fault, of which at most so many are let under way."""
    ends: list[float] = []

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        if phase.role is not Role.BASELINE:
            return made.hit(number, due, phase)
        ends[:] = [end for end in ends if end > due]
        if len(ends) >= most:
            return Operation(Outcome.DROPPED, tries=[])
        ends.append(due + took)
        return Operation(seconds=took)

    return quick(conduct, of(load=Load(rate=rate, arrivals="constant", max_in_flight=most)))


def _dropped(count: int) -> Run:
    """So many of the baseline's operations could not be sent."""

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        return Operation(Outcome.DROPPED, tries=[]) if 100 <= number < 100 + count else made.hit(number, due, phase)

    return quick(conduct)


def _less_crowded(found: re.Match[str]) -> Iterable[Run]:
    yield _crowded(1.99, 39, rate_of(found))
    yield _crowded(1.99, int(found["places"]))


def _cached(without: int) -> Run:
    """So many of the 200 operations of the baseline are answered without a call."""

    def conduct(number: int, due: float, phase: Phase) -> Operation:
        return Operation(tries=[]) if 20 <= number < 20 + without else made.hit(number, due, phase)

    return quick(conduct)


def late(by: Callable[[float], float]) -> Callable[[list[Sample], list[Event]], None]:
    """Operations are sent so many seconds after they were due."""

    def change(samples: list[Sample], events: list[Event]) -> None:
        for sample in samples:
            if sample.t_sent is not None:
                sample.t_sent += by(sample.t_due)
        for event in events:
            if event.operation is not None and math.isfinite(shift := by(samples[event.operation].t_due)):
                event.t += shift

    return change


def _generator(p99: float, rate: float = RATE, **more: Any) -> Run:
    """A load generator that is so late at RATE, and queues at others."""
    return quick(scenario=of(rate=rate, **more), change=late(lambda _: queueing(p99, rate)))


def _froze(seconds: int, by: float = 0.06, rate: float = 4.0) -> Run:
    """A generator that is late for some seconds of ten minutes, too few for a p99 to show."""
    scenario = of(rate=rate, warmup=0, baseline=0, fault=310, recovery=0)
    at_rate = queueing(by, rate * RATE / 4.0)  # as loaded at 4/s as others at RATE
    return quick(scenario=scenario, change=late(lambda due: at_rate if 100 <= due < 100 + seconds else 0.0))


def _told(**meta: Any) -> Callable[[], Run]:
    return lambda: sound(**meta)


def _proxy(p99: float, rate: float = RATE) -> Run:
    meta = {"proxy": {"lag_p99": queueing(p99, rate)}}
    return sound(**meta) if rate == RATE else quick(scenario=of(rate=rate), meta=meta)


STRICT = (made.objective("latency_p50(baseline) <= 600ms"),)

BOUNDS = (
    Bound(
        "calibration", "a delay is off by 20 ms", lambda: _calibrated(0.02), lambda: _calibrated(0.021),
        CALIBRATION, _follow_calibration,
    ),
    Bound(
        "calibration", "a share lies where chance puts it", lambda: _calibrated(share=0.39),
        lambda: _calibrated(share=0.393), CALIBRATION, _follow_calibration,
    ),
    Bound(
        "steady state in baseline", "99 % are good", lambda: _good(1), lambda: _good(2),
        r"needs (?P<good>\d+) good of (?P<all>\d+), had \d+\): mend it, lower",
        lambda found: [_good(int(found["all"]) - int(found["good"]))],
    ),
    Bound(
        "steady state in baseline", "after a cold start", lambda: _cold(2.0), lambda: _cold(4.0),
        r"lengthen the warm-up from 1s to (?P<seconds>\w+), lower",
        lambda found: [_cold(4.0, warmup=seconds_of(found))],
    ),
    Bound(
        "steady state in baseline", "an operation ends in it", lambda: _slow(9.9), lambda: _slow(10.1),
        r"lengthen baseline from 10s to (?P<seconds>\w+)",
        lambda found: [_slow(10.1, baseline=seconds_of(found))],
    ),
    Bound(
        "upstream in baseline", "1 % of calls may fail", lambda: _upstream(2), lambda: _upstream(3),
        r"at most (?P<calls>\d+) calls may", lambda found: [_upstream(int(found["calls"]))],
    ),
    Bound(
        "load in baseline", "all arrivals are let in", lambda: _crowded(1.99, 40), lambda: _crowded(1.99, 39),
        rf"lower {TO_RATE}, or raise load\.max_in_flight from 39 to (?P<places>\d+)", _less_crowded,
        beside=frozenset({"steady state in baseline"}),
    ),
    Bound("load in baseline", "not one is dropped", lambda: _dropped(0), lambda: _dropped(1), TO_RATE),
    Bound(
        "calls in baseline", "half of the operations call the LLM", lambda: _cached(100), lambda: _cached(101),
        r"needs (?P<calls>\d+) that do", lambda found: [_cached(200 - int(found["calls"]))],
    ),
    Bound(
        "generator lag", "p99 of 50 ms", lambda: _generator(0.0499), lambda: _generator(0.0501),
        rf"lower {TO_RATE}, or use a machine", lambda found: [_generator(0.0501, rate_of(found))],
    ),
    Bound(
        "generator lag", "far above it", lambda: _generator(0.0499), lambda: _generator(0.4),
        rf"lower {TO_RATE}, or use a machine", lambda found: [_generator(0.4, rate_of(found))],
    ),
    Bound(
        "generator lag", "5 % of an objective on latency", lambda: _generator(0.0299, objectives=STRICT),
        lambda: _generator(0.0301, objectives=STRICT), rf"lower {TO_RATE}, or use a machine",
        lambda found: [_generator(0.0301, rate_of(found), objectives=STRICT)],
    ),
    Bound(
        "generator lag", "two seconds of a phase", lambda: _froze(2), lambda: _froze(3),
        rf"lower {TO_RATE}, or use a machine", lambda found: [_froze(3, rate=rate_of(found))],
    ),
    Bound(
        "generator lag", "it is on record when operations were sent", lambda: _generator(0.0),
        lambda: quick(change=late(lambda _: math.nan)), r"driver\.log",
        numberless="what is not on record has no amount",
    ),
    Bound(
        "proxy lag", "p99 of 50 ms", lambda: _proxy(0.05), lambda: _proxy(0.0501),
        rf"saturated: lower {TO_RATE}", lambda found: [_proxy(0.0501, rate_of(found))],
    ),
    Bound(
        "clock", "set by a second", _told(clock={"drift": -1.0}), _told(clock={"drift": 1.01}),
        r"by over (?P<drift>\w+) ",
        lambda found: [_told(clock={"drift": parse_duration(found["drift"])})()],
    ),
)  # fmt: skip
