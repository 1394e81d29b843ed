"""The lease: a proxy whose supervisor falls silent while the run is on ends injection, and not before it began."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest

from chaosllm.adapters.proxy import __main__ as process

LEASE = 0.05


async def lapsed(t0: float | None, monkeypatch: pytest.MonkeyPatch) -> tuple[int, list[Any]]:
    """(how often the proxy was told to inject nothing more, what was said) after eight leases of silence."""
    cleaned: list[None] = []
    said: list[Any] = []
    monkeypatch.setattr(process, "say", said.append)
    proxy: Any = SimpleNamespace(clock=SimpleNamespace(t0=t0), clean=lambda: cleaned.append(None))
    guarding = asyncio.create_task(process.Control(proxy, LEASE).guard())
    await asyncio.sleep(8 * LEASE)
    guarding.cancel()
    await asyncio.gather(guarding, return_exceptions=True)
    return len(cleaned), said


def test_silence_before_the_run_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app may take a minute to start, and nobody beats meanwhile: the run that follows still injects."""
    assert asyncio.run(lapsed(None, monkeypatch)) == (0, [])


def test_a_proxy_that_was_held_up_itself_blames_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beats that came while a busy machine gave it no time lie unread, and are heard in the end."""
    said: list[Any] = []
    monkeypatch.setattr(process, "say", said.append)

    async def go() -> None:
        proxy: Any = SimpleNamespace(clock=SimpleNamespace(t0=1.0), clean=lambda: None)
        control = process.Control(proxy, 1.0)
        guarding = asyncio.create_task(control.guard())
        await asyncio.sleep(0)
        time.sleep(1.3)  # noqa: ASYNC251  # the loop is held up on purpose
        for _ in range(5):  # uvloop calls whose time is over before it reads, so that the guard looks first
            await asyncio.sleep(0)
        control.take({"do": "beat"})
        await asyncio.sleep(0.3)
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)

    asyncio.run(go())
    assert said == []


def test_being_held_up_buys_no_time_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat that was read before the guard looked counts from then: the silence after it lasts no longer."""
    said: list[Any] = []
    monkeypatch.setattr(process, "say", said.append)

    async def go() -> None:
        proxy: Any = SimpleNamespace(clock=SimpleNamespace(t0=1.0), clean=lambda: None)
        control = process.Control(proxy, LEASE)
        guarding = asyncio.create_task(control.guard())
        await asyncio.sleep(0)
        time.sleep(1.5)  # noqa: ASYNC251  # the loop is held up on purpose
        control.take({"do": "beat"})
        await asyncio.sleep(0.75)
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)

    asyncio.run(go())
    assert said == [{"type": "lapsed", "seconds": LEASE}]


def test_a_proxy_that_cannot_leave_its_ports_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who takes turns with it would else believe that every call comes to itself."""
    said: list[Any] = []
    monkeypatch.setattr(process, "say", said.append)

    async def stays() -> int:
        raise RuntimeError

    async def go() -> None:
        control = process.Control(proxy)
        control.take({"do": "yield"})
        await asyncio.gather(*control._tasks)

    failures: list[str] = []
    proxy: Any = SimpleNamespace(give_way=stays, ledger=SimpleNamespace(failure=failures.append))
    asyncio.run(go())
    assert said == [{"type": "yielded", "cut": 0, "stayed": True}]
    assert failures == ["the ports could not be left: RuntimeError"]


def test_silence_in_the_run_ends_injection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once it is on, a supervisor that says nothing may be frozen."""
    assert asyncio.run(lapsed(1.0, monkeypatch)) == (1, [{"type": "lapsed", "seconds": LEASE}])
