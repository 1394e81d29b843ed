"""Backpressure of one stream: while its player holds much, its upstream is read no further."""

from __future__ import annotations

from dataclasses import dataclass

from chaosllm.adapters.proxy.layers.drive import Wire

#: Bytes held at which an upstream that serves this stream alone is no longer read.
ALONE = 256 << 10
#: The same of an answer that is held back as a whole: it must be read on meanwhile, or it comes later than asked for.
DELAYED = 16 << 20
#: The same of a connection that other streams share (HTTP/2), which all wait then.
SHARED = 8 << 20


@dataclass(slots=True)
class Brake:
    """Holds one wire above `most` bytes, and lets go below half of that."""

    wire: Wire
    most: int
    on: bool = False

    def press(self, held: int) -> None:
        """The player holds so many bytes now."""
        if not self.on and held > self.most:
            self.on = True
            self.wire.hold(self)
        elif self.on and held < self.most // 2:
            self.release()

    def release(self) -> None:
        """The stream is over, or holds little."""
        if self.on:
            self.on = False
            self.wire.release(self)

    def __hash__(self) -> int:
        return id(self)
