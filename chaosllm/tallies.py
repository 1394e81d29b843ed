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
