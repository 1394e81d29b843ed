"""Server-sent events: named or nameless events, each ended by a blank line (WHATWG HTML, 9.2)."""

from __future__ import annotations

import re
from typing import ClassVar

from chaosllm.framing import Message, Splitter
from chaosllm.framing._lines import LineSplitter

# A line ends with LF, CRLF or CR, freely mixed (WHATWG HTML, 9.2.5); an event ends at a blank line.
# After a bare CR a second CR ends the event at once, because a stream of bare CRs must not lag one
# event behind. After LF a lone CR waits for the next byte, which may be the LF of a CRLF: a cut
# between the two would leave clients that look for CRLFCRLF with an unfinished event.
_BLANK_LINE = re.compile(rb"\r\r|\n(?:\n|\r\n|\r(?=[^\n]))")
_BOM = "\ufeff"


class SseSplitter(LineSplitter):
    """Cuts server-sent events apart; blank lines before an event belong to it."""

    end: ClassVar[re.Pattern[bytes]] = _BLANK_LINE
    partial: ClassVar[int] = 2  # LF CR
    usual: ClassVar[bytes] = b"\n\n"


def parse_event(raw: bytes) -> Message:
    """The name and data of a raw event; comments, ids and retry times are passed over."""
    # The fast path is the shape of nearly every event of OpenAI's chat: one data line.
    if raw[:6] == b"data: " and (end := raw.find(b"\n")) == len(raw) - 2 and raw[-1:] == b"\n":
        line = raw[6:end]
        if b"\r" not in line:
            return Message(None, line.decode("utf-8", "replace"))
    name: str | None = None
    data: list[str] = []
    # bytes.splitlines knows exactly the three line ends of the format, str.splitlines a dozen more.
    for at, bytes_line in enumerate(raw.splitlines()):
        text = bytes_line.decode("utf-8", "replace")
        key, _, value = (text.removeprefix(_BOM) if at == 0 else text).partition(":")
        value = value.removeprefix(" ")
        if key == "data":
            data.append(value)
        elif key == "event":
            name = value or None
    return Message(name, "\n".join(data))


def format_event(name: str | None, data: bytes) -> bytes:
    """A raw event with LF line ends; `data` may hold several lines."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"".join(b"data: " + line + b"\n" for line in data.split(b"\n")) + b"\n"


def replace_data(raw: bytes, data: bytes) -> bytes:
    """The raw event with its data lines replaced by `data`; its other lines and its line ends stay."""
    lines = raw.splitlines(keepends=True)
    place = next((at for at, line in enumerate(lines) if line.startswith(b"data")), None)
    if place is None:
        return format_event(None, data)
    end = lines[place][len(lines[place].rstrip(b"\r\n")) :] or b"\n"
    fresh = b"".join(b"data: " + line + end for line in data.split(b"\n"))
    kept = [line for line in lines[place:] if not line.startswith(b"data")]
    return b"".join((*lines[:place], fresh, *kept))


class Sse:
    """`chaosllm.framing.Framing` of server-sent events; `newline` is that of written events."""

    def __init__(self, content_type: str = "text/event-stream; charset=utf-8", *, newline: bytes = b"\n") -> None:
        self.content_type = content_type
        self._newline = newline

    def splitter(self) -> Splitter:
        """A new splitter."""
        return SseSplitter()

    def read(self, raw: bytes) -> Message:
        """Name and data."""
        return parse_event(raw)

    def write(self, name: str | None, data: bytes) -> bytes:
        """An event with this framing's line ends."""
        return format_event(name, data).replace(b"\n", self._newline)

    def replace(self, raw: bytes, data: bytes) -> bytes:
        """The event with other data."""
        return replace_data(raw, data)


SSE = Sse()
