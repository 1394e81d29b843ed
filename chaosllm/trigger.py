"""When a rule fires: pure functions of a Tick, and the seeded draw behind every chance.

Laws:
1. Chance is a function of (seed, rule, identity, attempt), never of arrival order (DESIGN law 5); `load`, which
   goes by the traffic, is exempt by nature.
2. A trigger keeps no state; whatever it needs to know is in the Tick.
3. One draw meets one chance: where several conditions have a share, the smallest is the chance.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from itertools import pairwise
from typing import Any, Literal

from chaosllm.distribution import Distribution, Empirical, read_empirical
from chaosllm.units import parse_duration, parse_share

#: Lines of a trace; more than any incident has, and few enough to be read in a tenth of a second.
LINES_AT_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Tick:
    """What a trigger may know about one call.

    `t`: seconds since the phase began (due time of the operation where known, else the clock).
    `n`: ordinal of the operation in its phase, from 0 (of the call, where no operation is known).
    `attempt`: which try this is within its call, from 0. `ordinal`: which call of its operation,
    counting every attempt, from 0. `u`: the draw, in [0, 1). `length`: seconds the phase lasts.
    What only some rules need, and `schedule.Firing` fills in: `spell`: the share that the outage's
    present spell breaks. `rate`: calls a second that met the rule lately. `led`: whether the rule
    that this one follows fires, 0 or 1; for an expectation, its chance.
    """

    t: float
    n: int
    attempt: int
    ordinal: int
    u: float
    length: float
    spell: float = 0.0
    rate: float = 0.0
    led: float = 0.0


def draw(seed: int, *parts: str | int) -> float:
    """A number in [0, 1) that depends on nothing but its arguments; 53 bits of BLAKE2b."""
    text = "\x1f".join((str(seed), *(str(part) for part in parts)))
    return (int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 11) / (1 << 53)


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of the phase, in seconds from its beginning."""

    from_: float
    to: float


@dataclass(frozen=True, slots=True)
class Burst:
    """On for the first `length` seconds of each `every` seconds."""

    every: float
    length: float


@dataclass(frozen=True, slots=True)
class Ramp:
    """A share that goes evenly from one value to another, over the window when there is one, else the phase."""

    from_: float
    to: float

    def share(self, t: float, start: float, end: float) -> float:
        """The share at `t`; outside of start and end the nearer one's."""
        return self.from_ + (self.to - self.from_) * min(1.0, max(0.0, (t - start) / (end - start)))


@dataclass(frozen=True, slots=True)
class Brownout:
    """What comes between up and down: a spell in which a share of the calls is struck."""

    length: Distribution
    share: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A chain of spells, up -> degraded -> down -> up ..., that begins up; each lasts as its distribution draws."""

    up: Distribution
    down: Distribution
    degraded: Brownout | None = None

    def files(self) -> tuple[str, ...]:
        """The files of empirical distributions."""
        return tuple(one.file for one in self.lengths() if isinstance(one, Empirical))

    def lengths(self) -> tuple[Distribution, ...]:
        """How long each of its states lasts."""
        return (self.up, self.down, *((self.degraded.length,) if self.degraded is not None else ()))

    def with_files(self, texts: Mapping[str, str]) -> Outage:
        """The same with the recorded durations read; ValueError when a file holds none."""
        degraded = self.degraded and replace(self.degraded, length=_recorded(self.degraded.length, texts))
        return Outage(_recorded(self.up, texts), _recorded(self.down, texts), degraded)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Seconds `start` to `end`, without the end, in which `share` of the calls is struck."""

    start: float
    end: float
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Trace:
    """The times of a recorded incident; `stretches` are apart and in order, None while a file is not read.

    `length` is that of a time which says none, and `speed` how many recorded seconds pass in one.
    """

    file: str | None = None
    stretches: tuple[Stretch, ...] | None = None
    length: float = 1.0
    speed: float = 1.0

    def share(self, t: float) -> float:
        """The share at `t`."""
        past = bisect_right(self.stretches or (), t, key=_start) - 1
        return self.stretches[past].share if self.stretches and past >= 0 and t < self.stretches[past].end else 0.0


@dataclass(frozen=True, slots=True)
class Capacity:
    """Calls a second that an overloaded provider still serves; its load is taken over the last `over` seconds."""

    capacity: float
    over: float = 5.0

    def share(self, rate: float) -> float:
        """What of the calls is beyond the capacity."""
        return max(0.0, 1 - self.capacity / rate) if rate > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Correlated:
    """Follows the rule `leader`: fires on `share` of the calls on which that one would have, `delay` seconds before."""

    leader: str
    share: float = 1.0
    delay: float = 0.0


@dataclass(frozen=True, slots=True)
class Trigger:
    """All conditions given must hold; none given means always.

    `share`: of attempts, by draw. `every`: each nth operation of the phase (the nth, the 2nth ...).
    `after`: not the first n operations of the phase, `first`: only the first n attempts of each operation,
    and with `after` the first n from there; `of` says what both count in. `window`, `burst`, `ramp`, `outage`,
    `trace`: by the clock of the phase. `load`: by the traffic. `correlated`: by another rule.
    """

    share: float | None = None
    every: int | None = None
    first: int | None = None
    of: Literal["operation", "phase"] | None = None  # None: the operation, with `after` the phase
    window: Window | None = None
    after: int | None = None
    burst: Burst | None = None
    ramp: Ramp | None = None
    outage: Outage | None = None
    trace: Trace | None = None
    load: Capacity | None = None
    correlated: Correlated | None = None

    def chance(self, tick: Tick) -> float:
        """The share of draws with which the rule fires on this call; 0 where a count or a clock says no."""
        if not self._counts(tick):
            return 0.0
        chance = self.clock(tick)
        if self.share is not None:
            chance = min(chance, self.share)
        if self.load is not None:
            chance = min(chance, self.load.share(tick.rate))
        if self.correlated is not None:
            chance = tick.led * min(chance, self.correlated.share)
        return chance

    def fires(self, tick: Tick) -> bool:
        """Whether the rule fires on this call."""
        return tick.u < self.chance(tick)

    def clock(self, tick: Tick) -> float:
        """The largest chance that the time leaves, whatever counts, traffic and other rules say."""
        t, window, chance = tick.t, self.window, 1.0
        if window is not None and not window.from_ <= t < window.to:
            return 0.0
        if self.burst is not None and not t % self.burst.every < self.burst.length:
            return 0.0
        if self.ramp is not None:
            chance = self.ramp.share(t, *((window.from_, window.to) if window is not None else (0.0, tick.length)))
        if self.outage is not None:
            chance = min(chance, tick.spell)
        if self.trace is not None:
            chance = min(chance, self.trace.share(t))
        return chance

    @property
    def counts_in(self) -> Literal["operation", "phase"]:
        """What `first` and `after` count in."""
        return self.of or ("phase" if self.after is not None else "operation")

    @property
    def expected_share(self) -> float | None:
        """The share of eligible calls that chance alone should pick; None where anything else has a say."""
        return self.share if self == Trigger(share=self.share) else None

    def files(self) -> tuple[str, ...]:
        """The files that it names."""
        trace = (self.trace.file,) if self.trace is not None and self.trace.file is not None else ()
        return (*trace, *(self.outage.files() if self.outage is not None else ()))

    def with_files(self, texts: Mapping[str, str]) -> Trigger:
        """The same with its files read; ValueError says what in them is wrong."""
        trace, outage = self.trace, self.outage
        if trace is not None and trace.file is not None:
            trace = replace(trace, stretches=read_trace(trace.file, texts[trace.file], trace.length, trace.speed))
        return replace(self, trace=trace, outage=outage and outage.with_files(texts))

    def _counts(self, tick: Tick) -> bool:
        if self.every is not None and (tick.n + 1) % self.every:
            return False
        if self.first is None and self.after is None:
            return True
        number = (tick.n if self.counts_in == "phase" else tick.ordinal) - (self.after or 0)
        return number >= 0 and (self.first is None or number < self.first)


def read_trace(file: str, text: str, length: float = 1.0, speed: float = 1.0) -> tuple[Stretch, ...]:
    """The stretches in a file of lines TIME [LENGTH [SHARE]]; ValueError names the first line that is none."""
    found: list[Stretch] = []
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.split("#")[0].split()
        if not entry:
            continue
        try:
            if len(entry) > 3 or len(found) == LINES_AT_MOST:
                raise ValueError(
                    f"expected TIME [LENGTH [SHARE]], such as 1m30s 5s 40%, at most {LINES_AT_MOST:,} lines"
                )
            start = parse_duration(entry[0])
            lasts = parse_duration(entry[1]) if len(entry) > 1 else length
            share = parse_share(entry[2]) if len(entry) > 2 else 1.0
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}") from None
        found.append(Stretch(start / speed, (start + lasts) / speed, share))
    if not any(one.end > one.start and one.share > 0 for one in found):
        raise ValueError(f"{file} holds no time at which anything is on, expected lines such as 1m30s 5s 40%")
    return apart(found)


def apart(stretches: list[Stretch]) -> tuple[Stretch, ...]:
    """The same in order and without overlap; where several are on, the largest share counts."""
    waiting = sorted((one for one in stretches if one.end > one.start and one.share > 0), key=_start)
    edges = sorted({edge for one in waiting for edge in (one.start, one.end)})
    laid: list[Stretch] = []
    on: list[tuple[float, float]] = []  # (-share, end)
    next_ = 0
    for start, end in pairwise(edges):
        while next_ < len(waiting) and waiting[next_].start <= start:
            heappush(on, (-waiting[next_].share, waiting[next_].end))
            next_ += 1
        while on and on[0][1] <= start:
            heappop(on)
        if not on:
            continue
        share = -on[0][0]
        if laid and laid[-1].end == start and laid[-1].share == share:
            laid[-1] = replace(laid[-1], end=end)
        else:
            laid.append(Stretch(start, end, share))
    return tuple(laid)


def _start(stretch: Stretch) -> float:
    return stretch.start


def _recorded(length: Any, texts: Mapping[str, str]) -> Any:
    return read_empirical(length.file, texts[length.file]) if isinstance(length, Empirical) else length
