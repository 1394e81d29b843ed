"""What a run is asked to do, who is told how it goes, and how it ended."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from chaosllm.errors import ChaosError, Exit
from chaosllm.live.stopping import Reading
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
    disabled: tuple[str, ...] = ()  # rules that begin switched off
    dead_man: float | None = None  # seconds without a console after which everything ends
    ports: tuple[int, ...] = ()  # those that a standing proxy listens on before and after; (): none does

    @property
    def called(self) -> str:
        """The app as a report names it; "" when it runs already."""
        return self.app or called(self.command)


#: What runs an app and is none: `python -m myapp` is myapp.
_RUNNERS = re.compile(r"(python|pypy|node|deno|bun|ruby|perl|php|java|dotnet|bash|sh|env|uv|uvx|poetry|npx|npm)[\d.]*")
_RUN = {"run", "exec", "start", "-m", "-jar"}
#: Python's flags that take nothing after them, alone or together: `python -uP app.py`.
_FLAGS = re.compile(r"-[BEIOPSbdqsuvx]+")


def called(command: Sequence[str]) -> str:
    """The app in a command: its file or module, without folders; never an argument, which may hold a secret.

    `/opt/venv/bin/python -m myapp --key X` is "myapp", `uvicorn app:app` is "uvicorn".
    """
    for place, part in enumerate(command):
        name = part.replace("\\", "/").rsplit("/", maxsplit=1)[-1].removesuffix(".exe")
        if part in _RUN or "=" in part or _FLAGS.fullmatch(part) or _RUNNERS.fullmatch(name):
            continue
        if place and part.startswith("-"):
            break  # an option of the runner: what follows may be code, or a secret
        return name
    return command[0].replace("\\", "/").rsplit("/", maxsplit=1)[-1] if command else ""


class Watcher(Protocol):
    """Who is told how the run goes."""

    def say(self, text: str) -> None:
        """A stage began."""

    def note(self, text: str) -> None:
        """Something that the user should know, and that stops nothing."""

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed: the driver's progress, the proxy's latest status, and where what may stop the run stands."""

    def retimed(self, scenario: Scenario) -> None:
        """A live command changed how long phases last."""


class Door(Protocol):
    """Who stands at the app's ports before a run's own proxy is there, and after it."""

    async def give_way(self) -> None:
        """The run's proxy listens: return once every new call comes to it alone."""

    async def take(self) -> bool:
        """The run's proxy is about to go: listen beside it; False when nobody is to stand there any more."""
        ...


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
