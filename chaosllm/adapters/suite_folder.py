"""The folder of a suite's report: report.html and summary.json, beside its runs or with links to where they lie.

Laws:
1. A run is judged again by its own records; the suite's summary.json says only which runs were wanted.
2. A run that cannot be read is told of, and never passes.
3. Only a suite's files are written over: a run folder is none, and neither is a stranger's page.
4. summary.json is there before the first run and says what is wanted, because a kill leaves no time to say it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosllm.adapters import run_folder
from chaosllm.adapters.run_hold import held
from chaosllm.errors import ChaosError, Exit
from chaosllm.renderers import Chart
from chaosllm.suite_outcome import KILLED, KIND, SCHEMA, Ran, outcome

if TYPE_CHECKING:
    from chaosllm.join import Run

    #: Told of each run that could be judged: its folder, the run, its summary.
    type Each = Callable[[Path, Run, dict[str, Any]], None]

#: What the report of runs that no suite names is called.
UNNAMED = "runs"
#: Of a run that is under way.
_AT_IT = "it is still running"
#: Of a suite's summary.json; it holds about 2 kB for each run.
_MOST = 50_000_000


def home(name: str, out: Path | None, now: datetime) -> Path:
    """The folder for a suite's report: `out`, or a new reports/NAME-TIME; raises ChaosError as `refuse` does."""
    if out is None:
        return run_folder.create(name, None, now)
    refuse(out)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    return out


def refuse(out: Path) -> None:
    """Raise ChaosError when a suite's report cannot lie in `out`, before anything is run for it."""
    what = ""
    if out.exists() and not out.is_dir():
        what = "is a file"
    elif (out / run_folder.META).exists():
        what = "is the folder of a single run"
    elif not is_suite(out):
        taken = [name for name in (run_folder.REPORT, run_folder.SUMMARY) if (out / name).exists()]
        what = f"holds a {taken[0]} that is no suite's" if taken else ""
    if what:
        raise ChaosError(
            f"--out {out} {what}", hint="name a new folder, which will hold one for each run", exit_code=Exit.USAGE
        )


def stored(folder: Path) -> Mapping[str, Any]:
    """The suite's summary.json in a folder; empty when there is none that can be read."""
    try:
        with (folder / run_folder.SUMMARY).open("rb") as file:
            text = file.read(_MOST + 1)
        found = json.loads(text) if len(text) <= _MOST else None
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or found.get("kind") != KIND:
        return {}
    if not (isinstance(found.get("schema"), int) and found["schema"] <= SCHEMA):
        raise ChaosError(
            f"{folder} has a suite's {run_folder.SUMMARY} of schema {str(found.get('schema'))[:40]}, "
            f"this chaosllm reads up to {SCHEMA}",
            hint="render it with the version that made it",
            exit_code=Exit.USAGE,
        )
    return found


def is_suite(folder: Path) -> bool:
    """Whether a folder holds a suite's report."""
    return not (folder / run_folder.META).exists() and bool(stored(folder))


def holds_runs(folder: Path) -> bool:
    """Whether a folder is a suite's, or no run's but full of run folders."""
    return not (folder / run_folder.META).exists() and (bool(stored(folder)) or bool(_inside(folder)))


def _inside(folder: Path) -> list[Path]:
    """The run folders in a folder; one that was killed before its meta.json was written has a scenario alone."""
    try:
        found = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        if not any((one / run_folder.META).is_file() for one in found):
            return []
        return [one for one in found if any((one / name).is_file() for name in (run_folder.META, run_folder.SCENARIO))]
    except OSError:
        return []


# Runs ------------------------------------------------------------------------------------------------------------


def ran(
    name: str,
    folder: Path | None,
    of: Path,
    *,
    judged: tuple[Mapping[str, Any], Mapping[str, Any]] | None = None,
    error: str = "",
    damaged: str = "",
    stopped: str = "",
) -> Ran:
    """A run as its suite knows it; `judged` is its (summary, meta), `of` the suite's folder.

    `stopped` is what ended it early, where its meta.json does not say it.
    """
    if folder is None:
        return Ran(name, error=error)
    where = Path(os.path.relpath(folder, of)).as_posix()
    summary = run_folder.finite(judged[0]) if judged else None
    meta: Mapping[str, Any] = judged[1] if judged else {}
    if not judged and not stopped:
        try:
            meta = run_folder.meta(folder)
        except ChaosError as wrong:
            damaged = damaged or _without(folder, wrong.what)
    lacks = [str(one) for one in meta.get("missing") or ()]
    return Ran(
        name,
        where,
        summary,
        error,
        damaged or (f"no {', no '.join(lacks)}" if lacks else ""),
        started=str(meta.get("started") or ""),
        stopped=str(meta.get("stopped") or stopped),
        app=str(meta.get("app") or ""),
        report=(folder / run_folder.REPORT).is_file(),
    )


def again(folder: Path, each: Each | None = None) -> tuple[str, list[Ran]]:
    """(the suite's name, its runs) judged once more from their folders; raises ChaosError when it holds none."""
    kept = stored(folder)
    listed = kept.get("runs")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    if not kept:
        rows = [{"name": path.name, "folder": path.name, "state": "unfinished"} for path in _inside(folder)]
    if not rows:
        raise ChaosError(f"{folder} holds no run", hint="name a folder that `chaosllm run` made", exit_code=Exit.USAGE)
    found = [_again(folder, row, each) for row in rows]
    if not kept:
        found.sort(key=lambda one: (one.started, one.name))
    return str(kept.get("suite") or UNNAMED), found


def _again(of: Path, row: Mapping[str, Any], each: Each | None) -> Ran:
    from chaosllm import verdict  # noqa: PLC0415  # late: brings NumPy

    name, error, where = (str(row.get(key) or "") for key in ("name", "error", "folder"))
    if not where:
        return Ran(name, error=error)
    folder = of / where
    busy = in_use(folder)
    try:
        if row.get("state") == "unfinished" and not (folder / run_folder.META).is_file():
            said = _AT_IT if busy else "it was killed before it had begun its records"
            return ran(name, folder, of, error=said, stopped=KILLED)
        meta = run_folder.meta(folder)
        if "clock" not in meta and meta.get("stopped") == "crash":  # it never came to its load
            failures = [str(one) for one in meta.get("failures") or ()]
            return ran(name, folder, of, error=error or (failures or ["it could not be run"])[0])
        run = run_folder.load(folder)
        summary = verdict.judge(run)
        if each is not None and not busy:
            each(folder, run, summary)
        if busy and run.stopped == KILLED:  # a run that has ended is in use until its report is drawn
            error = error or _AT_IT
        return ran(name, folder, of, judged=(summary, run.meta), error=error, stopped=run.stopped or "")
    except ChaosError as wrong:
        return ran(name, folder, of, error=error, damaged=_without(folder, wrong.what))
    except OSError as wrong:
        return ran(name, folder, of, error=error, damaged=f"cannot be read: {(wrong.strerror or str(wrong)).lower()}")


def in_use(folder: Path) -> bool:
    """Whether a run writes into the folder at this moment."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return held(handle)
    finally:
        os.close(handle)


def beside(folder: Path, of: Path) -> bool:
    """Whether a run's folder lies where a suite's runs do: in the suite's folder, or next to it.

    Because summary.json may be somebody else's, and must not make us write just anywhere.
    """
    parent = folder.resolve().parent
    return parent in (of.resolve(), of.resolve().parent)


def _without(folder: Path, what: str) -> str:
    """The sentence without the path, which depends on where one stands when one asks."""
    return what.replace(f"{folder}/", "").replace(f"{folder} ", "it ").splitlines()[0]


# The page --------------------------------------------------------------------------------------------------------


def heat(runs: Sequence[Ran]) -> Chart:
    """The grid of findings by run."""
    from chaosllm.adapters.charts import heat_map  # noqa: PLC0415  # late, because matplotlib takes 300 ms to load
    from chaosllm.adapters.charts.drawing import chart  # noqa: PLC0415  # as above
    from chaosllm.adapters.charts.style import styled  # noqa: PLC0415  # as above
    from chaosllm.series.heat import row_of  # noqa: PLC0415  # as above

    rows = [row_of(one.name, one.summary) for one in runs if one.summary is not None]
    with styled():
        return chart("heat", heat_map.draw(rows), files=False)[0]


def render(summary: Mapping[str, Any], runs: Sequence[Ran]) -> str:
    """The page of a suite's summary.json."""
    from chaosllm.renderers._suite import page  # noqa: PLC0415  # late, as above

    return page(summary, heat(runs))


def note(folder: Path, name: str, runs: Sequence[Ran]) -> None:
    """Write what is known so far, without a page: it stands there should the suite be killed."""
    run_folder.write_json(folder / run_folder.SUMMARY, outcome(name, runs))


def write(folder: Path, name: str, runs: Sequence[Ran]) -> dict[str, Any]:
    """Write both files, over those of before; the summary."""
    summary = outcome(name, runs)
    text = render(summary, runs)
    run_folder.write_json(folder / run_folder.SUMMARY, summary)  # first, because the page can be made from it
    run_folder.write(folder / run_folder.REPORT, text)
    return summary
