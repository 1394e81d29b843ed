"""The folder of a sweep: a run folder for each level, sweep.json, sweep.md and the picture."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from chaosllm.adapters import run_folder
from chaosllm.errors import ChaosError, Exit
from chaosllm.levels import Range
from chaosllm.scenario import Objective
from chaosllm.sweep_outcome import SCHEMA, Level, levels_of

SWEEP, TEXT = "sweep.json", "sweep.md"


def fingerprint(text: str, span: Range, objective: Objective, app: str) -> str:
    """What tells two sweeps apart: levels of one are no data of another."""
    return hashlib.sha256("\n".join((text, span.path, objective.text, app)).encode()).hexdigest()[:16]


def create(name: str, out: Path | None, now: datetime) -> Path:
    """A new folder, or `out`; raises ChaosError when it is a file or holds what is no sweep."""
    if out is None:
        return run_folder.create(f"sweep-{name}", None, now)
    what = ""
    if out.exists():
        inside = [path.name for path in out.iterdir()] if out.is_dir() else []
        if not out.is_dir():
            what = "is a file"
        elif inside and SWEEP not in inside and not all(name.startswith("level-") for name in inside):
            what = f"is not empty and not an earlier sweep (it holds {min(inside)})"
    if what:
        raise ChaosError(f"--out {out} {what}", hint="name a new folder", exit_code=Exit.USAGE)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    return out


def earlier(folder: Path, span: Range, print_: str) -> tuple[Level, ...]:
    """The levels that an earlier sweep of the same thing left here; raises ChaosError for one of another."""
    path = folder / SWEEP
    if not path.exists():
        return ()
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        what = "" if stored["fingerprint"] == print_ and stored["schema"] == SCHEMA else "holds another sweep"
        found = () if what else levels_of(stored, span)
    except (ValueError, KeyError, TypeError):
        what, found = f"has a {SWEEP} that cannot be read", ()
    if what:
        raise ChaosError(
            f"--out {folder} {what}",
            hint="name a new folder; only a sweep of the same scenario, path and objective is taken up again",
            exit_code=Exit.USAGE,
        )
    return tuple(level for level in found if (folder / level.folder / run_folder.SUMMARY).exists())


def level_folder(folder: Path, text: str, seed: int) -> Path:
    """Where the run of a level goes: no folder that an earlier run of this sweep has taken."""
    name = text.replace("%", "pct").replace("/", "-per-").replace(" ", "-")
    number = 1 + sum(path.name.startswith("level-") for path in folder.iterdir())
    return folder / f"level-{number:02d}-{name}-seed-{seed}"


def spoiled(folder: Path, objective: Objective) -> str:
    """Which failed check of validity spoils the objective in a run; "" when none does."""
    from chaosllm.validity import check, spoiled_by  # noqa: PLC0415  # late: brings NumPy

    return spoiled_by(check(run_folder.load(folder)))(objective) or ""


def write(folder: Path, made: Mapping[str, Any]) -> None:
    """sweep.json, after each level, so that a kill loses none."""
    run_folder.write_json(folder / SWEEP, made)


def finish(folder: Path, made: Mapping[str, Any], span: Range) -> None:
    """Everything that people look at."""
    from chaosllm.adapters.charts.sweep import draw  # noqa: PLC0415  # late, because matplotlib takes 300 ms to load
    from chaosllm.renderers._sweep import markdown  # noqa: PLC0415  # late, with rich

    write(folder, made)
    run_folder.write(folder / TEXT, markdown(made))
    for name, content in draw(made, span).items():
        handle = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
