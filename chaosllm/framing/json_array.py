r"""One JSON array that arrives element by element, as Gemini streams without `alt=sse`: an object is an event.

[{...}          event: the bracket belongs to the first element
,\r\n{...}      event: separators and spaces belong to the element after them
]               event without payload: the end of the array
"""

from __future__ import annotations

import re

from chaosllm.framing import Message, Splitter

_OUTSIDE = re.compile(rb'["{}\]]')
_INSIDE = re.compile(rb'["\\]')  # of a string
#: What may stand before an element: the array's opening, its end, separators, spaces and a byte order mark.
_PREFIX = re.compile(rb"(?:\xef\xbb\xbf)?[\[\],\s]*")


class JsonArraySplitter:
    """Cuts objects apart by their braces; what is between them belongs to the next one, a `]` there ends an event."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._resume = 0  # what is before has been counted
        self._depth = 0  # open braces
        self._string = False

    def feed(self, data: bytes) -> list[bytes]:
        """The elements completed by `data`, each with what stands before it."""
        pending = self._pending
        pending += data
        events: list[bytes] = []
        start = 0
        while (match := (_INSIDE if self._string else _OUTSIDE).search(pending, self._resume)) is not None:
            place = match.start()
            self._resume = place + 1
            token = pending[place]
            if token == ord("\\"):
                if self._resume == len(pending):  # what it escapes is still to come
                    self._resume = place
                    break
                self._resume += 1
            elif token == ord('"'):
                self._string = not self._string
            elif token == ord("{"):
                self._depth += 1
            elif self._closes(token):
                events.append(bytes(pending[start : self._resume]))
                start = self._resume
        else:
            self._resume = len(pending)
        if start:
            del pending[:start]
            self._resume -= start
        return events

    def _closes(self, token: int) -> bool:
        """Whether this bracket or brace is the last byte of an event."""
        if token == ord("]"):
            return self._depth == 0
        if self._depth == 0:  # a brace too many: not JSON
            return False
        self._depth -= 1
        return self._depth == 0

    @property
    def held(self) -> int:
        """Bytes of the element that is not whole yet."""
        return len(self._pending)

    def rest(self) -> bytes:
        """What has come since the last whole element."""
        return bytes(self._pending)

    def spill(self) -> bytes:
        """All of the element that has been looked at."""
        pending = self._pending
        out = bytes(pending[: self._resume])
        del pending[: self._resume]
        self._resume = 0
        return out


class JsonArray:
    """`chaosllm.framing.Framing` of a JSON array; what it writes follows another element."""

    #: Between two elements; what Gemini puts there is read and kept in any form, this one is for events of ours.
    separator = b",\r\n"

    def __init__(self, content_type: str = "application/json; charset=UTF-8") -> None:
        self.content_type = content_type

    def splitter(self) -> Splitter:
        """A new splitter."""
        return JsonArraySplitter()

    def read(self, raw: bytes) -> Message:
        """The element; no payload for the array's end."""
        _, element, _ = _parts(raw)
        return Message(None, element.decode("utf-8", "replace"))

    def write(self, name: str | None, data: bytes) -> bytes:  # noqa: ARG002  # because elements have no names
        """An element that follows another one."""
        return self.separator + data

    def first(self, data: bytes) -> bytes:
        """The array's opening with its first element."""
        return b"[" + data

    def replace(self, raw: bytes, data: bytes) -> bytes:
        """The event with another element; what stands before and after it stays."""
        before, _, after = _parts(raw)
        return before + data + after


def _parts(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """What stands before the element, the element, and the spaces after it."""
    match = _PREFIX.match(raw)
    start = match.end() if match is not None else 0
    end = max(start, len(raw.rstrip()))
    return raw[:start], raw[start:end], raw[end:]


JSON_ARRAY = JsonArray()
#: The last event of an array.
END = b"]"
