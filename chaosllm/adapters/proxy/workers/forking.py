"""Workers made by fork, so that the frameworks they stand on are loaded once: 0.1 s each in place of 0.8.

Fork before anything else runs: no loop, no thread (loading mitmproxy starts none). The child keeps no end of
another worker's pipes, because end of file on stdin is how it learns that it is alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Sequence
from typing import NoReturn

from chaosllm.adapters.supervisor.children import LINE


class Worker:
    """One forked process; it has what `Child` asks of an `asyncio.subprocess.Process`, once `open` has run."""

    stdin: asyncio.StreamWriter
    stdout: asyncio.StreamReader

    def __init__(self, pid: int, to: int, out: int) -> None:
        """`to` and `out`: our ends of its stdin and stdout."""
        self.pid = pid
        self.returncode: int | None = None
        self.pipes = (to, out)

    @classmethod
    def start(cls, main: Callable[[], int], others: Sequence[Worker]) -> Worker:
        """Run `main` in a new process, its exit code that of the process; `others` were started before."""
        theirs, to = os.pipe()
        out, mine = os.pipe()
        pid = os.fork()
        if pid == 0:
            _become(main, theirs, mine, (to, out, *(pipe for other in others for pipe in other.pipes)))
        os.close(theirs)
        os.close(mine)
        return cls(pid, to, out)

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
            _, status = await asyncio.to_thread(os.waitpid, self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


def _become(main: Callable[[], int], stdin: int, stdout: int, foreign: Sequence[int]) -> NoReturn:
    """Be the worker, to its end."""
    code = 1
    try:
        os.dup2(stdin, 0)
        os.dup2(stdout, 1)
        for one in (stdin, stdout, *foreign):
            os.close(one)
        code = main()
    finally:
        os._exit(code)  # never back into what our parent was doing
