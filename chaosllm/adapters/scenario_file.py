"""Reads scenario files, and the files that they name, from disk for the reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

from chaosllm.errors import Blame, ChaosError, Exit, ScenarioError
from chaosllm.language.accept import warn_of_days
from chaosllm.language.suite import kind_of
from chaosllm.reader import Reading, drive_problems, read, readings

#: Bytes of a file that a scenario names; 10 MB of prompts are about 100 000.
_AT_MOST = 10_000_000


def loader(base: Path) -> Callable[[str], str]:
    """Loads files below `base`; raises OSError for one that is missing, too large, or outside by a symbolic link."""
    root = base.resolve()

    def load(name: str) -> str:
        path = (root / name).resolve()
        if not path.is_relative_to(root):
            raise OSError("it lies outside the scenario's folder")
        if path.stat().st_size > _AT_MOST:
            raise OSError(f"it is longer than {_AT_MOST // 1_000_000} MB")
        return path.read_text(encoding="utf-8")

    return load


def today() -> date:
    """The day that it is, where days of `accept` are held against it: in UTC, as a run says when it began."""
    return datetime.now(UTC).date()


def read_scenario(
    path: Path,
    sets: Sequence[str] = (),
    *,
    duration_scale: float = 1.0,
    starts: bool = True,
    environ: Mapping[str, str] | None = os.environ,
) -> Reading:
    """The reading of the one scenario that a file makes with these settings; for the rest as `read_scenarios`."""
    found = _text(path)
    reading = read(found, file=str(path), load=loader(path.parent), sets=sets, scale=duration_scale)
    if reading.scenario is None:
        refuse_others(path, found)
    return driving(reading, environ, starts=starts)


def read_scenarios(
    path: Path,
    sets: Sequence[str] = (),
    *,
    duration_scale: float = 1.0,
    starts: bool = True,
    environ: Mapping[str, str] | None = os.environ,
) -> list[Reading]:
    """The readings of all scenarios that a file makes, each of which is to drive load.

    `duration_scale` multiplies the times that say when something happens. `starts`: the scenario itself starts the app,
    so that what it takes from the environment for that must be there; with no `environ` nothing is looked for there.
    Raises ChaosError when there is no such file, ScenarioError with every problem when one cannot be run.
    """
    found = _text(path)
    made = readings(found, file=str(path), load=loader(path.parent), sets=sets, scale=duration_scale)
    if wrong := dict.fromkeys(one for reading in made if reading.scenario is None for one in reading.problems):
        refuse_others(path, found)
        raise ScenarioError(list(wrong))
    return [driving(reading, environ, starts=starts) for reading in made]


def _text(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ChaosError(
            f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
            hint="name a scenario file; `chaosllm list scenarios` shows ours",
            blame=Blame.SCENARIO,
            exit_code=Exit.USAGE,
        ) from error


def refuse_others(path: Path, text: bytes) -> None:
    """Raise ChaosError for a file that is a suite or a game-day plan, where a scenario is wanted."""
    kind = kind_of(text)
    if kind == "gameday":
        raise is_a_plan(path)
    if kind == "suite":
        hint = "name one of its scenarios; run and validate take suites"
        raise ChaosError(f"{path} is a suite", hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)


def is_a_plan(path: Path) -> ChaosError:
    """What is said of a game-day plan where a scenario or a suite is wanted."""
    hint = f"play it with: chaosllm gameday {path}; explain and validate take it too"
    return ChaosError(f"{path} is a game-day plan", hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)


def driving(reading: Reading, environ: Mapping[str, str] | None, *, starts: bool) -> Reading:
    """The reading, with what driving load needs beyond a valid scenario."""
    accept = reading.unwrap().accept
    reading = replace(reading, problems=[*reading.problems, *warn_of_days(accept, today())])
    missing = drive_problems(reading, environ, starts=starts)
    if missing:
        return Reading(None, [*reading.problems, *missing], reading.source)
    return reading
