"""Reads the events of one stream, quickly where one event is like the one before it but for its text.

Laws:
1. What is read is what the provider's own `part` says of the events that the splitter cuts: the quick way is taken
   only where that is sure, and a test holds the two against each other.
2. No byte is lost: the parts' bytes and `rest`, joined, are the input, whatever happens on the way.

The quick way. An event that says text and nothing else, and spells that text as one JSON string:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":"  fox  "},"finish_reason":null}]}⏎⏎
    |----------------------- prefix ------------------------|       |----------- suffix ---------|

Another event of this prefix and suffix, with a whole JSON string between them, holds the same document with another
text, because nothing in a JSON string can end it but a quote that no backslash escapes. That the text of the
event is what stands there is tried with another text before it is believed. Fields that differ from event to event
and mean nothing to any provider here (a number, a time, padding against eavesdroppers) may hold anything simple.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from json.decoder import scanstring  # type: ignore[attr-defined]  # because typeshed leaves it out
from typing import Final

from chaosllm.framing import Splitter
from chaosllm.providers import Part

#: The longest event that is kept until it is whole. A real one has some kB; an image in base64 stays below 10 MB.
LONGEST_EVENT: Final = 16 << 20
#: How many prefixes and suffixes are tried on one stream, because a stream whose events all differ has none to offer.
_TRIES = 8
#: A text that no field has by chance; long, and not all of one byte a character.
_PROBE: Final = "⟨a text that is tried in place of another⟩"
_QUOTE: Final = b'"'
#: Fields that no dialect reads, with values that need no escape: OpenAI's `obfuscation` and Mistral's `p` are padding
#: of random length, Ollama's `created_at` is the time, OpenAI's Responses number their events.
_SAYS_NOTHING = re.compile(
    rb'"(?:obfuscation|p|created_at)": ?"([ !#-\[\]-~]*)"|"sequence_number": ?(0|[1-9][0-9]{0,14})(?=[,}])'
)
_SIMPLE, _NUMBER = rb"[ !#-\[\]-~]*", rb"(?:0|[1-9][0-9]{0,14})"
#: A JSON string without its first quote, as far as it can be told without reading it.
_TEXT = rb'((?:[^"\\\x00-\x1f]|\\.)+")'

type _Match = Callable[[bytes], re.Match[bytes] | None]


class EventReader:
    """Cuts one stream into events and reads each of them."""

    def __init__(self, new_splitter: Callable[[], Splitter], read: Callable[[bytes], Part]) -> None:
        self.spilled = False  # an event was too long to be kept
        self._new_splitter = new_splitter
        self._splitter = new_splitter()
        self._read = read
        self._uncut: list[bytes] = []  # events cut off and not handed out yet, because reading one may fail
        self._between = True  # the stream stands between two events
        self._spilling = False  # inside an event of which the beginning was let go
        self._tries = _TRIES
        self._prefix = self._suffix = self._seam = b""  # the seam: the end of one event and the beginning of the next
        self._least = 0  # the least bytes of an event that has both, and a text; 0: none is known
        self._match: _Match | None = None  # in place of both, where fields in them differ that mean nothing

    def text(self, data: bytes) -> str | None:
        """The text of `data` where it is one whole event of the shape that is known; else None, and `feed` is due."""
        if not self._least or not self._between or len(data) < self._least:
            return None
        prefix, suffix = self._prefix, self._suffix
        if not (data.startswith(prefix) and data.endswith(suffix)):
            return None
        try:
            said = data[len(prefix) : 1 - len(suffix)].decode()  # with the quote that ends it
            text, end = scanstring(said, 0)
        except ValueError:  # no UTF-8, or no JSON string
            return None
        return str(text) if end == len(said) else None

    def feed(self, data: bytes) -> list[Part]:
        """The events completed by `data`; pieces of one that grew longer than 16 MiB, with nothing but bytes."""
        if self._least and self._between and len(data) >= self._least:
            prefix, suffix = self._prefix, self._suffix
            if data.startswith(prefix) and data.endswith(suffix):
                middle = data[len(prefix) : 1 - len(suffix)]  # with the quote that ends it
                try:
                    said = middle.decode()
                    text, end = scanstring(said, 0)
                    if end == len(said):
                        return [Part(data, text)]
                    if (parts := self._several(middle)) is not None:
                        return parts
                except ValueError:  # no UTF-8, or no JSON string
                    pass
        elif self._match is not None and self._between and (part := self._alike(data)) is not None:
            return [part]
        return self._feed(data)

    def rest(self) -> bytes:
        """What has come since the last event that was handed out."""
        return b"".join((*self._uncut, self._splitter.rest()))

    def end(self) -> list[Part]:
        """The stream is over: what it has left, which is no whole event."""
        left = self.rest()
        parts = [Part(left) if self._spilling else self._read(left)] if left else []
        self._splitter, self._uncut = self._new_splitter(), []
        return parts

    def _several(self, middles: bytes) -> list[Part] | None:
        """Several whole events, given without the first prefix and the last suffix; None where they are none."""
        prefix, suffix = self._prefix, self._suffix
        parts: list[Part] = []
        for middle in middles[:-1].split(self._seam):
            said = middle.decode() + '"'
            text, end = scanstring(said, 0)
            if end != len(said) or not text:
                return None
            parts.append(Part(prefix + middle + suffix, text))
        return parts

    def _feed(self, data: bytes) -> list[Part]:
        splitter = self._splitter
        raws = self._uncut = splitter.feed(data)
        if raws and self._spilling:
            parts = [Part(raws[0]), *map(self._read, raws[1:])]
            self._spilling = False
        elif self._match is not None and len(raws) > 1:
            parts = [self._alike(raw) or self._read(raw) for raw in raws]
        else:
            parts = list(map(self._read, raws))
        if splitter.held > LONGEST_EVENT or (self._spilling and splitter.held):
            self.spilled = self._spilling = True
            if piece := splitter.spill():
                parts.append(Part(piece))
        self._uncut = []
        self._between = not (splitter.held or self._spilling)
        if parts and self._tries and parts[-1].text:
            self._learn(parts[-1])
        return parts

    def _alike(self, raw: bytes) -> Part | None:
        """One whole event that differs in its text and in what means nothing; None of any other."""
        if self._match is None or (match := self._match(raw)) is None:
            return None
        try:
            said = match[1].decode()
            text, end = scanstring(said, 0)
        except ValueError:
            return None
        return Part(raw, text) if end == len(said) else None

    def _learn(self, part: Part) -> None:
        """Remember what stands around the text of an event that says nothing else."""
        if part != Part(part.raw, part.text):
            return
        before, _, after = part.raw.partition(_QUOTE + part.text.encode("utf-8", "replace") + _QUOTE)
        if not after:
            return
        self._tries -= 1
        prefix, suffix = before + _QUOTE, _QUOTE + after
        tried = _said_otherwise(prefix) + _PROBE.encode() + _said_otherwise(suffix)
        splitter = self._new_splitter()
        if self._read(tried) != Part(tried, _PROBE) or splitter.feed(tried * 2) != [tried] * 2 or splitter.held:
            return
        if _SAYS_NOTHING.search(prefix) or _SAYS_NOTHING.search(suffix):
            self._least = 0
            self._match = re.compile(_pattern(prefix) + _TEXT + _pattern(after), re.DOTALL).fullmatch
        else:
            self._prefix, self._suffix, self._seam = prefix, suffix, suffix + prefix
            self._least = len(self._seam) + 1
            self._match = None


def _said_otherwise(piece: bytes) -> bytes:
    """The piece of an event with other values where they mean nothing."""
    return _SAYS_NOTHING.sub(lambda match: _field(match) + (b"7" if match[1] is None else b'other"'), piece)


def _pattern(piece: bytes) -> bytes:
    """What matches the piece of an event, whatever stands where it means nothing."""
    out, done = b"", 0
    for match in _SAYS_NOTHING.finditer(piece):
        out += re.escape(piece[done : match.start()] + _field(match))
        out += _NUMBER if match[1] is None else _SIMPLE + _QUOTE
        done = match.end()
    return out + re.escape(piece[done:])


def _field(match: re.Match[bytes]) -> bytes:
    """The name, up to the value."""
    return match[0][: match.start(match.lastindex or 0) - match.start()]
