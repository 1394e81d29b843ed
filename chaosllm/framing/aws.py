"""The AWS event stream: binary frames with typed headers, each under two checksums.

    total u32 | headers u32 | CRC of these eight bytes u32 | headers | payload | CRC of all before u32
    a header: length u8 | name | type u8 | value;  big-endian, CRC-32 as in gzip

The layout: "Event stream encoding" in the Amazon Lex V2 guide; limits and leniency as botocore/eventstream.py
has them, because what it accepts is what apps see.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from struct import Struct
from zlib import crc32

from chaosllm.framing import Message, Splitter

type Value = bool | int | bytes | str

_PRELUDE = Struct(">III")
_CRC = Struct(">I")
_LENGTH = Struct(">H")
#: The least a frame can hold: the prelude and its own checksum.
_EMPTY = _PRELUDE.size + _CRC.size
_LONGEST_HEADERS = 128 * 1024
_LONGEST_PAYLOAD = 24 * 1024 * 1024
#: A stream that is damaged (or is none) passes on in pieces of this many bytes: none is held for long, none rescanned.
_PIECE = 1024
_NUMBERS = {2: Struct(">b"), 3: Struct(">h"), 4: Struct(">i"), 5: Struct(">q"), 8: Struct(">q")}
_BYTES, _STRING, _UUID = 6, 7, 9


class AwsSplitter:
    """Cuts frames apart by their lengths; where a prelude is wrong there is no next frame to be found.

    The wrong prelude is then an event, and what follows it comes in pieces of 1024 bytes, which nobody can read.
    """

    def __init__(self) -> None:
        self._pending = bytearray()
        self._length = 0  # of the frame that has begun, 0 before its prelude is whole
        self._lost = False

    def feed(self, data: bytes) -> list[bytes]:
        """The frames completed by `data`."""
        pending = self._pending
        pending += data
        events: list[bytes] = []
        start = 0
        while True:
            if not self._length:
                if self._lost:
                    self._length = _PIECE
                elif len(pending) - start < _PRELUDE.size:
                    break
                else:
                    self._begin(pending[start : start + _PRELUDE.size])
            if len(pending) - start < self._length:
                break
            events.append(bytes(pending[start : start + self._length]))
            start += self._length
            self._length = 0
        if start:
            del pending[:start]
        return events

    def _begin(self, prelude: bytearray) -> None:
        total, headers, checksum = _PRELUDE.unpack(prelude)
        payload = total - headers - _EMPTY
        self._lost = (
            crc32(prelude[:8]) != checksum or headers > _LONGEST_HEADERS or not 0 <= payload <= _LONGEST_PAYLOAD
        )
        self._length = _PRELUDE.size if self._lost else total

    @property
    def held(self) -> int:
        """Bytes of the frame that is not whole yet."""
        return len(self._pending)

    def rest(self) -> bytes:
        """What has come since the last whole frame."""
        return bytes(self._pending)

    def spill(self) -> bytes:
        """What has come of a frame; before its prelude is whole, nothing."""
        if not self._length:
            return b""
        out = self.rest()
        self._length -= len(out)
        self._pending.clear()
        return out


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, read. Header values: bool, int (timestamps in milliseconds), str, or bytes (a UUID's 16 too)."""

    headers: Mapping[str, Value]
    payload: bytes

    def text(self, name: str) -> str:
        """A header that is a string, "" where there is none."""
        value = self.headers.get(name)
        return value if isinstance(value, str) else ""

    @property
    def name(self) -> str | None:
        """The type of the event or of the exception, or the code of an error."""
        return self.text(":event-type") or self.text(":exception-type") or self.text(":error-code") or None

    @property
    def fails(self) -> bool:
        """Whether it is an exception or an error, which both end a stream."""
        return self.text(":message-type") in ("exception", "error")


def decode(raw: bytes) -> Frame | None:
    """The frame, or None where a length, a checksum or a header is wrong."""
    size = _headers_size(raw)
    if size is None or crc32(raw[: -_CRC.size]) != _CRC.unpack(raw[-_CRC.size :])[0]:
        return None
    end = _PRELUDE.size + size
    headers = _headers(raw[_PRELUDE.size : end])
    return None if headers is None else Frame(headers, raw[end : -_CRC.size])


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A frame of string headers."""
    return _seal(b"".join(_header(name, value) for name, value in headers.items()), payload)


def event(name: str, payload: bytes, content_type: str = "application/json") -> bytes:
    """An event frame."""
    return encode({":event-type": name, ":content-type": content_type, ":message-type": "event"}, payload)


def exception(name: str, payload: bytes, content_type: str = "application/json") -> bytes:
    """An exception frame, of a type that the operation models or not."""
    return encode({":exception-type": name, ":content-type": content_type, ":message-type": "exception"}, payload)


def error(code: str, message: str) -> bytes:
    """An error frame: the failure that no model knows, all of it in headers."""
    return encode({":error-code": code, ":error-message": message, ":message-type": "error"}, b"")


def spoil(raw: bytes) -> bytes:
    """The frame with a wrong checksum at its end."""
    return raw[:-1] + bytes([raw[-1] ^ 0xFF])


def _headers_size(raw: bytes) -> int | None:
    """How long a frame's headers are; None where its prelude is wrong."""
    if len(raw) < _EMPTY:
        return None
    total, size, checksum = _PRELUDE.unpack_from(raw)
    if total != len(raw) or size > total - _EMPTY or crc32(raw[:8]) != checksum:
        return None
    return int(size)


def _headers(data: bytes) -> dict[str, Value] | None:
    headers: dict[str, Value] = {}
    place = 0
    try:
        while place < len(data):
            end = place + 1 + data[place]
            name, kind = data[place + 1 : end].decode(), data[end]
            if name in headers:
                return None
            headers[name], place = _value(kind, data, end + 1)
    except (ValueError, IndexError, KeyError, struct.error):
        return None
    return headers


def _value(kind: int, data: bytes, place: int) -> tuple[Value, int]:
    """A header's value and where it ends; one that is cut short is read as far as it goes, as botocore does."""
    if kind < 2:
        return kind == 0, place  # 0 is true, 1 is false
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return number.unpack_from(data, place)[0], place + number.size
    if kind == _UUID:
        return data[place : place + 16], place + 16
    if kind not in (_BYTES, _STRING):
        raise ValueError(f"no header type {kind}")
    start = place + _LENGTH.size
    end = start + int(_LENGTH.unpack_from(data, place)[0])
    return (data[start:end].decode() if kind == _STRING else data[start:end]), end


def _header(name: str, value: str) -> bytes:
    key, text = name.encode(), value.encode()
    return bytes([len(key)]) + key + bytes([_STRING]) + _LENGTH.pack(len(text)) + text


def _seal(headers: bytes, payload: bytes) -> bytes:
    """A frame around headers that are already written."""
    lengths = _PRELUDE.pack(_EMPTY + len(headers) + len(payload), len(headers), 0)[:8]
    body = lengths + _CRC.pack(crc32(lengths)) + headers + payload
    return body + _CRC.pack(crc32(body))


class AwsEventStream:
    """`chaosllm.framing.Framing` of AWS event streams."""

    content_type = "application/vnd.amazon.eventstream"

    def splitter(self) -> Splitter:
        """A new splitter."""
        return AwsSplitter()

    def read(self, raw: bytes) -> Message:
        """Type (or code) and payload; neither of a damaged frame."""
        frame = decode(raw)
        return Message(None, "") if frame is None else Message(frame.name, frame.payload.decode("utf-8", "replace"))

    def write(self, name: str | None, data: bytes) -> bytes:
        """An event frame."""
        return event(name or "", data)

    def replace(self, raw: bytes, data: bytes) -> bytes:
        """The frame with another payload and new checksums; a damaged one stays, for nothing in it can be told."""
        if decode(raw) is None:
            return raw
        size = _PRELUDE.unpack_from(raw)[1]
        return _seal(raw[_PRELUDE.size : _PRELUDE.size + size], data)


AWS = AwsEventStream()
