# mypy: untyped-calls-exclude=mitmproxy
"""The private API of mitmproxy that concerns connections: client sockets, listeners, the certificate we show.

What is used and not promised by its docs stands in PRIVATE and PRIVATE_INSTANCE, which `contract.require` checks.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import socket
import struct
from typing import Any, cast

from cryptography import x509
from mitmproxy import connection, ctx, tls
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.addons.tlsconfig import TlsConfig
from mitmproxy.certs import CertStore
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance
from mitmproxy.proxy.mode_specs import ProxyMode, ReverseMode
from mitmproxy.proxy.server import ConnectionHandler

#: (owner, names): checked at start and by a contract test.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (ConnectionHandler, ("server_event", "close_connection")),
    (ServerInstance, ("start", "stop")),
    (AsyncioServerInstance, ("is_running", "listen_addrs")),
    (TlsConfig, ("certstore",)),
    (CertStore, ("get_cert",)),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (ConnectionHandler, ("transports", "max_conns")),
    (Proxyserver, ("connections", "servers")),
    (ProxyMode, ("custom_listen_port",)),
)

#: Upstream connections for one client connection and host; mitmproxy's 5 makes HTTP/2 streams wait.
_UPSTREAMS = 10_000
#: Seconds in which mitmproxy's own clean-up after a client is over; it takes milliseconds.
_SETTLED = 1.0
#: A TLS alert record, fatal, handshake_failure (RFC 8446 sections 5.1 and 6): what a server sends that shares no
#: cipher with the client.
HANDSHAKE_FAILURE = bytes.fromhex("15 0303 0002 0228")
#: Whom the certificate of the wrong host names; no such host can exist (RFC 6761).
WRONG_HOST = "another-host.invalid"


def widen(proxyserver: Proxyserver, client: connection.Client) -> None:
    """Let one client connection open as many upstream connections as it has calls."""
    if (handler := proxyserver.connections.get(client.id)) is not None:
        handler.max_conns = collections.defaultdict(lambda: asyncio.Semaphore(_UPSTREAMS))


def reset(proxyserver: Proxyserver, client: connection.Client) -> bool:
    """Break the client's TCP connection with RST, after what was written; False when it is gone already."""
    writer = _writer(proxyserver, client)
    if writer is None:
        return False
    if writer.transport.get_write_buffer_size() and not writer.is_closing():
        # uvloop writes at the end of a turn of the loop; what a slow client keeps us from writing then is lost.
        asyncio.get_running_loop().call_soon(_abort, writer)
    else:
        _abort(writer)
    return True


def _abort(writer: asyncio.StreamWriter) -> None:
    wire = writer.get_extra_info("socket")
    if wire is not None:
        # The client has closed it meanwhile: the kernel says so, or uvloop, whose descriptor is -1 by then.
        with contextlib.suppress(OSError, ValueError):
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def hang_up(proxyserver: Proxyserver, client: connection.Client, last: bytes = b"") -> bool:
    """Write `last` on the bare TCP connection and close it with FIN; False when it is gone already."""
    writer = _writer(proxyserver, client)
    if writer is None or writer.is_closing():
        return False
    if last:
        writer.write(last)
    writer.close()
    return True


def misname(data: tls.TlsData) -> None:
    """Show this client a certificate of our CA for another host; after mitmproxy has made the right one."""
    config: TlsConfig = ctx.master.addons.get("tlsconfig")
    entry = config.certstore.get_cert(WRONG_HOST, [x509.DNSName(WRONG_HOST)])
    if data.ssl_conn is None:
        raise ValueError("no TLS was begun")
    data.ssl_conn.use_certificate(entry.cert.to_cryptography())
    data.ssl_conn.use_privatekey(entry.privatekey)


async def close_port(proxyserver: Proxyserver, port: int) -> socket.socket | None:
    """Stop listening on a reverse listener's port, so that it refuses; None when nothing listens there.

    The socket holds the port for us meanwhile: it is bound and does not listen, so connections are refused.
    """
    instance = _listener(proxyserver, port)
    if instance is None:
        return None
    host = str(instance.listen_addrs[0][0])
    await instance.stop()
    holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "SO_REUSEPORT"):  # because other workers may still listen there, or hold it too
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    with contextlib.suppress(OSError):  # without it the port refuses as well, only less safely
        holder.bind((host, port))
    return holder


async def open_port(proxyserver: Proxyserver, port: int, holder: socket.socket) -> None:
    """Listen again; raises OSError when the port cannot be had."""
    holder.close()
    for instance in proxyserver.servers:
        if isinstance(instance.mode, ReverseMode) and instance.mode.custom_listen_port == port:
            await instance.start()


def close_behind(proxyserver: Proxyserver, client: connection.Client) -> None:
    """Close a little later whatever upstream connections mitmproxy forgets when their client goes.

    It cancels their tasks, and one that is cancelled while it waits for the event lock closes
    nothing (12.2.3, proxy/server.py; 2 % of the connections of clients that leave at random).
    """
    if (handler := proxyserver.connections.get(client.id)) is not None:
        asyncio.get_running_loop().call_later(_SETTLED, _close_writers, handler)


async def drop_connections(proxyserver: Proxyserver) -> None:
    """Stop listening, and close what is still open."""
    await proxyserver.servers.update([])
    for handler in list(proxyserver.connections.values()):
        for one in list(handler.transports.values()):
            if one.handler is not None:
                one.handler.cancel("the proxy stops")


def _close_writers(handler: ConnectionHandler) -> None:
    for one in handler.transports.values():
        if one.writer is not None and not one.writer.is_closing():
            one.writer.close()


def _writer(proxyserver: Proxyserver, client: connection.Client) -> asyncio.StreamWriter | None:
    handler = proxyserver.connections.get(client.id)
    stream = handler.transports.get(client) if handler is not None else None
    # Our listeners are TCP; the other kind of writer is UDP's.
    return cast("asyncio.StreamWriter | None", stream.writer) if stream is not None else None


def _listener(proxyserver: Proxyserver, port: int) -> ServerInstance[Any] | None:
    for instance in proxyserver.servers:
        if instance.is_running and any(address[1] == port for address in instance.listen_addrs):
            return instance
    return None
