"""Raw clients of the proxy that see every byte, chunk and end: HTTP/1.1 and HTTP/2, plain, TLS, through a tunnel."""

import asyncio
import ssl
import time
import zlib
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
from proxy_rig import Answer
from stream_upstream import reset

#: (protocol, TLS, through which listener): how a client reaches the proxy.
WAYS = {
    "h1": ("h1", False, "reverse"),
    "h1-tls": ("h1", True, "reverse"),
    "h2-tls": ("h2", True, "reverse"),
    "h1-absolute": ("h1", False, "explicit"),
    "h1-tunnel": ("h1", True, "explicit"),
    "h2-tunnel": ("h2", True, "explicit"),
}
#: Seconds of silence after which an answer that never ends is left.
QUIET = 0.15


@dataclass
class Heard(Answer):
    """An answer; of one that is not kept only its size and checksum are."""

    kept: bool = True
    size: int = 0
    checksum: int = 0
    heard: asyncio.Event | None = None

    def take(self, seconds, data):
        """Some of the body."""
        self.size += len(data)
        if self.heard is not None:
            self.heard.set()
        if self.kept:
            self.chunks.append((seconds, data))
            self.body += data
        else:
            self.checksum = zlib.crc32(data, self.checksum)


@dataclass(frozen=True)
class Ask:
    """One request; `leave` is the number of body bytes after which the client goes, `how` is fin, rst or cancel.

    `heard` is set when the first of the body is there.
    """

    path: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    leave: int | None = None
    quiet: float = QUIET
    how: str = "fin"
    keep: bool = True
    heard: asyncio.Event | None = None


class _Client(asyncio.Protocol):
    """What both protocols share: what came, how it ended, waiting for more."""

    def __init__(self):
        self.received = bytearray()
        self.over = None  # fin or reset
        self.news = asyncio.Event()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.received += data
        self.news.set()

    def eof_received(self):
        self.over = self.over or "fin"
        self.news.set()

    def connection_lost(self, error):
        self.over = self.over or ("reset" if isinstance(error, ConnectionResetError | BrokenPipeError) else "fin")
        self.news.set()

    async def more(self):
        """Wait for bytes; raises EOFError when none will come."""
        if self.over is not None:
            raise EOFError
        self.news.clear()
        await self.news.wait()

    async def _some(self, most):
        while not self.received:
            await self.more()
        data = bytes(self.received[:most])
        del self.received[:most]
        return data

    async def _line(self, end):
        start = 0
        while (place := self.received.find(end, start)) < 0:
            start = max(0, len(self.received) - len(end))
            await self.more()
        line = self.received[:place]
        del self.received[: place + len(end)]
        return line

    async def tunnel(self, host):
        self.transport.write(f"CONNECT {host}:443 HTTP/1.1\r\nhost: {host}:443\r\n\r\n".encode())
        head = await self._line(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head

    def leave(self, how):
        if how == "rst":
            reset(self.transport)
        else:
            self.transport.close()

    def close(self):
        self.transport.abort()


class Http1Client(_Client):
    """One HTTP/1.1 connection; one request at a time."""

    authority = "x"

    def request(self, ask):
        """The bytes of a request."""
        head = "".join(f"{name}: {value}\r\n" for name, value in ask.headers)
        head = f"POST {ask.path} HTTP/1.1\r\nhost: {self.authority}\r\n{head}content-length: {len(ask.body)}\r\n\r\n"
        return head.encode() + ask.body

    async def ask(self, ask):
        self.transport.write(self.request(ask))
        return await self.receive(ask)

    async def receive(self, ask):
        answer = Heard(kept=ask.keep, heard=ask.heard)
        self.sent = time.monotonic()
        try:
            if ask.leave is None:
                await self._receive(answer)
            else:
                await self._receive_some(answer, ask)
        except EOFError:
            answer.end = answer.end or self.over
        answer.took = time.monotonic() - self.sent
        return answer

    async def _receive_some(self, answer, ask):
        reading = asyncio.ensure_future(self._receive(answer))
        try:
            while not reading.done() and not (answer.head and answer.size >= ask.leave):
                await asyncio.wait([reading], timeout=0.01)
            if ask.quiet:
                await asyncio.wait([reading], timeout=ask.quiet)
            if reading.done():
                reading.result()
        finally:
            reading.cancel()
        if not answer.end:
            answer.end = "left"
            self.leave(ask.how)

    async def _receive(self, answer):
        while True:
            answer.head = bytes(await self._line(b"\r\n\r\n"))
            first, *lines = answer.head.split(b"\r\n")
            answer.status = int(first.split()[1])
            if answer.status >= 200:
                break
        answer.headers = {
            k.decode().lower(): v.strip().decode() for k, _, v in (line.partition(b":") for line in lines)
        }
        if answer.headers.get("transfer-encoding") == "chunked":
            while size := int(await self._line(b"\r\n"), 16):
                await self._chunk(answer, size)
                await self._line(b"\r\n")
            while await self._line(b"\r\n"):  # trailers
                pass
        elif "content-length" in answer.headers:
            left = int(answer.headers["content-length"])
            while left:
                data = await self._some(left)
                self._got(answer, data)
                left -= len(data)
        else:
            while True:
                try:
                    self._got(answer, await self._some(1 << 30))
                except EOFError:
                    answer.end = "proper" if self.over == "fin" else self.over
                    return
        answer.end = "proper"

    def _got(self, answer, data):
        answer.take(time.monotonic() - self.sent, data)

    async def _chunk(self, answer, size):
        """One chunk, however it arrives."""
        before = len(answer.chunks)
        while size:
            data = await self._some(size)
            self._got(answer, data)
            size -= len(data)
        if answer.kept:
            pieces = answer.chunks[before:]
            answer.chunks[before:] = [(pieces[0][0], b"".join(data for _, data in pieces))]


class Http2Client(_Client):
    """One HTTP/2 connection; any number of requests at once."""

    authority = "x"

    def __init__(self):
        super().__init__()
        self.waiters = []

    def begin(self, window=1 << 24):
        self.wire = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.wire.initiate_connection()
        self.wire.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.wire.increment_flow_control_window(window)
        self.answers = {}
        self.reading = True
        self._flush()

    def _flush(self):
        self.transport.write(self.wire.data_to_send())

    def data_received(self, data):
        if not hasattr(self, "wire"):
            super().data_received(data)
            return
        now = time.monotonic()
        for event in self.wire.receive_data(data):
            answer = self.answers.get(getattr(event, "stream_id", None))
            if isinstance(event, h2.events.DataReceived) and answer is not None:
                answer.take(now, event.data)
                if self.reading:
                    with suppress(h2.exceptions.ProtocolError):  # its stream has gone meanwhile
                        self.wire.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.ResponseReceived):
                answer.headers = dict(event.headers)
                answer.status = int(answer.headers[":status"])
                answer.head = b"."
            elif isinstance(event, h2.events.StreamEnded):
                answer.end = "proper"
            elif isinstance(event, h2.events.StreamReset):
                answer.end = answer.end or "rst_stream"
            elif isinstance(event, h2.events.ConnectionTerminated):
                self.over = "goaway"
        self._flush()
        self.news.set()
        self._tell()

    def eof_received(self):
        super().eof_received()
        self._tell()

    def connection_lost(self, error):
        super().connection_lost(error)
        self._tell()

    def _tell(self):
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()

    async def _until(self, fact):
        while not fact():
            waiter = asyncio.get_running_loop().create_future()
            self.waiters.append(waiter)
            await waiter

    def send(self, ask):
        stream = self.wire.get_next_available_stream_id()
        self.answers[stream] = Heard(kept=ask.keep, heard=ask.heard)
        pseudo = [(":method", "POST"), (":scheme", "https"), (":authority", self.authority), (":path", ask.path)]
        self.wire.send_headers(stream, [*pseudo, *ask.headers, ("content-length", str(len(ask.body)))])
        self.wire.send_data(stream, ask.body, end_stream=True)
        self._flush()
        return stream

    async def ask(self, ask):
        begun = time.monotonic()
        stream = self.send(ask)
        answer = self.answers[stream]

        def over():
            return answer.end or self.over

        if ask.leave is not None:
            await self._until(lambda: over() or (answer.head and answer.size >= ask.leave))
            with suppress(TimeoutError):
                async with asyncio.timeout(ask.quiet):
                    await self._until(over)
            if not over():
                answer.end = "left"
                if ask.how == "cancel":
                    self.wire.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
                    self._flush()
                else:
                    self.leave(ask.how)
        else:
            await self._until(over)
        if not answer.end:
            answer.end = self.over
        answer.chunks = [(t - begun, data) for t, data in answer.chunks]
        answer.took = time.monotonic() - begun
        return answer


@cache
def trusting(bundle, protocol, *, named):
    """A TLS context; kept, because reading the public roots of a bundle takes longer than a stream."""
    context = ssl.create_default_context(cafile=bundle)
    context.set_alpn_protocols(["h2"] if protocol == "h2" else ["http/1.1"])
    context.check_hostname = named
    return context


async def connect(ready, way, provider, host):
    """A client of a started proxy: `ready` is its ready message, `host` the provider's own, for the tunnels."""
    loop = asyncio.get_running_loop()
    protocol, secret, listener = WAYS[way]
    url = ready["explicit"] if listener == "explicit" else ready["reverse"][provider]
    port = urlsplit(url).port
    context = None
    if secret:
        context = trusting(ready["bundle"], protocol, named=listener == "explicit")
    make = Http2Client if protocol == "h2" else Http1Client
    if listener == "explicit" and secret:
        transport, client = await loop.create_connection(make, "127.0.0.1", port)
        await client.tunnel(host)
        client.transport = await loop.start_tls(transport, client, context, server_hostname=host)
    else:
        name = host if secret else None
        _, client = await loop.create_connection(make, "127.0.0.1", port, ssl=context, server_hostname=name)
    client.authority = host if listener == "explicit" else f"127.0.0.1:{port}"
    if protocol == "h2":
        client.begin()
    return client
