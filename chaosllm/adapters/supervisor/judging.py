"""From the records in a run folder to its verdict, and to everything that people read of it."""

from __future__ import annotations

import contextlib
import errno
import threading
import traceback
from pathlib import Path

from chaosllm.adapters import run_folder
from chaosllm.adapters.one_thread import load_numpy
from chaosllm.errors import ChaosError
from chaosllm.renderers import Material

#: matplotlib's settings belong to the process, and the demo judges two runs from two threads.
_DRAWING = threading.Lock()


def prepare() -> None:
    """Load what `judge` needs, which takes longer than to judge: called while the processes of a run end.

    What cannot be loaded is told by `judge`.
    """
    with contextlib.suppress(Exception):
        load_numpy()
        from chaosllm import verdict  # noqa: F401, PLC0415  # late, as below
        from chaosllm.adapters import charts, rendering  # noqa: F401, PLC0415  # as above


def judge(folder: Path) -> Material:
    """Judge the records in a folder and write summary, report and plots; what renderers were given."""
    # Late, because together they bring NumPy and matplotlib, which no start of a run should wait for.
    load_numpy()
    from chaosllm import verdict  # noqa: PLC0415  # as above
    from chaosllm.adapters.rendering import render  # noqa: PLC0415  # as above

    run = run_folder.load(folder)
    summary = verdict.judge(run)
    run_folder.write_json(folder / run_folder.SUMMARY, summary)  # first, so that a chart that fails cannot cost it
    with _DRAWING:
        return render(folder, run, summary)


def our_bug(caught: Exception, folder: Path) -> ChaosError:
    """A mistake of ours as an error; its traceback (code lines only, no values) is kept in the run folder.

    A full disk is no mistake of ours, and would not take the traceback either.
    """
    if isinstance(caught, OSError) and caught.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"make room (chaosllm clean removes old runs), then report what was recorded: chaosllm report {folder}"
        return ChaosError(f"no space is left for {folder}", hint=hint)
    run_folder.write(folder / "crash.log", "".join(traceback.format_exception(caught)))
    return ChaosError(
        f"this is a bug in chaosllm, not in your app: {type(caught).__name__}: {caught}",
        hint=f"read the traceback in {folder / 'crash.log'}",
    )
