"""Kept baselines: `.chaosllm/baselines/NAME/SCENARIO.json`, written, read and found again.

Laws:
1. A baseline holds figures and no records, so that it can be committed: some ten kilobytes a scenario, no key, no path.
2. What is damaged is refused with its file and the reason: nothing is held against half a baseline.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from chaosllm.adapters import run_folder
from chaosllm.errors import ChaosError, Exit
from chaosllm.snapshot import Snapshot
from chaosllm.spelling import cut

#: Below the current folder, which is the project's.
STORE = Path(".chaosllm") / "baselines"
#: A name is a folder's, on every system.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
#: Bytes of one file; a scenario of twenty phases takes 100 kB.
_MOST = 5_000_000


def checked(name: str) -> str:
    """The name; raises ChaosError for one that no folder could have."""
    if not _NAME.fullmatch(name):
        raise ChaosError(
            f"a baseline cannot be called {name!r}",
            hint="letters, digits, . _ and -, such as main",
            exit_code=Exit.USAGE,
        )
    return name


def names() -> list[str]:
    """The baselines that there are, in order."""
    return sorted(path.name for path in STORE.iterdir() if path.is_dir()) if STORE.is_dir() else []


def save(name: str, snapshots: Sequence[Snapshot], *, force: bool) -> list[Path]:
    """The files written; raises ChaosError for one that is there already, unless `force`, before any is written."""
    files = [STORE / checked(name) / f"{_file(one.scenario)}.json" for one in snapshots]
    if there := [path for path in files if path.exists() and not force]:
        raise ChaosError(f"{there[0]} exists already", hint="--force writes over it", exit_code=Exit.USAGE)
    if twice := [path for path in files if files.count(path) > 1]:
        raise ChaosError(
            f"two runs would be kept as {twice[0]}", hint="keep one run of each scenario", exit_code=Exit.USAGE
        )
    for path, one in zip(files, snapshots, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        run_folder.write_json(path, one.to_json())
    return files


def kept(name: str) -> list[Snapshot]:
    """All of a kept baseline, a snapshot for each scenario; raises ChaosError when there is none, or it is damaged."""
    folder = STORE / name
    if not _NAME.fullmatch(name) or not folder.is_dir():
        raise _missing(name)
    found = [_read(path) for path in sorted(folder.glob("*.json"))]
    if not found:
        raise ChaosError(f"{folder} holds no baseline", hint=f"chaosllm baseline save {name} RUN", exit_code=Exit.USAGE)
    return found


def load(text: str, scenario: str | None = None) -> Snapshot:
    """What a name, a run folder, a folder of run folders or a baseline's file stands for.

    `scenario` chooses where there are several. Raises ChaosError for what is none of these, or is damaged.
    """
    path = Path(text)
    if _NAME.fullmatch(text) and (STORE / text).is_dir():
        return _chosen(text, kept(text), scenario)
    if path.is_file() and path.suffix == ".json":
        return _read(path)
    found = folder(text, scenario)
    if found is None:
        raise _missing(text)
    return of_run(found)


def folder(text: str, scenario: str | None = None) -> Path | None:
    """The run folder that `load` would judge; None where it is a baseline, or nothing. Raises ChaosError as `load`."""
    path = Path(text)
    if (_NAME.fullmatch(text) and (STORE / text).is_dir()) or not path.is_dir():
        return None
    if (path / run_folder.META).exists():
        return path
    runs = sorted(one.parent for one in path.glob(f"*/{run_folder.META}"))
    if scenario is not None:
        runs = [one for one in runs if run_folder.meta(one).get("name") == scenario] or runs
    if len(runs) == 1:
        return runs[0]
    what = f"{text} holds {len(runs)} run folders that could be meant" if runs else f"{text} holds no run folder"
    raise ChaosError(what, hint="name one run folder", exit_code=Exit.USAGE)


def of_run(folder: Path) -> Snapshot:
    """The snapshot of a run folder, judged anew."""
    from chaosllm import verdict  # noqa: PLC0415  # late: brings NumPy

    return verdict.snapshot(run_folder.load(folder))


def _chosen(name: str, found: Sequence[Snapshot], scenario: str | None) -> Snapshot:
    fitting = [one for one in found if one.scenario == scenario]
    if fitting or len(found) == 1:
        return (fitting or found)[0]
    there = ", ".join(cut(one.scenario) for one in found)
    raise ChaosError(
        f"baseline {name} holds {there}" + (f", and not {scenario}" if scenario else ": say which"),
        hint=f"chaosllm baseline save {name} RUN adds one, or name the file {STORE / name}/SCENARIO.json",
        exit_code=Exit.USAGE,
    )


def _read(path: Path) -> Snapshot:
    try:
        if path.stat().st_size > _MOST:
            raise ValueError(f"it is longer than {_MOST // 1_000_000} MB")
        return Snapshot.from_json(json.loads(path.read_text(encoding="utf-8")))
    except json.JSONDecodeError:
        why = "it is no JSON"
    except (ValueError, OSError, RecursionError) as error:
        why = str(error)
    raise ChaosError(f"{path} cannot be read: {why}", hint="save the baseline again", exit_code=Exit.USAGE)


def _missing(text: str) -> ChaosError:
    near = difflib.get_close_matches(text, names(), n=1)
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "name a folder that `chaosllm run` made"
        if "/" in text  # a path, which no baseline is called
        else f"there are {', '.join(names()) or 'none yet: chaosllm baseline save NAME RUN'}"
    )
    return ChaosError(f"there is no baseline and no run folder {text}", hint=hint, exit_code=Exit.USAGE)


def _file(scenario: str) -> str:
    """A scenario's name as that of a file."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", scenario).lstrip(".") or "_"
