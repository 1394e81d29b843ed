"""A process that was started before the loop, with the pipes over which we speak with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import cast

from chaosllm.adapters.supervisor.children import LINE, Child, Message


class Piped:
    """One process that asyncio did not start; once it is open it has what `Child` asks of asyncio's own."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader

    def __init__(self, pid: int, to: int, out: int) -> None:
        """`to` and `out`: our ends of its stdin and stdout; it must be waited for by nobody else."""
        self.pid = pid
        self.returncode: int | None = None
        self.pipes = (to, out)
        self._end: asyncio.Future[tuple[int, int]] | None = None

    async def open(self) -> None:
        """Make streams of the pipes."""
        loop, (to, out) = asyncio.get_running_loop(), self.pipes
        self.stdout = asyncio.StreamReader(limit=LINE)
        protocol = asyncio.StreamReaderProtocol(self.stdout)
        await loop.connect_read_pipe(lambda: protocol, os.fdopen(out, "rb", 0))
        # A reader's protocol, because asyncio has none of its own for a pipe that is only written, and it can drain.
        flow = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        transport, _ = await loop.connect_write_pipe(lambda: flow, os.fdopen(to, "wb", 0))
        self.stdin = asyncio.StreamWriter(transport, flow, None, loop)

    async def wait(self) -> int:
        """The exit code, as `asyncio.subprocess` has it: below 0 the signal's."""
        if self.returncode is None:
            if self._end is None:  # once for all who wait, and past one who gives up: its end is told only once
                self._end = asyncio.ensure_future(asyncio.to_thread(os.waitpid, self.pid, 0))
            _, status = await asyncio.shield(self._end)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


async def adopt(name: str, process: Piped, config: Message, *, log: Path) -> Child:
    """Make a process that waits for its config a child of ours, and hand it over; its log is in `log`."""
    await process.open()
    child = Child(name, cast("asyncio.subprocess.Process", process), log)  # it has what Child asks for
    await child.send(config)
    return child
