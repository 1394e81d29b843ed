"""The feed of findings: what the records of the run that is on show so far, looked at every few seconds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaosllm.adapters.supervisor.children import Child
from chaosllm.errors import ChaosError

#: Seconds between two looks, at least; and how many times as long as a look took, so that looking takes little of
#: the machine that is measured.
LEAST, TIMES, MOST = 3.0, 6.0, 10.0
_PATIENCE = 120.0


class Feed:
    """Looks at `folder` until it is closed; `seen` takes the rows of the findings so far."""

    def __init__(self, folder: Path, log: Path, seen: Callable[[list[dict[str, Any]]], None]) -> None:
        self._folder, self._log, self._seen = folder, log, seen
        self._child: Child | None = None
        self._task = asyncio.create_task(self._follow(), name="findings")

    async def close(self) -> None:
        """Look no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._child is not None:
            await self._child.stop(grace=0.5)

    async def _follow(self) -> None:
        self._child = child = await Child.start("findings", "chaosllm.adapters.gameday.glance", None, log=self._log)
        wait = LEAST
        while True:
            await asyncio.sleep(wait)
            with contextlib.suppress(ChaosError):
                told = await child.ask({"folder": str(self._folder.absolute())}, "seen", timeout=_PATIENCE)
                wait = min(MOST, max(LEAST, TIMES * float(told.get("took") or 0.0)))
                if told.get("findings") is not None:
                    self._seen(told["findings"])
            if child.gone.done():
                return
