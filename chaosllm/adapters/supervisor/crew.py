"""The processes of one run: ours, and the app where we start it; each is started, and always stopped.

Laws:
1. Whoever was started is stopped, whatever happens; a second interrupt kills what still lives.
2. The driver stops before the proxy, so that the proxy sees its calls end; the simulator and the app come last.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

from chaosllm.adapters.supervisor.children import GRACE, Child, Message, kill_group
from chaosllm.adapters.supervisor.target import App
from chaosllm.errors import ChaosError

#: Seconds that one of our own processes may take to say that it is ready; mitmproxy takes 1.3 when quiet.
START = 30.0
#: Seconds between SIGTERM and SIGKILL once somebody is in a hurry.
_HURRY = 0.3


class Crew:
    """Starts and stops them; `failed` is told what a child says went wrong, with its name."""

    def __init__(self, folder: Callable[[], Path], failed: Callable[[str, Message], None]) -> None:
        self.children: list[Child] = []
        self.app: App | None = None
        self.hurried = False  # nothing is waited for any more
        self._folder = folder
        self._failed = failed

    async def launch(self, modules: dict[str, str]) -> list[Child]:
        """Start our processes, each of which loads its libraries while those that it waits for get ready."""
        for name, module in modules.items():
            child = await Child.start(name, module, None, log=self._folder() / f"{name}.log")
            self.children.append(child)
            child.on("failure", partial(self._failed, name))
        return self.children

    async def told(self, name: str, config: Message) -> Child:
        """One of our processes, once it is ready to do what its config says."""
        child = self.child(name)
        assert child is not None  # noqa: S101  # launched before
        await child.send(config)
        await child.first("ready", timeout=START)
        return child

    def child(self, name: str) -> Child | None:
        """The process of that name; None while it was not started."""
        return next((child for child in self.children if child.name == name), None)

    async def stop(self, *, counts: bool, between: Callable[[Child], Awaitable[None]] | None = None) -> None:
        """End them all; with `counts` the proxy first tells its last ones. Returns when no process is left.

        `between` is awaited when the driver is gone and the proxy still passes on.
        """
        proxy, driver, simulator = (self.child(name) for name in ("proxy", "driver", "simulator"))
        for child in (driver, proxy):
            if child is proxy and proxy is not None and between is not None:
                await self._all([between(proxy)])
            if child is proxy and proxy is not None and not proxy.gone.done() and counts:
                with contextlib.suppress(ChaosError):  # the last counts, while it can still give them
                    await proxy.ask({"do": "status"}, "status", timeout=2)
            await self._all([child.stop(grace=self._grace)] if child else [])
        rest = [simulator.stop(grace=self._grace)] if simulator else []
        await self._all([*rest, *([self.app.stop(self._grace)] if self.app else [])])

    @property
    def _grace(self) -> float:
        return _HURRY if self.hurried else GRACE

    async def _all(self, stops: Sequence[Awaitable[None]]) -> None:
        """Wait for the stops; when somebody gets in a hurry meanwhile, kill what still lives."""
        work = asyncio.gather(*stops, return_exceptions=True)
        while not work.done():
            await asyncio.wait([work], timeout=0.2)
            if self.hurried:
                for process in [one.process for one in (*self.children, self.app) if one is not None]:
                    kill_group(process)
