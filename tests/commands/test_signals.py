"""A real terminal is left as it was, however a run is stopped, and a resize is drawn at once."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"

#: A run as far as signals and the view know it; says on stdout when it is ready and when it was told to stop.
RUN = """
import asyncio, sys
from live_messages import driver, proxy, scenario
from chaosllm.commands._console import Progress
from chaosllm.commands._signals import interrupting, resizing

class Session:
    judging = {judging}
    def interrupt(self):
        print("told", flush=True)
        if not self.judging:
            stop.set()

stop = asyncio.Event()

async def go():
    with Progress(scenario()) as progress, interrupting([Session()]), resizing(progress.redraw):
        progress.say("running")
        progress.progress(driver(20.0, 200), proxy(200))
        if Session.judging:
            progress.say("judging")
        print("ready", flush=True)
        await stop.wait()

asyncio.run(go())
"""


class Run:
    """It, on a terminal of 100 columns; stdout is a pipe."""

    def __init__(self, *, judging: bool) -> None:
        self.master, slave = pty.openpty()
        self.resize(100)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.shown = b""
        os.set_blocking(self.master, False)
        given = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUN.format(judging=judging)], stdin=slave, stderr=slave, stdout=subprocess.PIPE,
            env=given | {"TERM": "xterm-256color", "PYTHONPATH": str(TESTS)}, start_new_session=True, text=True,
        )  # fmt: skip
        self.hear("ready")

    def resize(self, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))

    def hear(self, word: str) -> None:
        """Wait for a line on stdout, which the view must have left alone."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == f"{word}\n", self.read().decode()

    def read(self) -> bytes:
        try:
            while more := os.read(self.master, 65536):
                self.shown += more
        except OSError:
            pass
        return self.shown

    def until(self, text: bytes) -> None:
        ends = time.monotonic() + 20
        while text not in self.read():
            assert time.monotonic() < ends, self.shown
            time.sleep(0.01)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.hear("told")

    def end(self) -> int:
        code = self.process.wait(20)
        self.read()
        assert termios.tcgetattr(self.slave) == self.before
        os.close(self.master)
        os.close(self.slave)
        return code


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_the_terminal(kind: signal.Signals) -> None:
    """After Ctrl-C or SIGTERM the cursor is there, and what was said about stopping is above the view."""
    run = Run(judging=False)
    run.until(b"left of")
    run.process.send_signal(kind)
    run.hear("told")
    assert run.end() == 0
    assert b"stopping; once more to stop at once" in run.shown
    assert run.shown.rindex(SHOW) > run.shown.rindex(HIDE)


def test_leaving_at_once_shows_the_cursor() -> None:
    """A second Ctrl-C while the report is drawn ends the process there, with the cursor shown all the same."""
    run = Run(judging=True)
    run.interrupt()
    run.process.send_signal(signal.SIGINT)
    assert run.end() == 130
    assert run.shown.rindex(SHOW) > run.shown.rindex(HIDE)


def test_a_resize_is_drawn_at_once() -> None:
    """A terminal that becomes narrower is drawn anew without waiting for the next second, its folds wiped away."""
    run = Run(judging=False)
    run.until(b"left of baseline")
    run.resize(40)
    run.process.send_signal(signal.SIGWINCH)
    run.until(b"\x1b[J")
    run.interrupt()
    assert run.end() == 0
