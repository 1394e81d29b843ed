"""What a sweep is asked for, checked before anything runs: every mistake at once, where it was made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.errors import Level as Gravity
from chaosllm.errors import Problem, ScenarioError, Where
from chaosllm.language.overrides import FILE
from chaosllm.levels import LevelError, Range, parse_range
from chaosllm.reader import Reading
from chaosllm.scenario import Objective, Role, Scenario
from chaosllm.spelling import cut, suggest

VARY, OBJECTIVE, TOLERANCE, AT_LEAST = (
    Where(name, 1, 1) for name in ("--vary", "--objective", "--tolerance", "--at-least")
)
#: Without --tolerance and --steps: as a share of the range.
_TOLERANCE = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that say what is swept, as they were typed."""

    vary: str
    objective: str = ""
    tolerance: str = ""
    steps: int | None = None
    at_least: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A sweep that can be run: `read` gives the scenario of a level and a seed."""

    range: Range
    objective: Objective
    index: int  # of the objective, in the scenario and in summary.json
    tolerance: float | None  # None: a plain grid of the range's own values
    at_least: float | None
    scenario: Scenario  # of the highest level
    warnings: tuple[Problem, ...]
    read: Callable[[float, int], Reading]


def plan(path: Path, asked: Asked, sets: Sequence[str], scale: float, *, starts: bool) -> Plan:
    """The plan that is meant; raises ScenarioError with every problem, ChaosError when there is no such file."""
    problems: list[Problem] = []
    try:
        span = _with_steps(parse_range(asked.vary), asked.steps)
    except LevelError as error:
        span = None
        problems.append(Problem(VARY, error.what, error.hint))

    def read(value: float, seed: int | None) -> Reading:
        seeded = [] if seed is None else [f"seed={seed}"]
        settings = [*sets, *seeded] + ([span.setting(value)] if span else [])
        last = Where(FILE, len(settings), 1)

        def moved(found: Sequence[Problem]) -> list[Problem]:
            return [replace(one, where=VARY) if span and one.where == last else one for one in found]

        try:
            reading = read_scenario(path, settings, duration_scale=scale, starts=starts)
        except ScenarioError as error:
            raise ScenarioError(moved(error.problems)) from None
        return replace(reading, problems=moved(reading.problems))

    ends = [_read(read, value, problems) for value in ((span.value(0.0), span.high) if span else (0.0,))]
    low, high = ends[0], ends[-1]
    if low is None or high is None or low.scenario is None or high.scenario is None:
        raise ScenarioError(problems)
    index = _pick(asked.objective, high.scenario, problems)
    tolerance = at_least = None
    if span is not None:
        tolerance = None if span.given else _width(asked.tolerance, span, problems)
        at_least = _level(asked.at_least, span, problems)
        _check_effect(low.scenario, high.scenario, index, span, problems)
    if problems or span is None or index is None:
        raise ScenarioError(problems)
    warnings = tuple(one for one in high.problems if one.level is Gravity.WARNING)
    objective = high.scenario.objectives[index]
    return Plan(span, objective, index, tolerance, at_least, high.scenario, warnings, read)


def _read(read: Callable[[float, int | None], Reading], value: float, problems: list[Problem]) -> Reading | None:
    """One end of the range; None, with what is wrong added, when it cannot be run."""
    try:
        reading = read(value, None)
        reading.unwrap()
    except ScenarioError as error:
        problems += [one for one in error.problems if one not in problems]
        return None
    return reading


def _with_steps(span: Range, steps: int | None) -> Range:
    """The range as a plain grid of so many levels."""
    if steps is None:
        return span
    if span.given:
        raise LevelError("--steps is given, and the levels are listed", "give a range LOW..HIGH, or no --steps")
    values = sorted({span.value(step / (steps - 1)) for step in range(steps)})
    return replace(span, given=tuple(values))


def _pick(text: str, scenario: Scenario, problems: list[Problem]) -> int | None:
    """The objective that is meant by number, or by how its text begins; else the first of a fault phase."""
    texts = [one.text for one in scenario.objectives]
    if not texts:
        hint = "add one, such as objectives: [success_rate(storm) >= 95%]"
        problems.append(Problem(OBJECTIVE, f"{scenario.name} has no objective that could break", hint))
        return None
    if not text:
        faults = {phase.name for phase in scenario.phases if phase.role is Role.FAULT}
        faults |= {phase.block for phase in scenario.phases if phase.role is Role.FAULT}
        return next((at for at, one in enumerate(scenario.objectives) if one.phase in faults), 0)
    if text.isdecimal() and int(text) < len(texts):
        return int(text)
    plain = ["".join(one.split()) for one in texts]
    wanted = "".join(text.split())
    found = [at for at, one in enumerate(plain) if one == wanted] or [
        at for at, one in enumerate(plain) if one.startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    what = f"{cut(text)} fits {len(found)} objectives" if found else f"there is no objective `{cut(text)}`"
    hint = suggest(text, texts) if "mean" in suggest(text, texts) else f"there are {'; '.join(texts)}"
    problems.append(Problem(OBJECTIVE, what, f"{hint} (or by number, 0 to {len(texts) - 1})"))
    return None


def _width(text: str, span: Range, problems: list[Problem]) -> float:
    width = (span.high - span.low) * _TOLERANCE
    if not text:
        return width
    try:
        width = span.kind.parse(text)
    except ValueError as error:
        problems.append(Problem(TOLERANCE, str(error)))
        return width
    if not 0 < width < span.high - span.low:
        hint = f"the range is {span.text(span.high - span.low)} wide: give less than that, and more than 0"
        problems.append(Problem(TOLERANCE, f"found {cut(text)}", hint))
    return width


def _level(text: str, span: Range, problems: list[Problem]) -> float | None:
    if not text:
        return None
    try:
        value = span.kind.parse(text)
    except ValueError as error:
        problems.append(Problem(AT_LEAST, str(error)))
        return None
    if not span.low < value <= span.high:
        hint = f"a level above {span.text(span.low) if span.low else 0} and up to {span.text(span.high)}"
        problems.append(Problem(AT_LEAST, f"{cut(text)} lies outside of what is swept", hint))
    return value


def _check_effect(low: Scenario, high: Scenario, index: int | None, span: Range, problems: list[Problem]) -> None:
    """Note when the two ends are the same scenario, or when they differ only after the objective's phases."""
    if low == high:
        problems.append(Problem(VARY, f"{span.path} changes nothing: both ends are the same scenario"))
        return
    if index is None or len(low.phases) != len(high.phases) or replace(low, phases=high.phases) != high:
        return
    pairs = zip(low.phases, high.phases, strict=True)
    changed = [at for at, (one, other) in enumerate(pairs) if replace(one, start=0.0) != replace(other, start=0.0)]
    objective = high.objectives[index]
    names = {objective.phase, objective.reference[1] if objective.reference else objective.phase}
    judged = [at for at, phase in enumerate(high.phases) for name in names if name in (None, phase.name, phase.block)]
    if changed and judged and max(judged) < min(changed):
        after = high.phases[min(changed)].name
        hint = f"choose another with --objective: {'; '.join(one.text for one in high.objectives)}"
        problems.append(
            Problem(OBJECTIVE, f"{objective.text} is judged before {after}, which {span.path} changes", hint)
        )
