"""A guard over a scenario, what it said and when, beside a server that answers as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from odd_server import Answers, Odd, odd
from scenario_text import SMALL

from chaosllm.adapters.safety.guard import Guard
from chaosllm.live.stopping import Stop
from chaosllm.reader import read
from chaosllm.scenario import Scenario, StopProbe

#: Seconds within which what is asserted happens by far, on a machine that has much else to do.
SOON = 10.0


class Watched:
    """A guard, what it said, and when."""

    def __init__(self, scenario: Scenario, **more) -> None:
        self.stops: list[Stop] = []
        self.notes: list[str] = []
        self.came = asyncio.Event()
        self.guard = Guard(scenario, stop=self._stop, note=self.notes.append, environ=more.pop("environ", {}), **more)

    def _stop(self, stop: Stop) -> None:
        self.stops.append(stop)
        self.came.set()

    async def until(self, true: Callable[[], object]) -> None:
        """Waits for what comes in its own time, on a machine that may have much else to do."""
        async with asyncio.timeout(SOON):
            while not true():  # noqa: ASYNC110  # what is waited for tells nobody
                await asyncio.sleep(0.02)

    async def stopped(self, within: float = SOON) -> Stop:
        await asyncio.wait_for(self.came.wait(), within)
        return self.stops[0]


def scenario(more: str = "") -> Scenario:
    return read(SMALL + more).unwrap()


def probed(*probes: StopProbe) -> Scenario:
    return replace(scenario(), probes=probes)


def playing(go: Callable[[Odd], Awaitable[None]], answers: Answers | None = None) -> None:
    async def play() -> None:
        async with odd(answers or {}) as server:
            await asyncio.wait_for(go(server), 40)

    asyncio.run(play())
