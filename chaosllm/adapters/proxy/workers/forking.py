"""Workers made by fork, so that the frameworks they stand on are loaded once: 0.1 s each in place of 0.8.

Fork before anything else runs: no loop, no thread (loading mitmproxy starts none). The child keeps no end of
another worker's pipes, because end of file on stdin is how it learns that it is alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NoReturn

from chaosllm.adapters.supervisor.piped import Piped


class Worker(Piped):
    """One forked process."""

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
