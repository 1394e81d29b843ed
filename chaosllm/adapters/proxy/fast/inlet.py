"""The body of an HTTP/1.1 answer as it comes off the wire: by chunks, by length, or until the connection ends.

Each inlet takes bytes and gives what of them is body, and the bytes as they came where these can be passed
on unchanged. What is the end of the body, or is no proper framing, is left: mitmproxy judges that.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Protocol

#: A chunk's size line without extensions (RFC 9112, section 7.1); longer ones than this many digits are no sizes.
_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_LINE_AT_MOST = 32


#: Chunk sizes by their lines, those that were met; so that a line that is known need not be looked at again.
SIZES: dict[bytes, int] = {}
_KNOWN_AT_MOST = 1 << 14


class Taken(NamedTuple):
    """What bytes off the wire were: `body` in pieces as framed, `raw` as it came, `left` for mitmproxy, if anything."""

    body: list[bytes]
    raw: bytes
    left: bytes | None = None


class Inlet(Protocol):
    """Takes an answer's body apart."""

    chunked: bool  # whether `raw` is in chunks

    def take(self, data: bytes) -> Taken:
        """Bytes came off the wire; after a `left` there must be no more."""


class Chunks:
    """A chunked body."""

    chunked = True

    def __init__(self) -> None:
        self.between = True  # nothing of a chunk is owed
        self._line = b""  # the beginning of a size line
        self._more = 0  # bytes of the chunk that have not come
        self._ending = b""  # what must still follow the chunk's bytes

    def take(self, data: bytes) -> Taken:
        """Whole chunks and parts of one; the terminator and whatever is no chunk are left."""
        taken = self._take(data)
        self.between = not (self._more or self._ending or self._line)
        return taken

    def _take(self, data: bytes) -> Taken:
        body: list[bytes] = []
        data, self._line = self._line + data if self._line else data, b""
        at, size = 0, len(data)
        while at < size:
            if self._more:
                end = min(size, at + self._more)
                body.append(data[at:end])
                self._more -= end - at
                at = end
                if not self._more:
                    self._ending = b"\r\n"
            elif self._ending:
                come = data[at : at + len(self._ending)]
                if not self._ending.startswith(come):
                    return Taken(body, data[:at], b"\r\n" + data[at:])  # no size line begins so
                self._ending = self._ending[len(come) :]
                at += len(come)
            else:
                line = data.find(b"\r\n", at)
                if line < 0 and size - at < _LINE_AT_MOST:
                    self._line = data[at:]
                    return Taken(body, data[:at])
                digits = _SIZE.fullmatch(data, at, max(line, at))
                length = int(digits[0], 16) if digits is not None else 0
                if not length:
                    return Taken(body, data[:at], data[at:])
                if len(SIZES) < _KNOWN_AT_MOST:
                    SIZES[data[at:line]] = length
                at = line + 2
                end = at + length
                if end + 2 <= size and data[end : end + 2] == b"\r\n":  # as nearly every chunk comes
                    body.append(data[at:end])
                    at = end + 2
                else:
                    self._more = length
        return Taken(body, data)


class Length:
    """A body of so many bytes."""

    chunked = False

    def __init__(self, length: int) -> None:
        self._more = length

    def take(self, data: bytes) -> Taken:
        """All of it; what follows is left, were it nothing."""
        if len(data) < self._more:
            self._more -= len(data)
            return Taken([data], data)
        body, self._more = data[: self._more], 0
        return Taken([body], body, data[len(body) :])


class UntilClosed:
    """A body that the connection's end delimits."""

    chunked = False

    def take(self, data: bytes) -> Taken:
        """All of it."""
        return Taken([data], data)
