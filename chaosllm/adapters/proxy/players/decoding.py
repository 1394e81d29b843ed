"""Undoes a content-encoding piece by piece, for answers that must be read while they stream.

What a piece decodes to is bounded, because a few bytes of any of these codings can stand for gigabytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, Protocol

import brotli  # type: ignore[import-untyped]  # ships no types; three calls, checked by the tests
import zstandard

#: The most that one piece may decode to. Pieces are reads of at most 256 KiB, and an answer's JSON shrinks by 3 to 20.
EXPANDS_TO: Final = 16 << 20
#: The largest window of zstd on the wire (RFC 9659, section 3); a frame may ask for gigabytes.
_ZSTD_WINDOW = 8 << 20
#: One block of zstd is 4 bytes at least and 128 KiB at most (RFC 8878, section 3.1.1.2): 8 MiB from these many bytes.
_ZSTD_BITE = 256


class _Codec(Protocol):
    """One coding; `feed` raises on damage, on what comes after the end, and on more than EXPANDS_TO bytes."""

    @property
    def finished(self) -> bool:
        """Whether what was fed is whole."""

    def feed(self, data: bytes) -> bytes:
        """What `data` decodes to."""


class _Identity:
    finished = True

    def feed(self, data: bytes) -> bytes:
        return data


class _Members:
    """Codings whose bodies are one or more members, one after the other (RFC 1952, section 2.2; RFC 8878, 3)."""

    def __init__(self) -> None:
        self._member = self._begin()

    @property
    def finished(self) -> bool:
        return bool(self._member.eof)

    def feed(self, data: bytes) -> bytes:
        out = bytearray()
        while data:
            if self._member.eof:
                self._member = self._begin()
            out += self._decode(data, EXPANDS_TO + 1 - len(out))
            if len(out) > EXPANDS_TO:
                raise ValueError("too much")
            data = self._member.unused_data
        return bytes(out)

    def _begin(self) -> zlib._Decompress | zstandard.ZstdDecompressionObj:
        raise NotImplementedError

    def _decode(self, data: bytes, at_most: int) -> bytes:
        raise NotImplementedError


class _Zlib(_Members):
    def _begin(self) -> zlib._Decompress:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)  # 32: tells gzip from zlib itself

    def _decode(self, data: bytes, at_most: int) -> bytes:
        return self._member.decompress(data, at_most)  # type: ignore[call-arg]  # of its own `_begin`


class _Zstd(_Members):
    def _begin(self) -> zstandard.ZstdDecompressionObj:
        return zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()

    def _decode(self, data: bytes, at_most: int) -> bytes:  # noqa: ARG002  # because it knows no bound
        return self._member.decompress(data)

    def feed(self, data: bytes) -> bytes:
        out = bytearray()
        for start in range(0, len(data), _ZSTD_BITE):
            out += super().feed(data[start : start + _ZSTD_BITE])
            if len(out) > EXPANDS_TO:
                raise ValueError("too much")
        return bytes(out)


class _Brotli:
    def __init__(self) -> None:
        self._decompressor = brotli.Decompressor()

    @property
    def finished(self) -> bool:
        return bool(self._decompressor.is_finished())

    def feed(self, data: bytes) -> bytes:
        out = bytes(self._decompressor.process(data, output_buffer_limit=EXPANDS_TO))
        if len(out) >= EXPANDS_TO:
            raise ValueError("too much")
        return out


_CODECS: dict[str, Callable[[], _Codec]] = {
    "": _Identity,
    "identity": _Identity,
    "gzip": _Zlib,
    "x-gzip": _Zlib,
    "deflate": _Zlib,
    "br": _Brotli,
    "zstd": _Zstd,
}


def _name(coding: str) -> str:
    return coding.strip().lower()


def is_known(coding: str) -> bool:
    """Whether a body of this content-encoding can be decoded; of several codings, none can."""
    return _name(coding) in _CODECS


class Decoder:
    """Decodes one body; `broken` by damage, by more than EXPANDS_TO bytes from one piece, or a coding not known."""

    def __init__(self, coding: str) -> None:
        self._codec = _CODECS.get(_name(coding), _Identity)()
        self.broken = not is_known(coding)
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether all that was fed was decoded, and its coding came to its end; so is a body of no bytes."""
        return not self.broken and (not self._begun or self._codec.finished)

    def feed(self, data: bytes) -> bytes:
        """What `data` decodes to; nothing from the piece on that is damaged."""
        if self.broken or not data:
            return b""
        self._begun = True
        try:
            return self._codec.feed(data)
        except (ValueError, zlib.error, brotli.error, zstandard.ZstdError):
            self.broken = True
            return b""
