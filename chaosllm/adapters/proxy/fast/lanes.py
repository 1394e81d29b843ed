"""The shortest way of a chunk: what nearly every read of a stream is, one whole chunk, past the relay's book-keeping.

A lane stands before the upstream's wire. What is not one whole chunk goes to the relay, which knows the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final, Protocol

from chaosllm.adapters.proxy.fast.inlet import SIZES, Chunks
from chaosllm.adapters.proxy.layers.drive import Wire
from chaosllm.adapters.proxy.players.paced import PacedPlayer
from chaosllm.adapters.proxy.players.passing import PassPlayer

_LINE: Final = b"\r\n"
#: Where a size line that we know may end: after at least one digit, and at most as many as `inlet` takes for a size.
_FROM, _TO = 1, 18


class Fallback(Protocol):
    """The relay of a lane."""

    def plain(self, data: bytes) -> None:
        """Bytes as they came off the wire."""

    def later(self, player: PacedPlayer) -> None:
        """The player holds something back."""

    def rescue(self, error: Exception) -> None:
        """The player broke."""


class _Lane(asyncio.Protocol):
    """What both lanes are to the transport."""

    def __init__(self, wire: Wire, relay: Fallback, inlet: Chunks) -> None:
        self._wire = wire
        self._relay = relay
        self._inlet = inlet

    def eof_received(self) -> bool:
        """As the wire's."""
        return self._wire.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """As the wire's."""
        self._wire.connection_lost(exc)

    def pause_writing(self) -> None:
        """As the wire's."""
        self._wire.pause_writing()

    def resume_writing(self) -> None:
        """As the wire's."""
        self._wire.resume_writing()


class PassLane(_Lane):
    """Onto the client's wire as it came, and to be read later."""

    def __init__(
        self, wire: Wire, relay: Fallback, inlet: Chunks, player: PassPlayer, write: Callable[[bytes], object]
    ) -> None:
        super().__init__(wire, relay, inlet)
        self._keep = player.keep
        self._write = write

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        at = data.find(_LINE, _FROM, _TO)
        size = SIZES.get(data[:at])
        if size is not None and len(data) == size + at + 4 and data[-2:] == _LINE and self._inlet.between:
            piece = data[at + 2 : -2]
            if self._keep(piece):
                self._write(data)
                return
        self._relay.plain(data)


class PaceLane(_Lane):
    """Through a player that only paces."""

    def __init__(
        self, wire: Wire, relay: Fallback, inlet: Chunks, player: PacedPlayer, send: Callable[[bytes], object]
    ) -> None:
        super().__init__(wire, relay, inlet)
        self._player = player
        self._send = send

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        at = data.find(_LINE, _FROM, _TO)
        size = SIZES.get(data[:at])
        if size is None or len(data) != size + at + 4 or data[-2:] != _LINE or not self._inlet.between:
            self._relay.plain(data)
            return
        player = self._player
        try:
            due = player.offer(data[at + 2 : -2], time.monotonic())
        except Exception as error:  # whatever breaks in our code must not cost the app its answer
            self._relay.rescue(error)
            return
        if due:
            self._send(due)
        if player.next_wake is not None:
            self._relay.later(player)
