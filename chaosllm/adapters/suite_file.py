"""Finds what a command is to read: scenarios by path, in folders, and in suites, each with what is changed for it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaosllm.adapters.scenario_file import is_a_plan, read_scenarios, today
from chaosllm.errors import Blame, ChaosError, Exit, Problem, ScenarioError, Where
from chaosllm.language.accept import warn_of_days
from chaosllm.language.overrides import FILE
from chaosllm.language.suite import Entry, Kind, SuiteReading, kind_of, read_suite
from chaosllm.reader import Reading
from chaosllm.scenario import Acceptance, Scenario

SUFFIXES = (".yaml", ".yml")
#: Bytes read to tell what a file is; a scenario has under 10 000, and past 4 MB it is refused by its length.
_AT_MOST = 4_000_001


@dataclass(frozen=True, slots=True)
class Chosen:
    """A scenario to read: its path, and the entry of the suite that named it."""

    path: Path
    entry: Entry | None = None
    suite: str = ""
    accept: tuple[Acceptance, ...] = ()
    warnings: tuple[Problem, ...] = ()  # of the suite, told with its first scenario

    def readings(
        self,
        sets: Sequence[str] = (),
        *,
        duration_scale: float = 1.0,
        starts: bool = True,
        environ: Mapping[str, str] | None = os.environ,
    ) -> list[Reading]:
        """One for each scenario that the file makes, with the suite's changes first.

        Raises as read_scenarios does, but with the suite's places.
        """
        own = self.entry.sets if self.entry else ()
        scale = duration_scale * (self.entry.duration_scale if self.entry else 1.0)
        try:
            made = read_scenarios(self.path, [*own, *sets], duration_scale=scale, starts=starts, environ=environ)
            if made[0].scenario is not None and (known := self._accepted(made[0].scenario)):
                more = [*own, *sets, f"accept={json.dumps(known, ensure_ascii=False)}"]
                again = read_scenarios(self.path, more, duration_scale=scale, starts=starts, environ=environ)
                # with the places that the file's own days have
                made = [replace(new, problems=old.problems) for new, old in zip(again, made, strict=True)]
        except ScenarioError as error:
            raise ScenarioError(self.placed(error.problems)) from None
        said = [self.placed(reading.problems) for reading in made]
        said[0] = [*self.warnings, *said[0]]
        return [replace(reading, problems=problems) for reading, problems in zip(made, said, strict=True)]

    def _accepted(self, scenario: Scenario) -> list[dict[str, str]]:
        """What the scenario and then its suite accept; none when the suite adds nothing."""
        own = {(one.finding, one.phase) for one in scenario.accept}
        phases = (None, *(phase.judged_as for phase in scenario.phases))
        added = [one for one in self.accept if one.phase in phases and (one.finding, one.phase) not in own]
        names = ("finding", "phase", "owner", "reason", "until")
        both = [{name: getattr(one, name) for name in names} for one in (*scenario.accept, *added)]
        return [{name: value for name, value in one.items() if value is not None} for one in both] if added else []

    def placed(self, problems: Sequence[Problem]) -> list[Problem]:
        """Problems of the suite's settings at their lines in the suite, those of `--set` numbered by themselves."""
        places = self.entry.places if self.entry else ()
        found = []
        for problem in problems:
            where, line = problem.where, problem.where.line
            if where.file == FILE and line <= len(places):
                where = places[line - 1]
            elif where.file == FILE:
                where = Where(FILE, line - len(places), where.column)
            found.append(Problem(where, problem.what, problem.hint, problem.level))
        return found


def chosen(paths: Sequence[Path]) -> list[Chosen]:
    """Every scenario that the paths mean, in order: files, those in folders, and those of suites.

    A folder stands for its scenarios, and not for its suites, which would run them twice. Raises
    ScenarioError with the problems of all suites, ChaosError for a folder that holds no scenario.
    """
    found: list[Chosen] = []
    problems: list[Problem] = []
    for path in paths:
        if path.is_dir():
            inside = [Chosen(file) for file, kind in files(path) if kind == "scenario"]
            if not inside:
                what = f"{path} holds no scenario"
                hint = "name a scenario, a suite, or a folder of scenarios; `chaosllm list scenarios` shows ours"
                raise ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
            found += inside
        elif (kind := kind_of_file(path)) == "gameday":
            raise is_a_plan(path)
        elif kind == "suite":
            reading = suite(path)
            problems += [] if reading.suite else reading.problems
            found += members(path, reading)
        else:
            found.append(Chosen(path))
    if problems:
        raise ScenarioError(problems)
    return found


def members(path: Path, reading: SuiteReading) -> list[Chosen]:
    """The scenarios of a suite that lies at `path`; none when it cannot be read."""
    found = reading.suite
    if found is None:
        return []
    inside = [(Path(os.path.normpath(path.parent / entry.path)), entry) for entry in found.entries]
    warnings = tuple(reading.problems)
    return [
        Chosen(file, entry, found.name, found.accept, () if at else warnings) for at, (file, entry) in enumerate(inside)
    ]


def suite(path: Path) -> SuiteReading:
    """The reading of a suite; raises ChaosError when there is no such file."""
    try:
        text = path.read_bytes()
    except OSError as error:
        what = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise ChaosError(what, hint="name a suite; `chaosllm list suites` shows ours", exit_code=Exit.USAGE) from error
    reading = read_suite(text, str(path), lambda name: others(path.parent, name))
    days = warn_of_days(reading.suite.accept, today()) if reading.suite else []
    return replace(reading, problems=[*reading.problems, *days])


def files(folder: Path) -> list[tuple[Path, Kind]]:
    """The YAML files in a folder and in those below it, with what each is; hidden ones are passed over."""
    return [(path, kind_of_file(path)) for path in _yaml(folder)]


def kind_of_file(path: Path) -> Kind:
    """What a file is; a scenario when it cannot be read, because its reader says why."""
    try:
        with path.open("rb") as file:
            text = file.read(_AT_MOST)
    except OSError:
        return "scenario"
    return kind_of(text)


def _yaml(folder: Path) -> Iterator[Path]:
    inside = sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name))
    for path in inside:
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _yaml(path)
        elif path.suffix in SUFFIXES and path.is_file():
            yield path


def others(folder: Path, path: str) -> list[str] | None:
    """None when a suite or plan in `folder` may name `path`; else the scenarios near it, as it would write them."""
    here = folder.resolve()
    root = here.parent
    meant = (here / path).resolve()
    if meant.is_file() and meant.is_relative_to(root) and kind_of_file(meant) not in ("suite", "gameday"):
        return None
    near = {*root.glob("*.y*ml"), *root.glob("*/*.y*ml"), *here.glob("*/*.y*ml")}  # no further: it may be a whole home
    ours = [one for one in near if one.resolve().is_relative_to(root) and kind_of_file(one) == "scenario"]
    return sorted(Path(os.path.relpath(one, here)).as_posix() for one in ours)
