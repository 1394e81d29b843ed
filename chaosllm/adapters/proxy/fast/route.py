# mypy: untyped-calls-exclude=mitmproxy
"""Which way a stream's body can take past mitmproxy's layers: from the upstream's wire, onto the client's.

Law: what is not known here is left to the layers, from the start (`Route.of` is None) or once it is met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from h2.connection import H2Connection, H2ConnectionStateMachine
from h2.stream import H2Stream
from h11._readers import ChunkedReader, ContentLengthReader, Http10Reader
from mitmproxy import connection
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy import layer, layers
from mitmproxy.proxy.layers import http, tls
from mitmproxy.proxy.layers.http import _http1, _http2
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection
from OpenSSL import SSL

from chaosllm.adapters.proxy.fast.inlet import Chunks, Inlet, Length, UntilClosed
from chaosllm.adapters.proxy.fast.outlet import Encrypt, Http1Outlet, Http2Outlet, Outlet, Write
from chaosllm.adapters.proxy.layers.drive import Driver, Wire
from chaosllm.adapters.proxy.layers.unusual import http1_client

#: (owner, names): checked at start and by a contract test.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_http1, ("Http1Client", "Http1Server")),
    (_http2, ("Http2Server",)),
    (_http1.Http1Connection, ("read_body",)),
    (tls, ("ClientTLSLayer", "ServerTLSLayer")),
    (layers.modes, ("HttpProxy", "ReverseProxy")),
    (BufferedH2Connection, ("send_data",)),
    (H2Connection, ("data_to_send",)),
    (SSL.Connection, ("bio_read", "bio_write", "recv", "sendall")),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (_http1.Http1Connection, ("buf", "body_reader", "response")),
    (http.HttpClient, ("child_layer",)),
    (tls.TLSLayer, ("tls",)),
    (BufferedH2Connection, ("stream_buffers",)),
    (H2Connection, ("streams", "outbound_flow_control_window", "max_outbound_frame_size", "state_machine")),
    (H2ConnectionStateMachine, ("state",)),
    (H2Stream, ("outbound_flow_control_window",)),
    (ChunkedReader, ("_bytes_in_chunk", "_bytes_to_discard", "_reading_trailer")),
    (ContentLengthReader, ("_remaining",)),
)

#: What may lie between a client's wire and a stream: anything else changes bytes that we do not know of.
_KNOWN = (
    layers.modes.HttpProxy, layers.modes.ReverseProxy, http.HttpLayer, http.HttpStream, tls.ClientTLSLayer,
    tls.ServerTLSLayer,
)  # fmt: skip


class Routed(Protocol):
    """What a route needs to know of its stream."""

    flow: HTTPFlow
    stream_id: int

    @property
    def layer(self) -> http.HttpLayer:
        """The layer that it belongs to."""


@dataclass(frozen=True, slots=True)
class Route:
    """A stream's two wires; `outlet` may be used at once, the upstream's wire from a moment when `inlet` is there."""

    outlet: Outlet
    wire: Wire  # the upstream's
    client: _http1.Http1Client
    tls: SSL.Connection | None  # the upstream's

    @classmethod
    def of(cls, stream: Routed, driver: Driver) -> Route | None:
        """The route of a stream whose headers have gone; None where something about it is unusual."""
        server, parent = stream.flow.server_conn, stream.layer
        wire = driver.wires.get(server)
        outlet = _outlet(stream, driver)
        found = _upstream(parent, server)
        if wire is None or outlet is None or found is None or server.via is not None:
            return None
        client, sessions = found
        return cls(outlet, wire, client, sessions[0].tls if sessions else None)

    def inlet(self) -> Inlet | None:
        """How to go on reading the body from the wire; None while mitmproxy's reader is in the middle of something."""
        client = self.client
        if client.state != client.read_body or len(client.buf) or self.wire.over.done():
            return None
        return _inlet(client.body_reader)

    def all_has_come(self) -> None:
        """Tell mitmproxy's reader of a body by length that it has come, all of it."""
        if isinstance(reader := self.client.body_reader, ContentLengthReader):
            reader._remaining = 0


def _inlet(reader: Any) -> Inlet | None:
    """Where a reader of h11's stands; None in the middle of a chunk, or in what we do not know."""
    if isinstance(reader, ChunkedReader):
        between = not (reader._bytes_in_chunk or reader._bytes_to_discard or reader._reading_trailer)
        return Chunks() if between else None
    if type(reader) is ContentLengthReader:
        return Length(reader._remaining) if reader._remaining else None
    return UntilClosed() if type(reader) is Http10Reader else None


def _upstream(
    parent: http.HttpLayer, server: connection.Server
) -> tuple[_http1.Http1Client, list[tls.ServerTLSLayer]] | None:
    """The HTTP/1 client of mitmproxy for a connection, and the TLS that lies on the way to it, at most one."""
    sessions = [
        one for one in parent.context.layers if isinstance(one, tls.ServerTLSLayer) and one.conn is server and one.tls
    ]

    def passed(one: layer.Layer) -> bool:
        if type(one) is tls.ServerTLSLayer:
            sessions.append(one)
        return type(one) in {tls.ServerTLSLayer, http.HttpClient}

    client = http1_client(parent, server, passed)
    if client is None or len(sessions) > 1 or any(one.conn is not server for one in sessions):
        return None
    return client, sessions


def _outlet(stream: Routed, driver: Driver) -> Outlet | None:
    """A way onto the client's wire; None where something unknown lies between."""
    parent = stream.layer
    client = parent.context.client
    wire = driver.wires.get(client)
    between = parent.context.layers
    if wire is None or not all(isinstance(one, _KNOWN) for one in between):
        return None
    outer = [one for one in between if isinstance(one, http.HttpLayer) and one is not parent]
    if any(type(one.connections.get(client)) is not _http1.Http1Server for one in outer):
        return None
    sessions = [one for one in between if isinstance(one, tls.ClientTLSLayer)]
    if len(sessions) > 1 or bool(sessions) != bool(client.tls_established):
        return None
    write: Write = Encrypt(sessions[0].tls, wire.transport) if sessions else _Bare(wire)
    spoken = parent.connections.get(client)
    response = stream.flow.response
    if type(spoken) is _http1.Http1Server and response is not None:
        return Http1Outlet(write, chunked="chunked" in response.headers.get("transfer-encoding", "").lower())
    if type(spoken) is _http2.Http2Server:
        return Http2Outlet(write, spoken.h2_conn, stream.stream_id)
    return None


@dataclass(frozen=True, slots=True)
class _Bare:
    """Writes onto the wire as it is."""

    wire: Wire

    def __call__(self, data: bytes) -> None:
        if not self.wire.transport.is_closing():
            self.wire.transport.write(data)
