"""The splitter of framings whose events end where a line does, and do not begin before a line says something."""

from __future__ import annotations

import re
from typing import ClassVar

_NOT_A_LINE_END = re.compile(rb"[^\r\n]")


class LineSplitter:
    """Cuts at each match of `end`; line ends before an event belong to it."""

    end: ClassVar[re.Pattern[bytes]]
    #: How many bytes of an `end` may stand at the end of a feed without being one yet.
    partial: ClassVar[int] = 0
    #: The line ends by which nearly every event ends.
    usual: ClassVar[bytes]

    def __init__(self) -> None:
        self._pending = bytearray()
        self._resume = 0  # where the search goes on; what is before holds no end of an event
        self._begun = False  # whether something other than a line end has come since the last event

    def feed(self, data: bytes) -> list[bytes]:
        """The events completed by `data`, delimiters included."""
        pending = self._pending
        if not (pending or self._begun) and self._is_one(data):
            return [data]
        pending += data
        events: list[bytes] = []
        start = 0
        while True:
            if not self._begun:
                first = _NOT_A_LINE_END.search(pending, self._resume)
                if first is None:
                    self._resume = len(pending)
                    break
                self._begun, self._resume = True, first.start()
            end = self.end.search(pending, self._resume)
            if end is None:
                self._resume = max(self._resume, len(pending) - self.partial)
                break
            events.append(bytes(pending[start : end.end()]))
            start = self._resume = end.end()
            self._begun = False
        if start:
            del pending[:start]
            self._resume -= start
        return events

    def _is_one(self, data: bytes) -> bool:
        """Whether this is one whole event and nothing else, as most reads of a stream are; in a tenth of the time."""
        usual = self.usual
        return data.find(usual) == len(data) - len(usual) > 0 and b"\r" not in data

    @property
    def held(self) -> int:
        """Bytes of the event that is not whole yet."""
        return len(self._pending)

    def rest(self) -> bytes:
        """What has come since the last whole event."""
        return bytes(self._pending)

    def spill(self) -> bytes:
        """All that holds no end of an event; the rest of the event is to come."""
        pending = self._pending
        out = bytes(pending[: self._resume])
        del pending[: self._resume]
        self._resume = 0
        return out
