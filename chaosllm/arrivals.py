"""When each operation is due: fixed before the run, so that load never waits for the app.

Laws:
1. Due times are a function of the load and the seed: proxy and driver compute the same ones.
2. Of a load that changes, arrivals are those of a rate of 1/s, moved to where the changing rate has offered as many.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from random import Random
from typing import Literal

from chaosllm.units import parse_duration

type Arrivals = Literal["constant", "poisson", "gamma"]

_SECONDS = re.compile(r"\d+(?:\.\d*)?(?:[eE][-+]?\d+)?$")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds of the run from `start` to `end`, in which the rate goes from `low` to `high` per second, linearly."""

    start: float
    end: float
    low: float
    high: float

    @property
    def total(self) -> float:
        """Operations that it offers on average."""
        return (self.low + self.high) / 2 * (self.end - self.start)

    def when(self, number: float) -> float:
        """The second of the run at which it has offered `number` operations, from 0 to `total`."""
        slope = (self.high - self.low) / (self.end - self.start)
        root = self.low + math.sqrt(max(0.0, self.low**2 + 2 * slope * number))
        return min(self.start + (2 * number / root if root else 0.0), math.nextafter(self.end, self.start))

    def until(self, end: float) -> Stretch:
        """The part of it before `end`."""
        if end >= self.end:
            return self
        share = (end - self.start) / (self.end - self.start)
        return Stretch(self.start, end, self.low, self.low + share * (self.high - self.low))


@dataclass(frozen=True, slots=True)
class Ramp:
    """From one rate to another over so many seconds, or over the whole run, and then on at that rate."""

    from_: float
    to: float
    over: float | None = None

    def stretches(self, rate: float, until: float) -> Iterator[Stretch]:  # noqa: ARG002  # a spike needs the rate
        """The run's stretches."""
        over = until if self.over is None else self.over
        yield Stretch(0.0, over, self.from_, self.to)
        yield Stretch(over, math.inf, self.to, self.to)


@dataclass(frozen=True, slots=True)
class Steps:
    """(rate, seconds) one after the other; the last rate goes on."""

    steps: tuple[tuple[float, float], ...]

    def stretches(self, rate: float, until: float) -> Iterator[Stretch]:  # noqa: ARG002  # as above
        """The run's stretches."""
        start = 0.0
        for step, seconds in self.steps:
            yield Stretch(start, start + seconds, step, step)
            start += seconds
        yield Stretch(start, math.inf, self.steps[-1][0], self.steps[-1][0])


@dataclass(frozen=True, slots=True)
class Spike:
    """The load's own rate, and another one for so many seconds."""

    at: float
    to: float
    seconds: float

    def stretches(self, rate: float, until: float) -> Iterator[Stretch]:  # noqa: ARG002  # as above
        """The run's stretches."""
        end = self.at + self.seconds
        yield Stretch(0.0, self.at, rate, rate)
        yield Stretch(self.at, end, self.to, self.to)
        yield Stretch(end, math.inf, rate, rate)


@dataclass(frozen=True, slots=True)
class Recorded:
    """As users really came: seconds from the run's start, rising; none where the file was not looked at."""

    file: str
    speed: float = 1.0
    times: tuple[float, ...] = ()


type Shape = Ramp | Steps | Spike | Recorded


def due_times(
    rate: float, arrivals: Arrivals, seed: int, until: float, *, shape: Shape | None = None, cv: float = 1.0
) -> array[float]:
    """Due times in seconds from the run's start, rising, all below `until`.

    `rate` is per second and above 0; `cv` is that of the gaps of gamma arrivals. A reference gives an operation's
    due time back.
    """
    if isinstance(shape, Recorded):
        return array("d", (t for one in shape.times if (t := one / shape.speed) < until))
    numbers = _numbers(arrivals, seed, cv)
    times = array("d")
    number, before = next(numbers), 0.0
    for stretch in _stretches(rate, shape, until):
        while number < before + stretch.total:
            times.append(stretch.when(number - before))
            number = next(numbers)
        before += stretch.total
    return times


def how_many(
    rate: float, arrivals: Arrivals, seed: int, until: float, *, shape: Shape | None = None, cv: float = 1.0
) -> int:
    """How many `due_times` there are, for a third of the time that they take."""
    if isinstance(shape, Recorded):
        return len(due_times(rate, arrivals, seed, until, shape=shape))
    total = 0.0
    for stretch in _stretches(rate, shape, until):  # summed as `due_times` does, so that both round alike
        total += stretch.total
    if arrivals == "constant":  # 0, 1, 2 ...
        return math.ceil(total)
    return sum(1 for _ in takewhile(total.__gt__, _numbers(arrivals, seed, cv)))


def offered(rate: float, shape: Shape | None, start: float, end: float) -> float:
    """Operations due between two seconds of the run, on average; of recorded ones, as many as there are."""
    if isinstance(shape, Recorded):
        return sum(1 for t in shape.times if start <= t / shape.speed < end)
    return sum(one.total for one in _stretches(rate, shape, end)) - (
        sum(one.total for one in _stretches(rate, shape, start)) if start > 0 else 0.0
    )


def _stretches(rate: float, shape: Ramp | Steps | Spike | None, until: float) -> Iterator[Stretch]:
    """The stretches of the run up to a second."""
    # a ramp over the whole run is told its end by whoever made it: see `Load.shape`
    for one in [Stretch(0.0, math.inf, rate, rate)] if shape is None else shape.stretches(rate, until):
        if one.start < until and one.end > one.start:
            yield one.until(until) if math.isfinite(one.end) else Stretch(one.start, until, one.low, one.high)


def _numbers(arrivals: Arrivals, seed: int, cv: float) -> Iterator[float]:
    """When operations would be due at 1/s."""
    random = Random(f"arrivals:{seed}")  # noqa: S311  # reproducible load, not a secret
    number = -1.0 if arrivals == "constant" else 0.0
    while True:
        match arrivals:
            case "constant":
                number += 1.0
            case "poisson":
                number += random.expovariate(1.0)
            case "gamma":
                number += random.gammavariate(1 / cv**2, cv**2)
        yield number


def read_times(file: str, text: str) -> tuple[float, ...]:
    """The recorded times in a file, rising; the first of timestamps is second 0.

    One a line: seconds (12.5), a duration (1m30s) or a timestamp of ISO 8601; `#` begins a comment. Raises
    ValueError that names the first line that is none of these, or a timestamp among others.
    """
    found: list[float] = []
    stamped = False
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#")[0].strip()
        if not entry:
            continue
        seconds = _seconds(entry)
        stamp = _stamp(entry) if seconds is None else None
        if seconds is None and stamp is None:
            works = "expected a time such as 12.5, 1m30s or 2026-11-24T10:00:00Z"
            raise ValueError(f"{file}, line {number}: found {entry[:40]!r}, {works}")
        if found and stamped != (stamp is not None):
            raise ValueError(f"{file}, line {number}: found both timestamps and seconds, expected one kind")
        stamped = stamp is not None
        found.append(seconds if seconds is not None else stamp if stamp is not None else 0.0)
    if not found:
        raise ValueError(f"{file} holds no time, expected one a line, such as 12.5")
    found.sort()
    first = found[0] if stamped else 0.0
    return tuple(t - first for t in found)


def _seconds(entry: str) -> float | None:
    if _SECONDS.match(entry):
        return seconds if math.isfinite(seconds := float(entry)) else None
    try:
        return parse_duration(entry)
    except ValueError:
        return None


def _stamp(entry: str) -> float | None:
    try:
        moment = datetime.fromisoformat(entry)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
