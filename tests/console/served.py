"""A fake desk behind a real socket, in a thread with a loop of its own, for clients that wait."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from fake_desk import FakeDesk

from chaosllm.adapters.console.runtime import announced
from chaosllm.adapters.console.server import Server


class Served:
    """The desk, its server, and `do`, which runs a function where the desk lives."""

    def __init__(self, desk: FakeDesk, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self.desk, self.server, self._loop = desk, server, loop

    def do(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        async def called() -> Any:
            return function(*args, **named)

        return asyncio.run_coroutine_threadsafe(called(), self._loop).result(30)

    def cut(self) -> None:
        """Break every connection, as a laptop does that sleeps; call it where the desk lives."""
        assert self.server._uvicorn is not None
        for connection in [*self.server._uvicorn.server_state.connections]:
            connection.transport.abort()


@contextmanager
def served(name: str = "release-1.4", *, extra: str = "", found: bool = True) -> Iterator[Served]:
    """A day that waits for its first approval; with `found` as ctl finds it."""
    ready, leave = threading.Event(), asyncio.Event()
    held: list[Served] = []

    async def serve() -> None:
        desk = FakeDesk(name=name, extra=extra)
        desk.open()
        async with Server(desk) as server:
            with ExitStack() as stack:
                if found:
                    stack.enter_context(announced(server.url, server.token, name=name, kind="gameday"))
                held.append(Served(desk, server, asyncio.get_running_loop()))
                ready.set()
                await leave.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(20)
        yield held[0]
    finally:
        held[0].do(leave.set)
        thread.join(30)
        assert not thread.is_alive()
