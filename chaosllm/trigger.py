"""When a rule fires: pure functions of a Tick, and the seeded draw behind every chance.

Laws:
1. Chance is a function of (seed, rule, identity, attempt), never of arrival order (DESIGN law 5).
2. A trigger keeps no state; whatever it needs to know is in the Tick.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tick:
    """What a trigger may know about one call.

    `t`: seconds since the phase began (due time of the operation where known, else the clock).
    `n`: ordinal of the operation in its phase, from 0 (of the call, where no operation is known).
    `attempt`: which try this is within its call, from 0. `ordinal`: which call of its operation,
    counting every attempt, from 0. `u`: the draw, in [0, 1). `length`: seconds the phase lasts.
    """

    t: float
    n: int
    attempt: int
    ordinal: int
    u: float
    length: float


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
class Trigger:
    """All conditions given must hold; none given means always.

    `share`: of attempts, by draw. `every`: each nth operation of the phase (the nth, the 2nth ...).
    `first`: with `of` "operation" the first n attempts of each operation, with "phase" the first n
    operations of the phase. `window`: only between two times of the phase.
    """

    share: float | None = None
    every: int | None = None
    first: int | None = None
    of: Literal["operation", "phase"] = "operation"
    window: Window | None = None

    def chance(self, tick: Tick) -> float:
        """The share of draws with which the rule fires on this call; 0 where a count or a clock says no."""
        if self.window is not None and not self.window.from_ <= tick.t < self.window.to:
            return 0.0
        if self.every is not None and (tick.n + 1) % self.every:
            return 0.0
        if self.first is not None and (tick.ordinal if self.of == "operation" else tick.n) >= self.first:
            return 0.0
        return 1.0 if self.share is None else self.share

    def fires(self, tick: Tick) -> bool:
        """Whether the rule fires on this call."""
        return tick.u < self.chance(tick)

    @property
    def expected_share(self) -> float | None:
        """The share of eligible calls that chance alone should pick; None where it is not chance."""
        return self.share
