"""What a run shows while it runs: a live view on a terminal, a plain line every 5 s elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self, TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from chaosllm.live.stopping import Reading
from chaosllm.live.view import LiveView, Queue
from chaosllm.renderers import _live
from chaosllm.scenario import Scenario

#: Seconds between two plain lines (DESIGN section 5).
EVERY = 5.0


class Progress:
    """A Watcher that writes on stderr; `quiet` writes nothing.

    `label` tells two runs at a time apart. `plain` writes lines on a terminal too. `queue` is the run's place among
    several. Between `__enter__` and `__exit__` the cursor may be hidden, and afterwards it is shown again.
    """

    def __init__(
        self,
        scenario: Scenario,
        *,
        quiet: bool = False,
        plain: bool = False,
        label: str = "",
        queue: Queue | None = None,
        file: TextIO | None = None,
    ) -> None:
        self._quiet = quiet
        self._label = f"{label}: " if label else ""
        self._queue = queue
        self._view = LiveView(scenario)
        self._console = Console(file=file or sys.stderr, highlight=False)
        # isatty too, because FORCE_COLOR has rich take a CI log for a terminal; two views cannot share a terminal,
        # so runs with a label write lines; a dumb terminal cannot move its cursor.
        movable = self._console.is_terminal and not self._console.is_dumb_terminal and self._console.file.isatty()
        self._moves = movable and not (quiet or plain or label)
        self._stage: Live | None = None  # while a stage takes its time
        self._live: Live | None = None  # while the load runs
        self._drawn: list[int] = []  # columns of each line of the newest frame
        self._last: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clear()

    def say(self, text: str) -> None:
        """A stage began."""
        if self._moves:
            self._clear()
            spinner = Spinner("line" if self._console.options.ascii_only else "dots", Text(f"{text} ..."))
            # stdout is left alone, because it may be a pipe that events go into (rich would draw them here); and so
            # not rich's Status, which takes it.
            self._stage = Live(
                spinner, console=self._console, refresh_per_second=12.5, transient=True, redirect_stdout=False
            )  # fmt: skip
            self._stage.start()
        elif not self._quiet:
            self._console.print(f"{self._label}{text}", markup=False)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        self.tell(f"note: {text}")

    def tell(self, text: str) -> None:
        """A line that stays."""
        if not self._quiet:
            # What is no terminal has no width to fold at, and whoever searches a log wants each line whole.
            self._console.print(f"{self._label}{text}", markup=False, soft_wrap=not self._console.is_terminal)

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed."""
        if self._quiet:
            return
        self._view.see(driver, proxy, outside)
        if self._moves:
            if self._live is None:
                self._clear()
                # Drawn when a message comes and never by a thread of rich's: the load needs the machine.
                self._live = Live(
                    get_renderable=self._frame, console=self._console, auto_refresh=False, transient=True,
                    redirect_stdout=False,
                )  # fmt: skip
                self._live.start()
            self.redraw()
        elif self._last is None or time.monotonic() - self._last >= EVERY:
            self._last = time.monotonic()
            self._console.print(self._label + _live.line(self._view), markup=False, soft_wrap=True)

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""
        self._view.scenario = scenario

    def redraw(self) -> None:
        """Draw the view as large as the terminal is now; nothing where there is none."""
        if self._live is None:
            return
        self._unfold()
        self._live.refresh()

    def close(self) -> None:
        """Take away what is drawn."""
        self._clear()

    def _frame(self) -> Group:
        size = self._console.size
        # A column is left free, because a line that fills its row wraps on some terminals; and a row for the prompt.
        lines = _live.frame(
            self._view, width=size.width - 1, height=size.height - 1, plain_signs=self._console.options.ascii_only,
            queue=self._queue,
        )  # fmt: skip
        self._drawn = [line.cell_len for line in lines]
        return Group(*lines)

    def _unfold(self) -> None:
        """Wipe away lines that a terminal which became narrower has folded, of which rich does not know.

        Terminals of today fold (tmux, VTE, kitty, Windows Terminal); on one that cuts lines off instead, such as
        xterm, this takes as many lines of what stood above.
        """
        width = max(1, self._console.size.width)
        folded = sum(max(1, -(-columns // width)) for columns in self._drawn)
        if folded > len(self._drawn):
            down = "\n" * (len(self._drawn) - 1)  # where rich believes its frame to end
            self._console.file.write(f"\r\x1b[{folded - 1}A\x1b[J{down}")

    def _clear(self) -> None:
        """Take away what is drawn, and show the cursor."""
        if self._stage is not None:
            self._stage.stop()
        if self._live is not None:
            self._unfold()
            self._live.stop()
        self._stage = self._live = None
        self._drawn = []
