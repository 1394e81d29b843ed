"""The raw client's side of the wire: HTTP/1.1 and HTTP/2, plain, TLS and through CONNECT, read as cheaply as can be."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import hpack

_NEEDLE = b"data: "
_KEPT = len(_NEEDLE) - 1  # bytes of the last read, in which no whole needle fits


@dataclass(frozen=True)
class Route:
    """How a client reaches what is measured; `connect` is the "host:port" that an explicit proxy is asked for."""

    port: int
    tls: bool = False
    h2: bool = False
    connect: str = ""


def body(**asked: Any) -> bytes:
    """A chat call; the raw upstream reads `events` and `gap`, anybody else passes them over."""
    prompt = asked.pop("prompt", "How do I pay my bill?")
    call = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": prompt}], **asked}
    return json.dumps(call).encode()


def request(data: bytes) -> bytes:
    """An HTTP/1.1 request."""
    return (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sk-test\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(data), data)
    )


class Stream:
    """One answer as it comes: when each event came, how it ended, and its bytes when they are kept."""

    def __init__(self, *, keep: bool = False) -> None:
        self.began = time.perf_counter()
        self.times = array("d")  # seconds of the perf_counter, one for each event
        self.first = 0.0  # when the first byte of any kind came
        self.ended = ""  # whole, closed (FIN), reset; "" until then
        self.pieces: list[bytes] | None = [] if keep else None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tail = b""

    def feed(self, data: bytes) -> None:
        """Count the events that begin in this data, or across the last and this."""
        now = time.perf_counter()
        if not self.first:
            self.first = now
        if self.pieces is not None:
            self.pieces.append(data)
        joined = self.tail + data
        for _ in range(joined.count(_NEEDLE)):
            self.times.append(now)
        self.tail = joined[-_KEPT:]

    def end(self, how: str) -> None:
        """The answer is over; only the first word counts."""
        if not self.ended:
            self.ended = how
            if not self.over.done():
                self.over.set_result(None)


class Http1(asyncio.Protocol):
    """One stream on an HTTP/1.1 connection of its own."""

    def __init__(self, stream: Stream, data: bytes) -> None:
        self._stream, self._data = stream, data

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._stream.began = time.perf_counter()
        transport.write(request(self._data))

    def data_received(self, data: bytes) -> None:
        self._stream.feed(data)
        if self._stream.tail == b"0\r\n\r\n":
            self._stream.end("whole")
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stream.end("reset" if exc else "closed")


_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_MOST = (1 << 31) - 1


def frame(kind: int, flags: int, number: int, data: bytes = b"") -> bytes:
    """One HTTP/2 frame (RFC 9113 section 4.1)."""
    return len(data).to_bytes(3) + bytes((kind, flags)) + number.to_bytes(4) + data


class Http2(asyncio.Protocol):
    """Several streams on one connection. Frames by hand, because the h2 library costs more than a proxy does.

    Both windows are opened as far as they go, so that no update needs to be sent.
    """

    def __init__(self, streams: list[Stream], data: bytes) -> None:
        self._streams = {2 * at + 1: stream for at, stream in enumerate(streams)}
        self._data = data
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        settings = b"\x00\x04" + _MOST.to_bytes(4)
        transport.write(_PREFACE + frame(_SETTINGS, 0, 0, settings) + frame(_WINDOW, 0, 0, (_MOST - 65535).to_bytes(4)))
        encoder = hpack.Encoder()
        for number, stream in self._streams.items():
            head = encoder.encode(
                [
                    (":method", "POST"), (":scheme", "https"), (":authority", "localhost"),
                    (":path", "/v1/chat/completions"), ("authorization", "Bearer sk-test"),
                    ("content-type", "application/json"), ("content-length", str(len(self._data))),
                ]
            )  # fmt: skip
            stream.began = time.perf_counter()
            transport.write(frame(_HEADERS, _END_HEADERS, number, head) + frame(_DATA, _END_STREAM, number, self._data))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        at = 0
        while len(data) - at >= 9 and len(data) - at >= 9 + (size := int.from_bytes(data[at : at + 3])):
            kind, flags = data[at + 3], data[at + 4]
            self._frame(kind, flags, int.from_bytes(data[at + 5 : at + 9]), data[at + 9 : at + 9 + size])
            at += 9 + size
        self._rest = data[at:]

    def _frame(self, kind: int, flags: int, number: int, data: bytes) -> None:
        stream = self._streams.get(number)
        if kind == _SETTINGS and not flags & _ACK:
            self._transport.write(frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            self._transport.write(frame(_PING, _ACK, 0, data))
        elif stream is not None:
            if kind == _DATA and data:
                stream.feed(data)
            if kind == _RST:
                stream.end("reset")
            elif kind in (_DATA, _HEADERS) and flags & _END_STREAM:
                stream.end("whole")
        if all(one.ended for one in self._streams.values()):
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        for stream in self._streams.values():
            stream.end("reset" if exc else "closed")


class _Tunnel(asyncio.Protocol):
    """Asks an explicit proxy for a tunnel."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.open: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._rest = b""

    def connection_made(self, transport: Any) -> None:
        transport.write(f"CONNECT {self._target} HTTP/1.1\r\nhost: {self._target}\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._rest += data
        if b"\r\n\r\n" in self._rest and not self.open.done():
            if b" 200 " in self._rest.partition(b"\r\n")[0]:
                self.open.set_result(None)
            else:
                self.open.set_exception(ConnectionError(self._rest.partition(b"\r\n")[0].decode()))

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(exc or ConnectionError("the proxy closed the tunnel"))


def _context(*, h2: bool) -> ssl.SSLContext:
    # The proxies make certificates up; who signed them changes nothing in what is measured.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"] if h2 else ["http/1.1"])
    return context


async def connect(route: Route, make: Callable[[], asyncio.Protocol]) -> None:
    """Connect as the route says. Raises OSError (also when HTTP/2 is asked for and not agreed on)."""
    loop = asyncio.get_running_loop()
    context = _context(h2=route.h2) if route.tls else None
    if not route.connect:
        transport, _ = await loop.create_connection(
            make, "127.0.0.1", route.port, ssl=context, server_hostname="localhost" if context else None
        )
    else:
        raw, tunnel = await loop.create_connection(lambda: _Tunnel(route.connect), "127.0.0.1", route.port)
        await tunnel.open
        assert context is not None, "a tunnel is for TLS"
        protocol = make()
        upgraded = await loop.start_tls(raw, protocol, context, server_hostname="localhost")
        assert upgraded is not None
        transport = upgraded
        protocol.connection_made(transport)
    if route.h2 and transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        raise ConnectionError("HTTP/2 was not agreed on")
