"""The standing proxy when something goes wrong: nothing of it stays behind, and nobody believes it gone who is not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chaosllm.adapters.gameday.standing import Standing, _Set
from chaosllm.reader import read

SCENARIO = """
version: 1
name: day
upstreams: [{provider: openai, url: simulator}]
phases: [{name: calm, duration: 1s}]
"""


class Proxy:
    """In place of a process: answers a `yield` with `says`, never without it; notes its end."""

    name, log = "standing proxy", Path("standing-proxy.log")

    def __init__(self, says: dict[str, Any] | None = None) -> None:
        self.says, self.asked, self.ended = says, asyncio.Event(), False

    async def ask(self, command: dict[str, Any], *_: Any, **__: Any) -> dict[str, Any]:
        self.asked.set()
        if self.says is None:
            await asyncio.Event().wait()
        return self.says or {}

    async def stop(self) -> None:
        self.ended = True


@pytest.fixture
def warned() -> list[str]:
    return []


@pytest.fixture
def standing(tmp_path: Path, warned: list[str]) -> Iterator[Standing]:
    """One with ports of its own."""
    found = Standing(0, 2, tmp_path, 1, warned.append)
    yield found
    for one in found._held:
        one.close()


def there(standing: Standing, proxy: Any) -> Any:
    """The set of a proxy that stands there for other upstreams."""
    return _Set((), standing.folder, proxy, None, standing.folder / "standing-ca-1")


def test_one_that_does_not_leave_is_ended(standing: Standing, warned: list[str]) -> None:
    """Else calls of the step would pass it, unseen."""

    async def go() -> Proxy:
        proxy = Proxy({"type": "yielded", "cut": 0, "stayed": True})
        standing._set = there(standing, proxy)
        await standing.give_way()
        return proxy

    assert asyncio.run(go()).ended
    assert standing._set is None
    assert warned == [
        "the standing proxy did not leave the ports, and is ended: the standing proxy could not leave the ports"
    ]


def test_one_that_is_followed_ends_however_the_turn_ends(standing: Standing, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C while the next step's takes its place leaves no process behind that nobody knows of."""

    async def go() -> tuple[bool, bool]:
        before, after = Proxy(), SimpleNamespace()
        standing._set = there(standing, before)
        monkeypatch.setattr(standing, "_start", lambda *_: asyncio.sleep(0, after))
        turn = asyncio.create_task(standing.stand(read(SCENARIO).unwrap(), standing.folder))
        await before.asked.wait()
        turn.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await turn
        return before.ended, standing._set is after

    assert asyncio.run(go()) == (True, True)


def test_a_machine_without_room_is_told(standing: Standing, warned: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The day goes on, without anybody there."""

    async def full(*_: Any) -> None:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(standing, "_start", full)
    assert asyncio.run(standing.stand(read(SCENARIO).unwrap(), standing.folder)) is False
    assert warned == [f"nobody keeps the app's provider in reach until the next step: {os.strerror(errno.EAGAIN)}"]
