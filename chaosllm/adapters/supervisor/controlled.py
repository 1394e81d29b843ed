"""The control channel of a run: a desk served on loopback for as long as the run lasts, and found by `chaosllm ctl`.

Law: a channel that cannot be opened is told, and costs no run.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from chaosllm.adapters.console.hub import Hub, blank
from chaosllm.adapters.supervisor.log import Log
from chaosllm.adapters.supervisor.run_desk import RunDesk
from chaosllm.adapters.supervisor.session import Session
from chaosllm.errors import ChaosError


class ControlRoom:
    """Serves `desk`; `opened` is told the server's page, in a console that people open."""

    def __init__(self, desk: RunDesk, *, name: str, kind: str, port: int = 0) -> None:
        self.desk = desk
        self.page = ""
        self.url = ""  # its origin, once it is open
        self._name, self._kind, self._port = name, kind, port
        self._stack = contextlib.AsyncExitStack()
        self._opening: asyncio.Task[None] | None = None

    def open_soon(self, folder: Path | None, note: Callable[[str], None]) -> None:
        """Open it while the processes of the run are loading; once."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open_or_tell(folder, note), name="control")

    async def settled(self) -> None:
        """Return once it is open, or it is told why not."""
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)

    async def open(self, folder: Path | None) -> None:
        """Open it; raises ChaosError when that cannot be."""
        # In a thread, because loading the server takes a quarter of a second, and the run goes on meanwhile.
        await asyncio.to_thread(_load)
        from chaosllm.adapters.console.runtime import announced  # noqa: PLC0415  # late, as above
        from chaosllm.adapters.console.server import Server  # noqa: PLC0415  # as above

        server = await self._stack.enter_async_context(Server(self.desk, port=self._port))
        self.page, self.url = server.page, server.url
        self._stack.enter_context(announced(server.url, server.token, name=self._name, kind=self._kind, folder=folder))

    async def close(self) -> None:
        """Nobody can command any more."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._stack.aclose()

    async def _open_or_tell(self, folder: Path | None, note: Callable[[str], None]) -> None:
        try:
            await self.open(folder)
        except ChaosError as error:
            note(f"`chaosllm ctl` cannot reach this run: {error.what}")
        except Exception as error:  # ours, and no reason to lose a run
            note(f"`chaosllm ctl` cannot reach this run: {type(error).__name__}: {error}")


@contextlib.asynccontextmanager
async def controlled(session: Session, note: Callable[[str], None]) -> AsyncIterator[RunDesk]:
    """Let `chaosllm ctl` reach a run until the block ends; the desk is to be one of its watchers."""
    scenario = session.order.scenario
    log = Log(note)
    desk = RunDesk(Hub(blank("run", scenario.name), heard=log.heard), log)
    room = ControlRoom(desk, name=scenario.name, kind="run")

    def opened(folder: Path) -> None:
        desk.begin(session, folder)
        room.open_soon(folder, note)

    session.opened, session.stopped = opened, desk.stopping
    try:
        yield desk
    finally:
        await room.close()
        log.close()


def _load() -> None:
    from chaosllm.adapters.console import runtime, server  # noqa: F401, PLC0415  # that is all it is for
