"""Reads a game-day plan with the scenarios of its steps.

Laws:
1. What is wrong in the plan's own text leaves no day. What is wrong in a scenario leaves out the step that names it.
2. A step without a scenario holds the problems of that step alone; `problems` of the reading hold all.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaosllm.adapters.scenario_file import driving, loader, read_scenario
from chaosllm.adapters.suite_file import Chosen, others
from chaosllm.errors import Blame, ChaosError, Exit, Level, Problem, ScenarioError
from chaosllm.gameday import GameDay, Page, Step
from chaosllm.language.gameday import read_plan
from chaosllm.language.overrides import FILE
from chaosllm.language.single_fault import scenario_of
from chaosllm.language.suite import Entry, kind_of, meant
from chaosllm.language.yaml_nodes import Document
from chaosllm.reader import Reading, read_made
from chaosllm.spelling import cut, suggest
from chaosllm.units import format_duration
from chaosllm.variables import VARIABLE

#: Bytes that a scenario has and a plan that only forgot its name has not.
_HAS_PHASES = re.compile(rb"^phases\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DayReading:
    """What came of reading a plan and its scenarios: None when the plan itself is wrong, and all problems."""

    day: GameDay | None
    problems: list[Problem]

    @property
    def errors(self) -> list[Problem]:
        """Without the warnings."""
        return _errors(self.problems)

    def unwrap(self) -> GameDay:
        """The day; raises ScenarioError with every problem when there is none."""
        if self.day is None:
            raise ScenarioError(self.problems)
        return self.day


def read_day(
    path: Path, environ: Mapping[str, str] | None = os.environ, sets: Sequence[str] = (), *, starts: bool = True
) -> DayReading:
    """The plan at `path`, each step with its scenario as it will run, or with what keeps it from starting.

    With no `environ` nothing is looked for there. `sets` change each step's scenario last. `starts`: scenarios may
    start the app themselves. Raises ChaosError when there is no such file.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        what = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        hint = "name a game-day plan; `chaosllm list gamedays` shows ours"
        raise ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE) from error
    if kind_of(text) == "scenario" and _HAS_PHASES.search(text):
        hint = f"run it with: chaosllm run {path}; a plan says `gameday:`, and names scenarios as its steps"
        raise ChaosError(f"{path} is a scenario", hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
    plan = read_plan(text, str(path))
    if plan.day is None or plan.document is None:
        return DayReading(None, plan.problems)
    lever = _lever(path, plan.day.safety_lever)
    readings = [_Reading(path, step, plan.document, environ, sets, starts=starts) for step in plan.day.steps]
    steps = tuple(one.read(lever) for one in readings)
    day = replace(plan.day, steps=steps, safety_lever=lever)
    problems = [*plan.problems, *(found for one in steps for found in one.problems), *_lasting(day, plan.document)]
    problems += [found for page in day.pages for found in _unset(page, environ)]
    return DayReading(None if any(one.of_plan for one in readings) else day, list(dict.fromkeys(problems)))


class _CannotStart(Exception):  # noqa: N818  # control flow inside this file: it becomes the step's problem
    """What keeps a step from starting while the plan is sound."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.what)
        self.problem = problem


class _Reading:
    """The reading of one step."""

    def __init__(
        self,
        path: Path,
        step: Step,
        document: Document,
        environ: Mapping[str, str] | None,
        sets: Sequence[str],
        *,
        starts: bool,
    ) -> None:
        self.path = path
        self.step = step
        self.document = document
        self.environ = environ
        self.sets = sets
        self.starts = starts
        self.of_plan = False  # whether what keeps it from starting is wrong in the plan itself

    def read(self, lever: str | None) -> Step:
        if lever is not None:
            step, where = self.step, self.document.where(("safety_lever",))
            setting = f"limits.safety_lever={_json(lever)}"
            self.step = replace(step, sets=(*step.sets, setting), places=(*step.places, where))
        try:
            reading, base = self.fault() if self.step.kind == "fault" else self.scenario()
        except ScenarioError as error:
            # a setting, or the plan's own text; what else is wrong stands in the scenario's files
            self.of_plan = any(one.where.file in (str(self.path), FILE) for one in _errors(error.problems))
            return replace(self.step, problems=tuple(error.problems))
        except _CannotStart as found:
            return replace(self.step, problems=(found.problem,))
        except ChaosError as error:
            return replace(self.step, problems=(Problem(self.step.where, error.what, error.hint),))
        if self.lean(reading):
            return self.read(None)
        strange = self.disabled(reading)
        self.of_plan = bool(strange)
        problems = (*reading.problems, *strange)
        if reading.scenario is None or strange:
            return replace(self.step, problems=problems)
        return replace(self.step, scenario=reading.scenario, as_run=reading.as_run, base=base, problems=problems)

    def lean(self, reading: Reading) -> bool:
        """Leave out expected objectives that the scenario has itself, so that none is judged twice; whether any was."""
        own = [one.text for one in reading.scenario.objectives] if reading.scenario else []
        step = self.step
        twice = {f"objectives+={_json(text)}" for text in step.expect.objectives if own.count(text) > 1}
        kept = [(one, place) for one, place in zip(step.sets, step.places, strict=True) if one not in twice]
        sets, places = tuple(one for one, _ in kept), tuple(place for _, place in kept)
        self.step = replace(step, sets=sets, places=places)
        return bool(twice)

    def scenario(self) -> tuple[Reading, Path]:
        step = self.step
        if (known := others(self.path.parent, step.what)) is not None:
            what = f"there is no scenario {cut(step.what, 100)}"
            raise _CannotStart(Problem(step.where, what, meant(step.what, known)))
        file = Path(os.path.normpath(self.path.parent / step.what))
        entry = Entry(step.what, step.where, step.sets, step.places, step.duration_scale)
        made = Chosen(file, entry).readings(self.sets, starts=self.starts, environ=self.environ)
        if len(made) > 1:
            raise _CannotStart(self.many(file, made))
        return made[0], file.parent

    def many(self, file: Path, made: Sequence[Reading]) -> Problem:
        """That a file makes several scenarios, with the settings that choose the first of them."""
        try:
            read_scenario(file, self.step.sets, environ=None)
            hint = ""
        except ScenarioError as error:
            hint = error.problems[0].hint
        chosen = re.findall(r"--set (\S+?)=(.*?)(?= --set |$)", hint)
        names = ", ".join(one.unwrap().name for one in made[:3] if one.scenario)
        what = f"{cut(self.step.what, 100)} makes {len(made)} scenarios ({cut(names, 100)}), and a step is one"
        settings = ", ".join(f"{key}: {value}" for key, value in chosen)
        return Problem(self.step.where, what, f"choose it, such as set: {{{settings}}}")

    def fault(self) -> tuple[Reading, Path]:
        step, base = self.step, self.path.parent
        made = scenario_of(step, self.document)
        reading = read_made(made, load=loader(base), sets=[*step.sets, *self.sets], scale=step.duration_scale)
        reading = replace(reading, problems=Chosen(self.path, self.entry()).placed(reading.problems))
        if reading.scenario is None:
            raise ScenarioError(reading.problems)
        return driving(reading, self.environ, starts=self.starts), base

    def entry(self) -> Entry:
        return Entry(self.step.what, self.step.where, self.step.sets, self.step.places)

    def disabled(self, reading: Reading) -> list[Problem]:
        """Rules that are to begin switched off, and are not there."""
        if reading.scenario is None:
            return []
        known = [rule.name for rule in reading.scenario.rules]
        at = self.step.number - 1
        return [
            Problem(
                self.document.where(("steps", at, "disabled", place)),
                f"there is no rule `{cut(name)}`",
                suggest(name, known),
            )
            for place, name in enumerate(self.step.disabled)
            if name not in known
        ]


def _json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _errors(problems: Sequence[Problem]) -> list[Problem]:
    return [one for one in problems if one.level is Level.ERROR]


def _lever(path: Path, lever: str | None) -> str | None:
    """The lever, as every step finds it wherever its scenario lies: a file relative to the plan becomes absolute."""
    if lever is None or "://" in lever:
        return lever
    return str(path.parent.resolve() / lever)


def _lasting(day: GameDay, document: Document) -> list[Problem]:
    """A warning when the phases alone last longer than the time box."""
    if day.time_box is None or day.duration <= day.time_box:
        return []
    what = f"the phases of all steps last {format_duration(day.duration)}, longer than the time box"
    hint = "the last steps will not be begun: widen it, leave steps out, or shorten them with `duration_scale`"
    return [Problem(document.where(("time_box",)), what, hint, Level.WARNING)]


def _unset(page: Page, environ: Mapping[str, str] | None) -> list[Problem]:
    """A warning for each variable of a webhook that is not set."""
    if environ is None or page.where is None:
        return []
    return [
        Problem(
            page.where, f"the environment variable {name} is not set, so nobody is paged", f"export {name}=... first",
            Level.WARNING,
        )
        for name in VARIABLE.findall(page.webhook)
        if name not in environ
    ]  # fmt: skip
