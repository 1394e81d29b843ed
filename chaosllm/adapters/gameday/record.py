"""The folder of a game day: plan.yaml, day.json, and beside them a run folder for each step.

Law: day.json is written whole at each change, so that a kill loses at most what happens in that moment.
"""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chaosllm.adapters import run_folder
from chaosllm.adapters.run_hold import Hold
from chaosllm.errors import ChaosError, Exit
from chaosllm.gameday import GameDay, Step

PLAN, DAY = "plan.yaml", "day.json"
#: What the process that looks for findings had to say; a day on which it said nothing has none.
FINDINGS = "findings.log"
#: What the processes that stand there between steps had to say; gone at the end of a day on which they said nothing.
STANDING_LOGS = ("standing-proxy.log", "standing-simulator.log")


class DayRecord:
    """What day.json holds; `folder` is made, and must be new or empty. Raises ChaosError when it is not."""

    def __init__(self, day: GameDay, out: Path | None) -> None:
        self.folder = _create(day.name, out)
        self.data: dict[str, Any] = day.to_json() | {
            "started": datetime.now(UTC).isoformat(timespec="seconds"), "ended": None, "stopped": None, "exit": None,
            "pages": [],
        }  # fmt: skip
        blank: dict[str, Any] = {
            "status": "waiting", "approved": None, "began": None, "ended": None, "folder": None, "verdict": None,
            "exit": None, "as_expected": None, "differences": [], "reasons": [], "rollback": [],
        }  # fmt: skip
        self.data["steps"] = [row | blank for row in self.data["steps"]]
        self._hold = Hold(self.folder)  # also while a step waits for hours, and nothing is written
        run_folder.write(self.folder / PLAN, day.source)
        self.write()

    def step(self, step: Step) -> dict[str, Any]:
        """The row of a step, to be changed in place."""
        found: dict[str, Any] = self.data["steps"][step.number - 1]
        return found

    def home(self, step: Step) -> Path:
        """Where the run of a step lies."""
        return self.folder / f"{step.number}-{step.name}"

    def end(self, code: Exit) -> None:
        """The day is over."""
        self.data["ended"] = datetime.now(UTC).isoformat(timespec="seconds")
        self.data["exit"] = int(code)
        self.write()

    def discard(self) -> None:
        """Take the folder away again: no day began in it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self) -> None:
        """Write day.json as it now is."""
        run_folder.write_json(self.folder / DAY, self.data)


def now() -> float:
    """UNIX seconds, as day.json holds them."""
    return round(time.time(), 3)


def _create(name: str, out: Path | None) -> Path:
    if out is None:
        return run_folder.create(name, None, datetime.now().astimezone())
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ChaosError(
            f"--out {out} is {'not empty' if out.is_dir() else 'a file'}", hint="name a new folder",
            exit_code=Exit.USAGE,
        )  # fmt: skip
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    out.chmod(0o700)
    return out
