"""Signals while sessions run: the first Ctrl-C or SIGTERM stops them gently, the next at once; a resize redraws."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from chaosllm.errors import Exit


class Interruptible(Protocol):
    """What a signal ends: a run, or a proxy on its own."""

    @property
    def judging(self) -> bool:
        """Leaving now loses only the report."""
        ...

    def interrupt(self) -> None:
        """End, and keep what there is; a second time without patience."""


@contextlib.contextmanager
def interrupting(
    sessions: Sequence[Interruptible],
    *,
    also: Callable[[], None] = lambda: None,
    judging: Callable[[], bool] = lambda: True,
    quiet: bool = False,
) -> Iterator[None]:
    """Interrupt these sessions on a signal, and call `also`; needs a running loop.

    `judging`: whether nothing else runs any more but the drawing of a report. `quiet`: nothing is said of it.
    """
    loop = asyncio.get_running_loop()
    count = 0

    def on_signal() -> None:
        nonlocal count
        count += 1
        if count > 1 and all(session.judging for session in sessions) and judging():
            _show_cursor()
            os._exit(Exit.INTERRUPTED)  # nothing runs any more but the drawing of a report
        if not quiet:
            sys.stderr.write("\nstopping; once more to stop at once\n" if count == 1 else "\nstopping at once\n")
        for session in sessions:
            session.interrupt()
        also()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def resizing(redraw: Callable[[], None]) -> Iterator[None]:
    """Call `redraw` when the terminal's size changes; needs a running loop."""
    loop, number = asyncio.get_running_loop(), getattr(signal, "SIGWINCH", None)  # Windows has none
    if number is None:
        yield
        return
    loop.add_signal_handler(number, redraw)
    try:
        yield
    finally:
        loop.remove_signal_handler(number)


def _show_cursor() -> None:
    """Undo the one thing that a view leaves behind when its process ends at once (DECTCEM, VT220)."""
    if os.isatty(2):
        os.write(2, b"\x1b[?25h\n")
