"""Framings: how a stream is cut into events, and how one event is read and written. One file each.

Laws:
1. No byte is lost or changed: the events and the rest, joined, are the input.
2. The same bytes give the same events however they are split into feeds.
3. Feeding is linear in the bytes fed.
4. `replace(raw, data)` changes nothing but the payload: name, line ends, headers and separators stay.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Splitter(Protocol):
    """Cuts a body into raw events, losing no byte: the joined output equals the input."""

    @property
    def held(self) -> int:
        """Bytes of the event that is not whole yet."""

    def feed(self, data: bytes) -> list[bytes]:
        """The events completed by `data`, delimiters included."""

    def rest(self) -> bytes:
        """What has come since the last whole event."""

    def spill(self) -> bytes:
        """Let go of what has come of an event that does not end; what is left of it ends as an event of its own.

        A few bytes may stay, those by which its end could begin.
        """


class Message(NamedTuple):
    """What one raw event holds: its name where the framing has names, and its payload as text."""

    name: str | None
    data: str


class Framing(Protocol):
    """One way to put events into a body."""

    content_type: str  # of a stream in this framing

    def splitter(self) -> Splitter:
        """A new splitter."""

    def read(self, raw: bytes) -> Message:
        """Name and payload of a raw event; a damaged one is a Message without either."""

    def write(self, name: str | None, data: bytes) -> bytes:
        """A raw event of this payload; a framing without names drops the name."""

    def replace(self, raw: bytes, data: bytes) -> bytes:
        """The raw event with another payload (which need not be valid), all else as it came."""
