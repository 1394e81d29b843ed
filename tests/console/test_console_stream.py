"""Events over real sockets: none is lost, order is kept, slow ones hold nobody up, and all ends in a second."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import Any

import httpx
import pytest
from fake_desk import FakeDesk

from chaosllm.adapters.console.hub import fold
from chaosllm.adapters.console.server import Server

pytestmark = pytest.mark.end_to_end
COMMANDS = 75  # of each of two consoles, 25 a second: 50 a second for three seconds


class Console:
    """Follows a run as the page does; may leave and come back."""

    def __init__(self, server: Server) -> None:
        self._server, self.state, self.seqs, self.commands = server, dict[str, Any](), list[int](), list[str]()
        self.whole, self.ended = 0, False

    def client(self) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {self._server.token}", "x-chaosllm-channel": "console"}
        return httpx.AsyncClient(base_url=self._server.url, headers=headers, timeout=30, trust_env=False)

    async def follow(self, *, most: float = 1e9) -> None:
        """Until the stream ends, or for so many seconds."""
        until = time.monotonic() + most
        asked = {"after": self.seqs[-1]} if self.seqs else {}
        async with self.client() as client, client.stream("GET", "/v1/events", params=asked) as answer:
            kind = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    kind = line[7:]
                elif line.startswith("data: "):
                    self.hear(kind, json.loads(line[6:]))
                    kind = ""
                elif not line and time.monotonic() > until:
                    return

    def hear(self, kind: str, told: dict[str, Any]) -> None:
        if kind == "end":
            self.ended = True
            return
        if kind == "state":
            self.state, self.whole = told, self.whole + 1
        else:
            fold(self.state, told)
            self.commands += [told["id"]] if told["type"] == "command" else []
        self.seqs.append(told["seq"])

    async def press(self, name: str) -> None:
        """Note after note, each under an id of its own, at 25 a second."""
        began = time.monotonic()
        async with self.client() as client:
            for at in range(COMMANDS):
                body = {"do": "note", "text": f"{name} {at}", "id": f"{name}-{at}", "who": name}
                answer = await client.post("/v1/commands", json=body)
                assert answer.status_code == 200
                assert answer.json()["id"] == f"{name}-{at}"
                await asyncio.sleep(max(0.0, began + (at + 1) / 25 - time.monotonic()))


def test_two_consoles_and_fifty_commands_a_second() -> None:
    """No command and no event is lost, each comes in order, and one that comes and goes sees the same."""

    async def play() -> None:
        desk = FakeDesk()
        desk.open()
        desk.begin()
        async with Server(desk) as server:
            one, two, third = (Console(server) for _ in range(3))

            async def comes_and_goes() -> None:
                for _ in range(8):
                    await third.follow(most=0.3)
                await third.follow()

            async def ticks() -> None:
                for _ in range(30):
                    await asyncio.sleep(0.1)
                    desk.advance()

            following = [asyncio.ensure_future(task) for task in (one.follow(), two.follow(), comes_and_goes())]
            while not (one.state and two.state and third.state):  # noqa: ASYNC110  # as they have the state
                await asyncio.sleep(0.02)
            await asyncio.gather(one.press("ada"), two.press("bob"), ticks())
        began = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*following), 20)
        assert time.monotonic() - began < 10, "a part of a second on a quiet machine"
        ids = {f"{name}-{at}" for name in ("ada", "bob") for at in range(COMMANDS)}
        for console in (one, two, third):
            assert console.whole == 1
            assert console.ended
            assert console.seqs == [*range(console.seqs[0], desk.hub.state["seq"] + 1)]
            assert console.state == desk.hub.state
            assert set(console.commands) == ids
            assert [id for id in console.commands if id.startswith("ada")] == [f"ada-{at}" for at in range(COMMANDS)]

    asyncio.run(play())


def test_one_that_does_not_read_holds_nobody_up() -> None:
    """Thousands of events are published at once beside stalled streams; another gets the state; the end is quick."""

    async def play() -> None:
        desk = FakeDesk()
        desk.open()
        async with Server(desk) as server:
            stalled = []
            for _ in range(3):
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", int(server.url.rpartition(":")[2]), limit=1024
                )
                host, token = server.url.removeprefix("http://"), server.token
                writer.write(
                    f"GET /v1/events HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n".encode()
                )
                await writer.drain()
                await reader.readline()
                stalled.append((reader, writer))
            console = Console(server)
            following = asyncio.ensure_future(console.follow())
            while not console.state:  # noqa: ASYNC110  # it listens once it has the state
                await asyncio.sleep(0.02)
            began = time.monotonic()
            for burst in (1500, *[300] * 10):  # the first is more than a queue holds, so even a quick one begins anew
                for _ in range(burst):
                    desk.hub.publish("say", text="x" * 400)
                await asyncio.sleep(0)
            published = time.monotonic() - began
            await asyncio.sleep(0.5)
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 15, "a second on a quiet machine"
        await asyncio.wait_for(following, 20)
        assert console.state == desk.hub.state
        assert console.seqs == sorted(set(console.seqs))
        assert console.whole == 2
        assert published < 30
        for _, writer in stalled:
            writer.close()

    asyncio.run(play())


def test_a_quiet_stream_is_heard() -> None:
    """While nothing happens a comment comes every 2 s, and Last-Event-ID does what `after` does."""

    async def play() -> None:
        desk = FakeDesk()
        desk.open()
        async with Server(desk) as server:
            console = Console(server)
            headers = {"last-event-id": "1"}
            async with console.client() as client, client.stream("GET", "/v1/events", headers=headers) as answer:
                lines = answer.aiter_lines()
                found = [await anext(lines) for _ in range(5)]
                assert found[0].startswith(":")
                assert found[2] == "id: 2"
                began = time.monotonic()
                while not (line := await anext(lines)).startswith(":"):
                    assert not line
                assert 1 < time.monotonic() - began < 20

    asyncio.run(play())


def test_signals_stay_the_supervisors() -> None:
    """While the server is on, a signal goes where it went before: uvicorn would take it."""

    async def play() -> None:
        before = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
        async with Server(FakeDesk()):
            await asyncio.sleep(0.15)
            assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(play())


def test_a_port_that_is_taken_is_said() -> None:
    """Which address cannot be had, and what would work."""

    async def play() -> None:
        async with Server(FakeDesk()) as server:
            port = int(server.url.rpartition(":")[2])
            with pytest.raises(Exception, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
                await Server(FakeDesk(), port=port).__aenter__()

    asyncio.run(play())
