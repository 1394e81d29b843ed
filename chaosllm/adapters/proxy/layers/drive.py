# mypy: untyped-calls-exclude=mitmproxy
"""A connection handler in place of mitmproxy's own: bytes come by callback, commands are carried out at once.

mitmproxy's handler wakes a task for each read, takes a lock for each event, drains each writer after it and starts a
task for each hook; together that is half of what a request costs. Here a read is one call into the layers.

Laws:
1. The layers see the same events in the same order as under mitmproxy's handler, which `reference` runs keep.
2. An event that comes while another is carried out waits its turn: layers are never entered twice.
3. While any peer of a client's connections reads slower than we write, nothing more is read for that client.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from mitmproxy import connection
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.mode_servers import ProxyConnectionHandler
from mitmproxy.proxy.server import ConnectionHandler, ConnectionIO, TimeoutWatchdog

#: (owner, names): checked at start and by a contract test.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (ConnectionHandler, ("handle_connection", "server_event", "hook_task", "close_connection", "log")),
    (TimeoutWatchdog, ("register_activity", "disarm")),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (ConnectionHandler, ("transports", "timeout_watchdog", "wakeup_timer", "layer", "client")),
    (ConnectionIO, ("reader", "writer", "handler")),
    (asyncio.StreamReader, ("_buffer", "_eof")),
)
_CAN_READ = connection.ConnectionState.CAN_READ
_CAN_WRITE = connection.ConnectionState.CAN_WRITE
_CLOSED = connection.ConnectionState.CLOSED


class Kick(commands.RequestWakeup):
    """A wake-up without a time: a stream yields it once, so that it can be called back into its layer later."""

    def __init__(self) -> None:
        super().__init__(float("inf"))


class Wire(asyncio.Protocol):
    """One TCP connection of a driver: what comes goes to its `tap` while there is one, else into the layers."""

    def __init__(self, driver: Driver, conn: connection.Connection, io: ConnectionIO) -> None:
        self.connection = conn
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.tap: Callable[[bytes], None] | None = None
        self.writer = cast("asyncio.StreamWriter", io.writer)
        self.transport = cast("asyncio.Transport", self.writer.transport)
        self._driver = driver
        self._former = self.transport.get_protocol()
        self._holds: set[object] = set()
        self.transport.set_protocol(self)
        reader = cast("asyncio.StreamReader", io.reader)
        self._early = bytes(reader._buffer)  # type: ignore[attr-defined]  # it came before us
        self._ended = bool(reader._eof)  # type: ignore[attr-defined]  # as above
        self.transport.resume_reading()  # which the reader stops when it holds much

    def begin(self) -> None:
        """Hand on what came before this wire was put in."""
        if early := self._early:
            self._early = b""
            self.data_received(early)
        if self._ended:
            self._end()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self.tap is not None:
            self.tap(data)
        elif self.connection.state & _CAN_READ and not self.over.done():
            self._driver.deliver(events.DataReceived(self.connection, data))

    def eof_received(self) -> bool:
        """The peer has sent all; true: what we still have to send is still sent."""
        self._end()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._driver.unclogged(self)
        self._end()
        self._former.connection_lost(exc)

    def pause_writing(self) -> None:
        """The peer reads slower than we write."""
        self._driver.clogged(self)

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self._driver.unclogged(self)

    def hold(self, why: object) -> None:
        """Read no more for a reason, until `release` takes it back."""
        if not self._holds and not self.transport.is_closing():
            self.transport.pause_reading()
        self._holds.add(why)

    def release(self, why: object) -> None:
        """Take a reason back."""
        self._holds.discard(why)
        if not self._holds and not self.transport.is_closing():
            self.transport.resume_reading()

    def _end(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Driver(ProxyConnectionHandler):
    """mitmproxy's handler of one client, with its reads, events, wake-ups and hooks carried out by callback."""

    wires: dict[connection.Connection, Wire]
    _waiting: deque[events.Event]
    _delivering: bool
    _afterwards: list[Callable[[], None]]
    _clogged: set[Wire]
    _loop: asyncio.AbstractEventLoop

    @classmethod
    def adopt(cls, handler: ConnectionHandler) -> Driver:
        """Take a handler over, once; before it has read anything, which is in the `client_connected` hook."""
        driver = cast("Driver", handler)
        if not isinstance(handler, cls):
            handler.__class__ = cls
            driver._begin()
        return driver

    def _begin(self) -> None:
        self.wires = {}
        self._waiting = deque()
        self._delivering = False
        self._afterwards = []
        self._clogged = set()
        self._loop = asyncio.get_running_loop()

    async def server_event(self, event: events.Event) -> None:
        """The entry of mitmproxy, for its own hooks and connections."""
        self.deliver(event)

    def deliver(self, event: events.Event) -> None:
        """Take an event to the layers and carry their commands out; law 2."""
        self._waiting.append(event)
        if self._delivering:
            return
        self._delivering = True
        try:
            while self._waiting:
                self._carry_out(self._waiting.popleft())
        finally:
            self._delivering = False
        while self._afterwards:
            self._afterwards.pop()()

    def afterwards(self, call: Callable[[], None]) -> None:
        """Call back once no event is being carried out."""
        self._afterwards.append(call)

    def clogged(self, wire: Wire) -> None:
        """A peer reads slowly: law 3."""
        self._clogged.add(wire)
        for one in self.wires.values():
            one.hold(self)

    def unclogged(self, wire: Wire) -> None:
        """A peer has caught up, or is gone."""
        self._clogged.discard(wire)
        if not self._clogged:
            for one in self.wires.values():
                one.release(self)

    async def handle_connection(self, conn: connection.Connection) -> None:
        """As mitmproxy's: until the peer has sent all, and then until our side is closed."""
        io = self.transports[conn]
        if not isinstance(io.writer, asyncio.StreamWriter):
            await super().handle_connection(conn)
            return
        cancelled: asyncio.CancelledError | None = None
        wire = self.wires[conn] = Wire(self, conn, io)
        if self._clogged:
            wire.hold(self)
        try:
            wire.begin()
            await wire.over
        except asyncio.CancelledError as error:
            cancelled = error
        wire.tap = None
        if cancelled is None:
            conn.state &= ~_CAN_READ  # TCP connections can be half-closed
        else:
            conn.state = _CLOSED
        self.deliver(events.ConnectionClosed(conn))
        if conn.state is _CAN_WRITE:
            try:
                await asyncio.Event().wait()  # something is still to be sent; whoever closes it cancels this
            except asyncio.CancelledError as error:
                cancelled = error
        with contextlib.suppress(OSError):
            io.writer.close()
        self.transports.pop(conn)
        self.wires.pop(conn, None)
        if cancelled is not None:
            raise cancelled

    def _carry_out(self, event: events.Event) -> None:
        self.timeout_watchdog.register_activity()
        try:
            for command in self.layer.handle_event(event):
                self._command(command)
        except Exception as error:  # as mitmproxy's handler does: one connection's crash is not the proxy's
            self.log("mitmproxy has crashed!", 40, exc_info=(type(error), error, error.__traceback__))

    def _command(self, command: commands.Command) -> None:
        match command:
            case commands.SendData(connection=conn, data=data):
                writer = io.writer if (io := self.transports.get(conn)) is not None else None
                if writer is not None and not writer.is_closing():
                    writer.write(data)
            case commands.StartHook():
                rest: Awaitable[object] | None = getattr(command, "rest", None)
                self._task(self._finish(command, rest) if rest is not None else self.hook_task(command))
            case Kick():
                pass  # whoever yielded it calls back by itself
            case commands.RequestWakeup(delay=delay):
                self._wake_later(command, delay)
            case commands.OpenConnection(connection=conn):
                self.transports[conn] = ConnectionIO(handler=self._task(self.open_connection(command)))
            case commands.ConnectionCommand(connection=conn) if conn not in self.transports:
                pass  # it has been closed already
            case commands.CloseTcpConnection(connection=conn, half_close=half):
                self.close_connection(conn, half)
            case commands.CloseConnection(connection=conn):
                self.close_connection(conn, half_close=False)
            case commands.Log(message=message, level=level):
                self.log(message, level)
            case _:
                raise RuntimeError(f"Unexpected command: {command}")

    def _wake_later(self, command: commands.RequestWakeup, delay: float) -> None:
        def wake() -> None:
            self.wakeup_timer.discard(timer)
            self.deliver(events.Wakeup(command))

        timer: Any = self._loop.call_later(delay, wake)  # mitmproxy only ever cancels what is in the set
        self.wakeup_timer.add(timer)

    async def _finish(self, hook: commands.StartHook, rest: Awaitable[object]) -> None:
        """Wait for the part of a hook that takes time; its layer is paused meanwhile."""
        with self.timeout_watchdog.disarm():
            await rest
        self.deliver(events.HookCompleted(hook))

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        if not task.done():
            _RUNNING.add(task)
            task.add_done_callback(_RUNNING.discard)
        return task


_RUNNING: set[asyncio.Task[None]] = set()
