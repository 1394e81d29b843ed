"""What the proxies of one run count together: pieces of state by name, each read and changed as one step.

Laws:
1. Nothing decides on a piece but inside `change`, because another process may change it before and after.
2. A piece is small and can be written as JSON; it holds no prompt and no key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Self


class Piece(Protocol):
    """One thing that is counted; without arguments it is as nothing was counted yet."""

    def pack(self) -> object:
        """What JSON can hold of it, which is all."""

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """The piece that `pack` wrote."""


class Store(Protocol):
    """Pieces by name. `ahead`: seconds that its own time is ahead of the run's, for pieces that keep times."""

    ahead: float

    def change[P: Piece, R](self, name: str, kind: type[P], act: Callable[[P], R]) -> R:
        """What `act` returns of the piece, which it may change; nobody else sees or changes it meanwhile.

        `act` must not call `change`, and may be called again, on the piece as it then is.
        """


class Memory:
    """The store of a proxy that is alone."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._pieces: dict[str, Any] = {}

    def change[P: Piece, R](self, name: str, kind: type[P], act: Callable[[P], R]) -> R:
        """As Store says."""
        piece = self._pieces.get(name)
        if piece is None:
            piece = self._pieces[name] = kind()
        return act(piece)


@dataclass(slots=True)
class Tally:
    """A count from 0."""

    count: int = 0

    def next(self) -> int:
        """The count, which is then one more."""
        self.count += 1
        return self.count - 1

    def pack(self) -> object:
        """As Piece says."""
        return self.count

    @classmethod
    def unpack(cls, packed: Any) -> Self:
        """As Piece says."""
        return cls(packed)
