"""The body of an answer onto the client's wire: framed for HTTP/1.1 or HTTP/2, encrypted where TLS is spoken.

What is written here is what mitmproxy's layers would write, on the same connection and the same TLS object,
so that both may take turns. Private names used are listed in `route.PRIVATE`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

from h2.connection import ConnectionState
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from OpenSSL import SSL

type Write = Callable[[bytes], object]

#: A TLS record holds 16 kB; what one event becomes is read in one go.
_READ = 65535


class Outlet(Protocol):
    """Sends body bytes to one client."""

    @property
    def chunked(self) -> bool | None:
        """Which bytes may go out as they came, by `raw`: those in chunks, or those without; None: no such bytes."""

    def send(self, data: bytes) -> None:
        """Body bytes, framed as the client's protocol wants."""

    def raw(self, data: bytes) -> None:
        """Bytes that are framed already; only of HTTP/1.1."""


class Http1Outlet:
    """Chunks, or bytes as they are."""

    def __init__(self, write: Write, *, chunked: bool) -> None:
        self.chunked = chunked
        self._write = write

    def send(self, data: bytes) -> None:
        """One chunk, or the bytes."""
        if data:
            self._write(b"%x\r\n%b\r\n" % (len(data), data) if self.chunked else data)

    def raw(self, data: bytes) -> None:
        """As they are."""
        self._write(data)


class Http2Outlet:
    """DATA frames (RFC 9113, section 6.1) while both windows allow it; mitmproxy's buffer where they do not."""

    chunked = None

    def __init__(self, write: Write, wire: BufferedH2Connection, stream_id: int) -> None:
        self._write = write
        self._wire = wire
        self._stream_id = stream_id
        self.on_wait: Callable[[], None] | None = None  # told when the client's windows make data wait here

    @property
    def waiting(self) -> int:
        """Bytes that wait for the client's windows, in mitmproxy's buffer."""
        return sum(len(one.data) for one in self._wire.stream_buffers.get(self._stream_id) or ())

    def send(self, data: bytes) -> None:
        """One frame, or as much as the windows allow."""
        wire, size = self._wire, len(data)
        stream: Any = wire.streams.get(self._stream_id)
        if stream is None or stream.closed or not size or wire.state_machine.state is ConnectionState.CLOSED:
            return  # also after a GOAWAY of a sibling's, as in mitmproxy's layers
        fits = size <= min(
            wire.outbound_flow_control_window, stream.outbound_flow_control_window, wire.max_outbound_frame_size
        )
        if fits and not wire.stream_buffers.get(self._stream_id):
            wire.outbound_flow_control_window -= size
            stream.outbound_flow_control_window -= size
            self._write(size.to_bytes(3) + b"\0\0" + self._stream_id.to_bytes(4) + data)
        else:
            wire.send_data(self._stream_id, data)
            if ready := wire.data_to_send():
                self._write(ready)
            if self.on_wait is not None and wire.stream_buffers.get(self._stream_id):
                self.on_wait()

    def raw(self, data: bytes) -> None:
        """No bytes are framed for HTTP/2 already."""
        raise NotImplementedError


class Encrypt:
    """Writes through a TLS connection in memory."""

    def __init__(self, tls: SSL.Connection, transport: asyncio.WriteTransport) -> None:
        self._tls = tls
        self._transport = transport

    def __call__(self, data: bytes) -> None:
        """Encrypt and write; a TLS connection that the client has closed takes nothing more."""
        try:
            self._tls.sendall(data)
        except (SSL.ZeroReturnError, SSL.SysCallError):  # as mitmproxy's TLS layer does
            return
        flush(self._tls, self._transport)


def flush(tls: SSL.Connection, transport: asyncio.WriteTransport) -> None:
    """Write what a TLS connection in memory has to say."""
    while True:
        try:
            sealed = tls.bio_read(_READ)
        except SSL.WantReadError:
            return
        if not transport.is_closing():
            transport.write(sealed)
        if len(sealed) < _READ:
            return
