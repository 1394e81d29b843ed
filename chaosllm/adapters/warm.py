"""A child of ours that loads its libraries while its order is still being read; imports little, as it comes first."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from chaosllm.adapters.interpreter import interpreter


class Warm:
    """One process, started and not told anything yet, and the private folder that it logs to.

    As a context manager it ends what nobody took over (end of file on its stdin), and removes the folder.
    """

    def __init__(self, name: str, module: str) -> None:
        self._released = False
        self.folder = Path(tempfile.mkdtemp(prefix="chaosllm-"))
        self.log = self.folder / f"{name}.log"
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own module
                interpreter(module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                bufsize=0,
            )

    def release(self) -> tuple[int, int, int]:
        """Its number and copies of our ends of its stdin and stdout, for who takes it over and waits for its end."""
        stdin, stdout = self.process.stdin, self.process.stdout
        if stdin is None or stdout is None:
            raise ValueError("it has no pipes")
        self._released = True
        to, out = os.dup(stdin.fileno()), os.dup(stdout.fileno())
        stdin.close()
        stdout.close()
        return self.process.pid, to, out

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._released:
            self.process.kill()  # it has begun nothing
            self.process.communicate()
        self.process.returncode = 0  # else Popen says at its end that nobody has waited for it
        shutil.rmtree(self.folder, ignore_errors=True)
