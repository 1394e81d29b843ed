"""Newline-delimited JSON: a line is an event, nameless (https://github.com/ndjson/ndjson-spec)."""

from __future__ import annotations

import re
from typing import ClassVar

from chaosllm.framing import Message, Splitter
from chaosllm.framing._lines import LineSplitter


class NdjsonSplitter(LineSplitter):
    """Cuts lines apart; a line ends with LF (its CR, if any, stays in it), blank lines belong to the next one."""

    end: ClassVar[re.Pattern[bytes]] = re.compile(rb"\n")
    usual: ClassVar[bytes] = b"\n"


class Ndjson:
    """`chaosllm.framing.Framing` of newline-delimited JSON."""

    def __init__(self, content_type: str = "application/x-ndjson") -> None:
        self.content_type = content_type

    def splitter(self) -> Splitter:
        """A new splitter."""
        return NdjsonSplitter()

    def read(self, raw: bytes) -> Message:
        """The line without its end."""
        return Message(None, raw.strip(b"\r\n").decode("utf-8", "replace"))

    def write(self, name: str | None, data: bytes) -> bytes:  # noqa: ARG002  # because lines have no names
        """A line that ends with LF."""
        return data + b"\n"

    def replace(self, raw: bytes, data: bytes) -> bytes:
        """The line with other text; the blank lines before it and its own end stay."""
        text = raw.lstrip(b"\r\n")
        return raw[: len(raw) - len(text)] + data + text[len(text.rstrip(b"\r\n")) :]


NDJSON = Ndjson()
