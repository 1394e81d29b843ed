"""What a run is asked to do, who is told how it goes, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chaosllm.errors import ChaosError, Exit
from chaosllm.renderers import Material
from chaosllm.scenario import Scenario


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. `base` is the folder that the scenario's paths start from, `text` the scenario as run."""

    scenario: Scenario
    text: str
    base: Path
    out: Path | None = None
    name: str = ""  # of the folder; empty: the scenario's
    target: str | None = None  # an app that runs already, in place of the scenario's
    app: str | None = None  # a sample app
    command: tuple[str, ...] = ()
    port: int = 0
    dry_run: bool = False
    proxy_workers: int = 1
    baseline: Mapping[str, Any] | None = None  # what `against` holds the run against


class Watcher(Protocol):
    """Who is told how the run goes."""

    def say(self, text: str) -> None:
        """A stage began."""

    def note(self, text: str) -> None:
        """Something that the user should know, and that stops nothing."""

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any]) -> None:
        """A second passed: the driver's progress and the proxy's latest status."""


@dataclass(slots=True)
class Result:
    """How a run ended. `material` is None when there was nothing to judge; `error` says what stopped it."""

    code: Exit
    folder: Path | None = None
    material: Material | None = None
    error: ChaosError | None = None


class Company:
    """Runs at the same time on one machine: they start, drive and judge together, and calibrate one by one.

    Because a proxy that is measured while another app starts up beside it is measured wrong.
    """

    def __init__(self, runs: int = 1) -> None:
        self._barrier = asyncio.Barrier(runs)
        self._turn = asyncio.Lock()

    @property
    def alone(self) -> bool:
        """Whether no other run is measured on this machine meanwhile."""
        return self._barrier.parties == 1

    async def meet(self) -> None:
        """Return once all have come here, or one has left."""
        with contextlib.suppress(asyncio.BrokenBarrierError):
            await self._barrier.wait()

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """One at a time."""
        async with self._turn:
            yield

    async def leave(self) -> None:
        """Nobody waits for this run any more."""
        await self._barrier.abort()
