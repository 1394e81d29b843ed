"""A provider on raw sockets that answers each request exactly as it is told: HTTP/1.1 or HTTP/2, plain or TLS."""

import asyncio
import gzip
import socket
import struct
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import brotli
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import zstandard

#: The header that names a Serving; proxies hand it on.
NAME = "x-serving"
CODINGS = {"": bytes, "gzip": gzip.compress, "br": brotli.compress, "zstd": zstandard.compress}


@dataclass(frozen=True)
class Serving:
    """How one request is answered: its pieces one by one, `gap` seconds apart.

    `acts` stand in place of all else: bytes are written as they are, numbers and events waited for; "fin", "rst",
    "rst_stream" and "goaway" end it.
    """

    pieces: tuple[bytes, ...] = ()
    delimit: str = "chunked"  # chunked, length or close; HTTP/2 frames by itself
    coding: str = ""
    kind: str = "text/event-stream"
    gap: float = 0.0
    acts: tuple[object, ...] = ()
    again: int = 0  # how often the last piece comes once more
    identity: "Serving | None" = None  # served in its place to those who accept no coding

    def all(self):
        yield from self.pieces
        for _ in range(self.again):
            yield self.pieces[-1]

    @property
    def headers(self):
        coding = [("content-encoding", self.coding)] if self.coding else []
        length = [("content-length", str(sum(map(len, self.pieces))))] if self.delimit == "length" else []
        return [("content-type", self.kind), *coding, *length]


def reset(transport):
    """Break a connection with RST."""
    with suppress(OSError):
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class StreamUpstream:
    """Two ports, plain and TLS; which protocol TLS speaks may be changed for the connections to come."""

    def __init__(self, context=None):
        self.context = context
        self.servings = {}
        self.spoken = Counter()
        self.open = set()  # connections
        self.cancelled = 0  # answers that nobody waited for
        self.written = Counter()  # body bytes, by serving
        self._names = count()

    async def start(self):
        loop = asyncio.get_running_loop()
        self.servers = [await loop.create_server(lambda: _Entry(self), "127.0.0.1", 0, backlog=500)]
        if self.context is not None:
            self.servers.append(
                await loop.create_server(lambda: _Entry(self), "127.0.0.1", 0, ssl=self.context, backlog=500)
            )
        ports = [server.sockets[0].getsockname()[1] for server in self.servers]
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.tls_url = f"https://127.0.0.1:{ports[-1]}"
        return self

    def speak(self, protocol):
        """Over TLS, from now on: "h2" or "http/1.1"."""
        self.context.set_alpn_protocols([protocol])

    def serving(self, name, accepted):
        """What a request gets that names this and accepts these codings."""
        serving = self.servings[name]
        return serving.identity if serving.identity is not None and accepted == "identity" else serving

    def add(self, serving):
        """The header's value by which a request asks for this serving."""
        name = str(next(self._names))
        self.servings[name] = serving
        return name

    async def stop(self):
        for server in self.servers:
            server.close()
        for transport in list(self.open):
            transport.abort()


class _Entry(asyncio.Protocol):
    """Hands a connection to the protocol that was negotiated."""

    def __init__(self, upstream):
        self.upstream = upstream

    def connection_made(self, transport):
        secret = transport.get_extra_info("ssl_object")
        http2 = secret is not None and secret.selected_alpn_protocol() == "h2"
        self.upstream.spoken["h2" if http2 else "h1", secret is not None] += 1
        inner = (_Http2 if http2 else _Http1)(self.upstream)
        transport.set_protocol(inner)
        inner.connection_made(transport)


class _Connection(asyncio.Protocol):
    """What both protocols share: backpressure, tasks, the count of what was cancelled."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.tasks = {}
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.received = b""

    def connection_made(self, transport):
        self.transport = transport
        with suppress(OSError):
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.upstream.open.add(transport)

    def connection_lost(self, error):
        self.upstream.open.discard(self.transport)
        for task in self.tasks.values():
            self.upstream.cancelled += not task.done()
            task.cancel()

    def pause_writing(self):
        self.flowing.clear()

    def resume_writing(self):
        self.flowing.set()

    async def write(self, data):
        if self.transport.is_closing():  # of which nobody hears who never lets the loop run
            await asyncio.Event().wait()
        self.transport.write(data)
        await self.flowing.wait()

    async def act(self, acts, stream=None):
        """Play raw acts; True when one of them ended the connection."""
        for one in acts:
            if isinstance(one, bytes):
                await self.write(one)
            elif one == "fin":
                self.transport.close()
                return True
            elif one == "rst":
                reset(self.transport)
                return True
            elif isinstance(one, asyncio.Event):
                await one.wait()
            else:
                await asyncio.sleep(one)
        return False


class _Http1(_Connection):
    def data_received(self, data):
        self.received += data
        if not any(not task.done() for task in self.tasks.values()):
            self._take()

    def _take(self):
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found:
            return
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(b":") for line in head.split(b"\r\n")[1:])}
        length = int(headers.get(b"content-length", 0))
        if len(rest) < length:
            return
        self.received = rest[length:]
        name = headers.get(NAME.encode(), b"").decode()
        serving = self.upstream.serving(name, headers.get(b"accept-encoding", b"").decode())
        self.tasks[None] = asyncio.ensure_future(self._answer(name, serving))

    async def _answer(self, name, serving):
        if serving.acts:
            if not await self.act(serving.acts):
                asyncio.get_running_loop().call_soon(self._take)
            return
        head = "".join(f"{key}: {value}\r\n" for key, value in serving.headers)
        if serving.delimit == "chunked":
            head += "transfer-encoding: chunked\r\n"
        self.transport.write(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())
        for number, piece in enumerate(serving.all()):
            if serving.gap and number:
                await asyncio.sleep(serving.gap)
            if piece or serving.delimit != "chunked":
                await self.write(b"%x\r\n%s\r\n" % (len(piece), piece) if serving.delimit == "chunked" else piece)
                self.upstream.written[name] += len(piece)
        if serving.delimit == "chunked":
            self.transport.write(b"0\r\n\r\n")
        if serving.delimit == "close":
            self.transport.close()
        else:
            asyncio.get_running_loop().call_soon(self._take)


class _Http2(_Connection):
    def connection_made(self, transport):
        super().connection_made(transport)
        self.wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self.wire.initiate_connection()
        self.names = {}
        self.window = asyncio.Event()
        self._flush()

    def _flush(self):
        self.transport.write(self.wire.data_to_send())

    def data_received(self, data):
        for event in self.wire.receive_data(data):
            if isinstance(event, h2.events.RequestReceived):
                headers = {name.decode(): value.decode() for name, value in event.headers}
                self.names[event.stream_id] = headers[NAME], headers.get("accept-encoding")
            elif isinstance(event, h2.events.DataReceived):
                self.wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                name, accepted = self.names[event.stream_id]
                answer = self._answer(event.stream_id, name, self.upstream.serving(name, accepted))
                self.tasks[event.stream_id] = asyncio.ensure_future(answer)
            elif isinstance(event, h2.events.StreamReset):
                if (task := self.tasks.pop(event.stream_id, None)) is not None:
                    self.upstream.cancelled += not task.done()
                    task.cancel()
            elif isinstance(event, h2.events.WindowUpdated):
                self.window.set()
        self._flush()

    async def _answer(self, stream, name, serving):
        self.wire.send_headers(stream, [(":status", "200"), *serving.headers])
        self._flush()
        if serving.acts:
            await self._misbehave(stream, serving.acts)
            return
        for number, piece in enumerate(serving.all()):
            if serving.gap and number:
                await asyncio.sleep(serving.gap)
            await self._send(stream, piece)
            self.upstream.written[name] += len(piece)
        self.wire.end_stream(stream)
        self._flush()

    async def _misbehave(self, stream, acts):
        for one in acts:
            if isinstance(one, bytes):
                await self._send(stream, one)
            elif one == "rst_stream":
                self.wire.reset_stream(stream, h2.errors.ErrorCodes.INTERNAL_ERROR)
                self._flush()
            elif one == "goaway":
                self.wire.close_connection(last_stream_id=stream)
                self._flush()
                self.transport.close()
            elif one == "end":
                self.wire.end_stream(stream)
                self._flush()
            elif one == "garbage":
                self.transport.write(bytes(64))  # frames of a kind that belongs to a stream, for none
            else:
                await self.act([one])

    async def _send(self, stream, data):
        while data:
            room = min(self.wire.local_flow_control_window(stream), self.wire.max_outbound_frame_size)
            if room <= 0:
                self.window.clear()
                await self.window.wait()
                continue
            self.wire.send_data(stream, data[:room])
            data = data[room:]
            await self.write(self.wire.data_to_send())
