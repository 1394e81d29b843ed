"""Live limits: buckets that refill continuously, places for calls at once, and what was spent. State, but no clock.

Providers refill all the time, not at the minute's end: Anthropic names the token bucket ("capacity is
continuously replenished up to your maximum limit", platform.claude.com/docs/en/api/rate-limits), and OpenAI's
reset headers count in milliseconds (captured: wrtnlabs/autobe#136).

Laws:
1. A call takes what it needs of every bucket, or of none; a refused call costs nothing.
2. The wait of a refusal is true: who returns when it is over, and finds nobody before him, is let in.
3. A clock that steps back gives nothing away; a gap of any length fills a bucket and no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

#: The share of a bucket that is nothing: a client that returns after exactly its wait must not be
#: refused over the last bit of a float.
_DUST = 1e-9


@dataclass(slots=True)
class Bucket:
    """A token bucket: `capacity` at most, refilled at `capacity / period` per second; starts full."""

    capacity: float
    period: float
    level: float = field(init=False)
    at: float = field(default=0.0)

    def __post_init__(self) -> None:
        self.level = self.capacity

    def refill(self, t: float) -> None:
        """Bring the level up to time `t` (seconds; a step back in time refills nothing)."""
        if t > self.at:
            self.level = min(self.capacity, self.level + (t - self.at) * self.capacity / self.period)
            self.at = t

    def wait_for(self, amount: float, t: float) -> float:
        """Seconds from `t` until `amount` is there; 0 when it is, infinity when it never can be."""
        self.refill(t)
        if amount > self.capacity:
            return float("inf")
        short = amount - self.level
        if short <= self.capacity * _DUST:
            return 0.0
        return short * self.period / self.capacity + (self.at - t)  # after a step back it refills only from `at` on

    def take(self, amount: float, t: float) -> None:
        """Take `amount`, or give it back when it is negative; the level may go below 0 when an estimate was short."""
        self.refill(t)
        self.level = min(self.capacity, self.level - amount)

    def full_in(self, t: float) -> float:
        """Seconds until the bucket is full again."""
        self.refill(t)
        return (self.capacity - self.level) * self.period / self.capacity

    @property
    def remaining(self) -> int:
        """Whole units that are left, at least 0, as headers have them."""
        return max(0, int(self.level + self.capacity * _DUST))


@dataclass(frozen=True, slots=True)
class Full:
    """Why a call is not let in: the name of the bucket, or "concurrency", and the seconds until there is room.

    Infinity: it needs more than the whole bucket holds. None: nobody can know (concurrency).
    """

    name: str
    wait: float | None


@dataclass(slots=True)
class Limiter:
    """The live state of one rule for one API key and model (or one key, see `faults.Fault`)."""

    buckets: dict[str, Bucket] = field(default_factory=dict)
    places: int | None = None  # calls at once; None: any number
    in_flight: int = 0
    spent: int = 0  # tokens billed so far
    spent_usd: float = 0.0

    def admit(self, needs: Mapping[str, float], t: float) -> Full | None:
        """Let a call in that needs so much of each bucket, or say what keeps it out longest."""
        waits = {name: bucket.wait_for(needs.get(name, 0.0), t) for name, bucket in self.buckets.items()}
        longest = max(waits, key=lambda name: waits[name], default="")
        if longest and waits[longest] > 0:
            return Full(longest, waits[longest])
        if self.places is not None and self.in_flight >= self.places:
            return Full("concurrency", None)
        for name, bucket in self.buckets.items():
            bucket.take(needs.get(name, 0.0), t)
        self.in_flight += 1
        return None

    def settle(self, more: Mapping[str, float], t: float) -> None:
        """A call that was let in ended: it used so much more of each bucket than it took (less, when negative)."""
        self.in_flight = max(0, self.in_flight - 1)
        for name, bucket in self.buckets.items():
            bucket.take(more.get(name, 0.0), t)

    def pack(self) -> object:
        """What JSON can hold of it, which is all (see `store.Piece`)."""
        buckets = [[name, one.capacity, one.period, one.level, one.at] for name, one in self.buckets.items()]
        return [buckets, self.places, self.in_flight, self.spent, self.spent_usd]

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """The limiter that `pack` wrote."""
        buckets, *rest = packed
        limiter = cls({}, *rest)
        for name, capacity, period, level, at in buckets:
            bucket = limiter.buckets[name] = Bucket(capacity, period)
            bucket.level, bucket.at = level, at
        return limiter
