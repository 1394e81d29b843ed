"""Finds the run folders below a folder, and removes those that may go.

Laws:
1. What is removed is a run folder, a sweep of run folders, a game day with all of its steps, or the page of a suite in
   whose folder no run is left, by its files: a readable meta.json of ours beside a scenario.yaml, a day.json, or a
   suite's summary.json, and nothing that no run writes. Anything else stays, and what looks like a run is told of.
2. No link is followed: neither into a folder, nor by removing what it leads to.
3. A run that is being written stays.
4. meta.json goes last, of a day day.json, so that what a broken-off removal leaves behind is known again.
"""

from __future__ import annotations

import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from chaosllm.adapters import run_folder
from chaosllm.adapters.gameday.record import DAY, FINDINGS, PLAN, STANDING_LOGS
from chaosllm.adapters.gameday_folder import HTML, MARKDOWN
from chaosllm.adapters.run_hold import held
from chaosllm.adapters.sweep_folder import SWEEP
from chaosllm.retention import Stored
from chaosllm.suite_outcome import KIND

#: Seconds after the last write for which a folder is taken for one in use, because a lock does not reach other
#: machines; a run writes every second, and its report takes some seconds more.
FRESH = 60.0
#: Levels below the folder that is cleaned: a suite's runs lie two below, a sweep's in a suite's folder three.
_DEEP = 4
#: The sample that is committed with chaosllm; a run folder of that name stays too.
_SAMPLE = "sample"
_LEVEL = re.compile(r"^level-\d+-")
#: The folder of a step: nothing that leads anywhere else.
_HOME = re.compile(r"^\d+-[^/\0]+$")
_SWEEP_FILES = re.compile(r"^\.?sweep\.(json|md|svg|png)(\.half)?$")
#: How the verdict of a suite's page begins, and all files that one has.
_SUITE = "page of "
_SUITE_FILES = {name for one in (run_folder.SUMMARY, run_folder.REPORT) for name in (one, f".{one}.half")}
#: All files that a game day has beside the folders of its steps.
_DAY_FILES = {
    name
    for one in (
        *(PLAN, DAY, FINDINGS, *STANDING_LOGS, HTML, MARKDOWN),
        *(run_folder.LOG, run_folder.SUMMARY, run_folder.REPORT),
    )
    for name in (one, f".{one}.half")
}
#: Of a meta.json: it is a few kilobytes, and a stranger's file may be anything.
_MOST = 50_000_000
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True, slots=True)
class Left:
    """A folder that looks like a run and is not touched, and why."""

    path: Path
    why: str


@dataclass(frozen=True, slots=True)
class Old:
    """A folder that may be removed: of one run, or a sweep or a day with its runs; times in seconds since 1970."""

    path: Path
    stored: Stored
    scenario: str
    verdict: str  # "" when there is none
    written: float  # last


@dataclass(slots=True)
class Found:
    """What lies below a folder."""

    runs: list[Old] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)


class NotOursError(Exception):
    """The folder is not to be touched; the text says why."""


def find(folder: Path, now: float) -> Found:
    """All run folders below `folder`, where there is one; `now` in seconds since 1970."""
    found = Found()
    if not folder.exists():
        return found
    _search(folder, found, now, _DEEP)
    return found


def remove(old: Old) -> None:
    """Remove one; raises NotOursError when it is no longer what it was, and OSError when the system refuses."""
    _examine(old.path, time.time())
    if old.verdict.startswith(_SUITE):
        _empty(old.path, last=run_folder.SUMMARY)
    elif _is_file(old.path / DAY):
        for home in sorted(_homes(_object(old.path / DAY))):
            if (old.path / home).is_dir():
                _empty(old.path / home, last=run_folder.META)
                (old.path / home).rmdir()
        _empty(old.path, last=DAY, ours=_DAY_FILES.__contains__)
    elif _is_file(old.path / SWEEP):
        for level in sorted(path for path in old.path.iterdir() if _LEVEL.match(path.name)):
            _empty(level, last=run_folder.META)
            level.rmdir()
        _empty(old.path, last=SWEEP)
    else:
        _empty(old.path, last=run_folder.META)
    old.path.rmdir()


# Finding -------------------------------------------------------------------------------------------------------


def _search(folder: Path, found: Found, now: float, deep: int) -> None:
    try:
        with os.scandir(folder) as entries:
            inside = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError as error:
        found.left.append(Left(folder, _refused(error)))
        return
    for name in inside:
        path = folder / name
        if name.startswith("."):  # the baselines are in .chaosllm
            continue
        try:
            looks = any(_is_file(path / one) for one in (run_folder.META, SWEEP, DAY))
        except OSError as error:
            found.left.append(Left(path, _refused(error)))
            continue
        if not looks and not _is_suite(path):
            if deep > 1:
                _search(path, found, now, deep - 1)
            continue
        try:
            found.runs.append(_examine(path, now))
        except NotOursError as why:
            found.left.append(Left(path, str(why)))
        except OSError as error:
            found.left.append(Left(path, _refused(error)))


def _examine(path: Path, now: float) -> Old:
    """What a folder is; raises NotOursError for one that is not to be touched, and OSError."""
    if not stat.S_ISDIR(path.lstat().st_mode):
        raise NotOursError("it is a link")
    if path.name == _SAMPLE:
        raise NotOursError("it is called sample")
    if _is_suite(path):
        return _suite(path, now)
    if _is_file(path / DAY):
        return _game_day(path, now)
    if not _is_file(path / SWEEP):
        return _run(path, now)
    levels, size, written = [], 0, 0.0
    for entry in _entries(path):
        if _LEVEL.match(entry.name) and stat.S_ISDIR(entry.mode):
            levels.append(_run(path / entry.name, now))
        elif not _SWEEP_FILES.match(entry.name) or not stat.S_ISREG(entry.mode):
            raise NotOursError(f"it holds {entry.name}, which no sweep writes")
        size, written = size + entry.size, max(written, entry.written)
    written = max([written, *(one.written for one in levels)])
    size += sum(one.stored.size for one in levels)
    _fresh(written, now)
    started = max([one.stored.started for one in levels], default=written)
    scenario = levels[-1].scenario if levels else ""
    return Old(path, Stored(str(path), started, size), scenario, f"sweep of {len(levels)}", written)


def _is_suite(path: Path) -> bool:
    """Whether there is a suite's page and nothing else: with a run beside it, that is looked at for itself."""
    try:
        inside = {entry.name: entry.mode for entry in _entries(path)}
        alone = inside.keys() <= _SUITE_FILES and all(stat.S_ISREG(mode) for mode in inside.values())
        return alone and run_folder.SUMMARY in inside and _object(path / run_folder.SUMMARY).get("kind") == KIND
    except (NotOursError, OSError):
        return False


def _suite(path: Path, now: float) -> Old:
    entries, summary = [*_entries(path)], _object(path / run_folder.SUMMARY)
    written = max(entry.written for entry in entries)
    _fresh(written, now)
    rows = summary.get("runs")
    verdict = f"{_SUITE}{len(rows) if isinstance(rows, list) else 0}"
    stored = Stored(str(path), _started(summary, written), sum(entry.size for entry in entries))
    return Old(path, stored, str(summary.get("suite", "")), verdict, written)


def _game_day(path: Path, now: float) -> Old:
    day = _object(path / DAY)
    if not {"schema", "gameday", "started", "steps"} <= day.keys():
        raise NotOursError(f"its {DAY} is that of no game day")
    homes, size, written = _homes(day), 0, 0.0
    for entry in _entries(path):
        if entry.name in homes and stat.S_ISDIR(entry.mode):
            one_size, one_written = _step(path / entry.name, now)
            size, written = size + one_size, max(written, one_written)
        elif entry.name not in _DAY_FILES or not stat.S_ISREG(entry.mode):
            raise NotOursError(f"it holds {entry.name}, which no game day writes")
        size, written = size + entry.size, max(written, entry.written)
    _fresh(written, now)
    _unheld(path)
    steps = day["steps"]
    verdict = f"day of {len(steps) if isinstance(steps, list) else 0}"
    return Old(path, Stored(str(path), _started(day, written), size), str(day["gameday"]), verdict, written)


def _homes(day: Mapping[str, Any]) -> set[str]:
    """The folders of a day's steps, by its day.json, which may be anybody's."""
    steps = day.get("steps")
    named = [one.get("folder") for one in steps if isinstance(one, Mapping)] if isinstance(steps, list) else []
    return {one for one in named if isinstance(one, str) and _HOME.match(one)}


def _step(path: Path, now: float) -> tuple[int, float]:
    """(bytes, when it was last written) of a step's folder; of one that never came to run it has no meta.json."""
    try:
        if not _is_file(path / run_folder.META):
            return _measured(path)
        old = _run(path, now)
    except NotOursError as why:
        raise NotOursError(f"of its step {path.name}: {why}") from None
    return old.stored.size, old.written


def _run(path: Path, now: float) -> Old:
    size, written = _measured(path)
    meta = _object(path / run_folder.META)
    if not _is_file(path / run_folder.SCENARIO) or not {"schema", "version", "name", "started"} <= meta.keys():
        raise NotOursError("its files are not those of a run")
    _fresh(written, now)
    _unheld(path)
    summary = _object(path / run_folder.SUMMARY) if _is_file(path / run_folder.SUMMARY) else {}
    verdict = str(summary.get("verdict", "")) or str(meta.get("stopped") or "")
    return Old(path, Stored(str(path), _started(meta, written), size), str(meta["name"]), verdict, written)


def _measured(path: Path) -> tuple[int, float]:
    """(bytes, when it was last written) of a folder that holds what a run writes and nothing else."""
    size, written = 0, 0.0
    for entry in _entries(path):
        if not run_folder.is_ours(entry.name):
            raise NotOursError(f"it holds {entry.name}, which no run writes")
        if stat.S_ISDIR(entry.mode):
            if entry.name not in run_folder.INNER:
                raise NotOursError(f"its {entry.name} is a folder")
            for one in _entries(path / entry.name):
                if stat.S_ISDIR(one.mode) or not _inside(entry.name, one.name):
                    raise NotOursError(f"its {entry.name} holds {one.name}, which no run writes")
                size, written = size + one.size, max(written, one.written)
        size, written = size + entry.size, max(written, entry.written)
    return size, written


def _unheld(path: Path) -> None:
    """Raise NotOursError when somebody writes into the folder."""
    handle = os.open(path, _OPEN)
    try:
        if held(handle):
            raise NotOursError("it is being written")
    finally:
        os.close(handle)


def _fresh(written: float, now: float) -> None:
    if now - written < FRESH:
        raise NotOursError(f"it was written less than {FRESH:g} s ago")


def _started(meta: Mapping[str, Any], written: float) -> float:
    """When the run began; when it was last written, where its meta.json says nothing that can be so."""
    try:
        started = datetime.fromisoformat(str(meta["started"])).timestamp()
    except (ValueError, OverflowError, OSError):
        return written
    return min(started, written)


def _object(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file that is none of somebody else's links; raises NotOursError and OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        text = file.read(_MOST + 1)
    try:
        value = json.loads(text) if len(text) <= _MOST else None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise NotOursError(f"its {path.name} cannot be read")
    return value


# Files ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Entry:
    """One name in a folder: the thing itself, be it a link."""

    name: str
    mode: int
    size: int
    written: float


def _entries(folder: Path) -> Iterator[_Entry]:
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            size = 0 if stat.S_ISDIR(found.st_mode) else found.st_size  # of a folder it is the file system's affair
            yield _Entry(entry.name, found.st_mode, size, found.st_mtime)


def _is_file(path: Path) -> bool:
    """Whether a file stands there, and no link; raises OSError where nobody may look."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _written(name: str) -> bool:
    """Whether a run or a sweep writes a file of this name."""
    return run_folder.is_ours(name) or bool(_SWEEP_FILES.match(name))


def _empty(folder: Path, *, last: str, ours: Callable[[str], bool] = _written) -> None:
    """Remove what runs write from a folder, `last` after all others; through the open folder, past any link."""
    handle = os.open(folder, _OPEN)
    try:
        for name in sorted(_names(handle), key=lambda name: (name == last, name)):
            if name in run_folder.INNER and stat.S_ISDIR(os.stat(name, dir_fd=handle, follow_symlinks=False).st_mode):
                inner = os.open(name, _OPEN, dir_fd=handle)
                try:
                    for one in _names(inner):
                        if _inside(name, one):
                            os.unlink(one, dir_fd=inner)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=handle)
            elif ours(name):
                os.unlink(name, dir_fd=handle)
    finally:
        os.close(handle)


def _names(handle: int) -> list[str]:
    with os.scandir(handle) as entries:
        return [entry.name for entry in entries]


def _inside(folder: str, name: str) -> bool:
    """Whether a run writes a file of this name into that folder of its own."""
    return folder != run_folder.PLOTS or name.endswith((".svg", ".png"))


def _refused(error: OSError) -> str:
    return f"cannot be looked into: {(error.strerror or str(error)).lower()}"
