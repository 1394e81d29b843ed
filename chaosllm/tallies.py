"""What a plan counts of calls and connections: those in flight, those struck, and what each call holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from chaosllm.faults import Metered


@dataclass(slots=True)
class Held:
    """What a call in flight holds, to be given back when it ends."""

    metered: list[tuple[Metered, str]] = field(default_factory=list)  # and the names of their limiters
    faulted: bool = False


@dataclass(slots=True)
class Active:
    """Calls in flight, and those of them that are faulted."""

    calls: int = 0
    faulted: int = 0

    def come(self) -> None:
        """A call came."""
        self.calls += 1

    def fault(self, share: float) -> bool:
        """Count one more of them as faulted; False when that would be more than `share` of them."""
        if self.faulted + 1 > share * self.calls:
            return False
        self.faulted += 1
        return True

    def go(self, *, faulted: bool) -> None:
        """A call ended."""
        self.calls -= 1
        self.faulted -= faulted

    def pack(self) -> object:
        """As Piece says."""
        return [self.calls, self.faulted]

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says."""
        return cls(*packed)


@dataclass(slots=True)
class Connections:
    """Connections struck or spared, and the number of the first of each phase."""

    count: int = 0
    first: dict[str, int] = field(default_factory=dict)

    def next(self, phase: str) -> tuple[int, int]:
        """(number of the next one in the run, in its phase)."""
        number = self.count
        self.count += 1
        return number, number - self.first.setdefault(phase, number)

    def pack(self) -> object:
        """As Piece says."""
        return [self.count, self.first]

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says."""
        return cls(*packed)


#: Parts of the time over which a rate is taken; a call counts until the part in which it came is out of it.
_PARTS = 20


@dataclass(slots=True)
class Recent:
    """How many calls came lately: [number of the part of time, calls], in order."""

    parts: list[list[int]] = field(default_factory=list)

    def come(self, t: float, over: float) -> float:
        """A call came: calls a second over the last `over` seconds, this one included."""
        part = int(t / over * _PARTS)
        if not self.parts or self.parts[-1][0] < part:
            self.parts.append([part, 0])
        self.parts[-1][1] += 1  # of two processes one may be a moment behind
        self.parts = [one for one in self.parts if one[0] > part - _PARTS]
        return self.rate(t, over)

    def rate(self, t: float, over: float) -> float:
        """Calls a second over the last `over` seconds."""
        part = int(t / over * _PARTS)
        return sum(count for number, count in self.parts if number > part - _PARTS) / over

    def pack(self) -> object:
        """As Piece says."""
        return self.parts

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says."""
        return cls(packed)
