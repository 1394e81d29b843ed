"""The folder of a game day read back, and its post-mortem and the page of its steps written into it.

Laws:
1. Reading forgives what a kill or a stranger leaves behind, and says what is missing; it writes nothing.
2. A step's folder lies in the day's: a name in day.json cannot lead elsewhere.
3. What is written depends on the records alone: the same bytes when it is written again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chaosllm.adapters import run_folder, run_lines
from chaosllm.errors import ChaosError, Exit

if TYPE_CHECKING:
    from chaosllm.post_mortem import PostMortem
    from chaosllm.suite_outcome import Ran

DAY = "day.json"
MARKDOWN, HTML = "post-mortem.md", "post-mortem.html"
#: Bytes of a day.json or a summary.json that are read: a thousand times what they hold.
_MOST = 50_000_000


def is_gameday(folder: Path) -> bool:
    """Whether a folder is a game day's, be its day.json readable or not."""
    return (folder / DAY).is_file() and not (folder / run_folder.META).exists()


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[int, dict[str, Any] | None]]:
    """(day.json, the events of the day and its steps, each step's summary), for `post_mortem`.

    What could not be read is listed under `damaged` of the day. A step that left records and no summary is judged
    from them. Raises ChaosError for a folder that is no game day's.
    """
    if not is_gameday(folder):
        raise ChaosError(
            f"{folder} is no game day's folder: it has no {DAY}",
            hint="name a folder that `chaosllm gameday` made",
            exit_code=Exit.USAGE,
        )
    day, damaged = _day(folder)
    events = [*run_folder.log(folder)]
    if not (folder / run_folder.LOG).is_file():
        damaged.append(f"there is no {run_folder.LOG}: who did what is known of the steps alone")
    summaries: dict[int, dict[str, Any] | None] = {}
    for step in day["steps"]:
        number = step["number"]
        home = _home(folder, step)
        step["folder"] = home.name if home is not None else None
        summaries[number] = None
        if home is None:
            continue
        if not home.is_dir():
            damaged.append(f"the folder {home.name} of step {number} is gone")
            step["folder"] = None
            continue
        events += [one | {"in_step": number} for one in run_folder.log(home)]
        summaries[number], wrong = _summary(home)
        damaged += [f"step {number}: {wrong}"] if wrong else []
    return day | {"damaged": damaged}, events, summaries


def told(folder: Path) -> PostMortem:
    """The post-mortem of a game day's folder; raises ChaosError as `read` does."""
    from chaosllm.post_mortem import post_mortem  # noqa: PLC0415  # late, so that --help stays quick

    return post_mortem(*read(folder))


def page(folder: Path) -> str:
    """Its page; raises ChaosError as `read` does."""
    return _page(folder, told(folder))


def write_post_mortem(folder: Path) -> None:
    """Write post-mortem.md and .html, and report.html over all steps; raises ChaosError or OSError."""
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above
    from chaosllm.post_mortem import post_mortem  # noqa: PLC0415  # as above
    from chaosllm.renderers import _post_mortem_text as text  # noqa: PLC0415  # as above

    day, events, summaries = read(folder)
    found = post_mortem(day, events, summaries)
    run_folder.write(folder / MARKDOWN, text.markdown(found))
    run_folder.write(folder / HTML, _page(folder, found))
    suite_folder.write(folder, str(day.get("gameday") or folder.name), runs(folder, day, summaries))


def judge_again(folder: Path) -> Iterator[str]:
    """Judge and render each step that left records, as `report` on its folder does; each before it is done."""
    from chaosllm import verdict  # noqa: PLC0415  # late: brings NumPy
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above
    from chaosllm.adapters.rendering import render  # noqa: PLC0415  # as above

    day, _ = _day(folder)
    for step in day["steps"]:
        home = _home(folder, step)
        if home is None or not home.is_dir() or suite_folder.in_use(home):
            continue
        yield home.name
        with contextlib.suppress(ChaosError, OSError):  # what it lacks stands in the post-mortem
            run = run_folder.load(home)
            render(home, run, verdict.judge(run))


def runs(folder: Path, day: Mapping[str, Any], summaries: Mapping[int, Mapping[str, Any] | None]) -> list[Ran]:
    """The steps as the page of a suite knows them."""
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above
    from chaosllm.post_mortem import sound  # noqa: PLC0415  # as above

    found = []
    for step in day["steps"]:
        home = folder / step["folder"] if step.get("folder") else None
        summary = summaries.get(step["number"])
        error = step.get("error")
        why = str(error.get("what") or "") if isinstance(error, Mapping) else ""
        judged = None
        if home is not None and summary is not None and sound(summary):
            meta: Mapping[str, Any] = {}
            with contextlib.suppress(ChaosError):
                meta = run_folder.meta(home)
            judged = (summary, meta)
        stopped = "killed" if step.get("status") == "running" else ""
        found.append(suite_folder.ran(str(step.get("name")), home, folder, judged=judged, error=why, stopped=stopped))
    return found


def _page(folder: Path, found: PostMortem) -> str:
    from chaosllm.renderers import _post_mortem  # noqa: PLC0415  # late, as above

    named = [step.folder for step in found.steps if step.folder]
    return _post_mortem.page(found, {name for name in named if (folder / name / run_folder.REPORT).is_file()})


def _day(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """(day.json with steps that each have a number of their own, what is wrong with it)."""
    found, damaged = _object(folder / DAY), list[str]()
    if found is None:
        damaged.append(f"{DAY} cannot be read: steps are told by their folders alone")
        found = {"gameday": folder.name, "steps": [*_guessed(folder)]}
    steps: dict[int, dict[str, Any]] = {}
    listed = found.get("steps")
    for one in listed if isinstance(listed, list) else ():
        number = one.get("number") if isinstance(one, dict) else None
        if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10_000 and number not in steps:
            steps[number] = one
        else:
            damaged.append(f"{DAY} tells of a step that is none")
    return found | {"steps": [*steps.values()]}, damaged


def _guessed(folder: Path) -> Iterator[dict[str, Any]]:
    """Steps by the folders that there are: "2-storm"."""
    with contextlib.suppress(OSError):
        for path in sorted(folder.iterdir()):
            number, _, name = path.name.partition("-")
            if number.isascii() and number.isdigit() and len(number) < 5 and int(number) and path.is_dir():
                yield {"number": int(number), "name": name, "folder": path.name, "status": "done"}


def _home(folder: Path, step: Mapping[str, Any]) -> Path | None:
    """A step's folder, in the day's own; None where it has none."""
    name = step.get("folder")
    if not isinstance(name, str) or not name or name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        return None
    path = folder / name
    with contextlib.suppress(OSError):
        return None if path.is_symlink() else path
    return None


def _summary(home: Path) -> tuple[dict[str, Any] | None, str]:
    """(a step's summary, or what is wrong with its folder)."""
    if (kept := _object(home / run_folder.SUMMARY)) is not None:
        return kept, ""
    from chaosllm import verdict  # noqa: PLC0415  # late: brings NumPy

    try:
        judged = run_folder.finite(verdict.judge(run_folder.load(home)))
    except (ChaosError, OSError) as error:
        what = error.what if isinstance(error, ChaosError) else (error.strerror or str(error)).lower()
        return None, f"it left nothing that can be judged ({what.replace(f'{home}', home.name)})"
    return judged, f"it left no {run_folder.SUMMARY} that can be read, and was judged again by its records"


def _object(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is none."""
    try:
        with path.open("rb") as file:
            data = file.read(_MOST + 1)
        found = run_lines.value(data) if len(data) <= _MOST else None
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
