"""A loopback server that answers as it is told, well or badly; paths choose the answer."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

type Answers = dict[str, bytes | Callable[[asyncio.StreamWriter], object]]


def ok(body: str = "", status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer."""
    head = "".join(f"{line}\r\n" for line in headers)
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body.encode())}\r\n{head}\r\n{body}".encode()


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """A body without end."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"4000\r\n" + b"o" * 0x4000 + b"\r\n")
        await writer.drain()


async def header_flood(writer: asyncio.StreamWriter) -> None:
    """Headers without end."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-a: " + b"o" * 4000 + b"\r\n")
        await writer.drain()
        await asyncio.sleep(0)


async def silence(_: asyncio.StreamWriter) -> None:
    """Nothing at all."""
    await asyncio.sleep(60)


class Odd:
    """The server; `asked` counts requests by path, `heads` keeps them, `at_once` is the most that were open."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.asked, self.heads = answers, Counter[str](), list[str]()
        self.url = ""
        self.open = self.at_once = 0
        self._handlers: set[asyncio.Task[None]] = set()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one answer."""
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        self.open += 1
        self.at_once = max(self.at_once, self.open)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split()[1].partition("?")[0]
            self.asked[path] += 1
            self.heads.append(head)
            answer = self.answers.get(path, ok("", "404 Not Found"))
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await self.play(answer(writer), reader)  # type: ignore[arg-type]
        except (OSError, asyncio.CancelledError, asyncio.IncompleteReadError):
            pass
        finally:
            self.open -= 1
            writer.close()

    @staticmethod
    async def play(answer: Coroutine[Any, Any, None], reader: asyncio.StreamReader) -> None:
        """An answer, until it is over or whoever asked has left."""
        playing, leaving = asyncio.create_task(answer), asyncio.create_task(reader.read())
        try:
            await asyncio.wait([playing, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            playing.cancel()
            leaving.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)

    async def close(self) -> None:
        """Ends every answer."""
        for task in self._handlers:
            task.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)


@contextlib.asynccontextmanager
async def odd(answers: Answers) -> AsyncIterator[Odd]:
    """Such a server, on a free port."""
    made = Odd(answers)
    server = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.close()


#: Ports that refuse for as long as this process lives, because one that is let go is soon another test's.
_HELD: list[socket.socket] = []


def nowhere() -> str:
    """A URL where nobody listens."""
    _HELD.append(held := socket.socket())
    held.bind(("127.0.0.1", 0))
    return f"http://127.0.0.1:{held.getsockname()[1]}"
