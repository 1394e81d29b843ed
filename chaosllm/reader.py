"""YAML text to a Scenario, or every problem in it at once with file, line and column.

Laws:
1. Nothing a file holds makes the reader raise; what it cannot read is a Problem.
2. All is checked even where something else is wrong: a check works on the plain data, and a
   Scenario is built only when no error was found.
3. Files are loaded by the function that is handed in; the reader opens none.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from chaosllm import scenario as model
from chaosllm.errors import Level, Problem, ScenarioError, Where
from chaosllm.language.accept import build_accept, check_accept
from chaosllm.language.asking import load_of, target_of
from chaosllm.language.bounds import check_bounds
from chaosllm.language.composition import Parts, as_text, gather, put_together
from chaosllm.language.diagnosis import diagnose
from chaosllm.language.model import ScenarioFile
from chaosllm.language.overrides import dump, parse
from chaosllm.language.parameters import escaped
from chaosllm.language.places import Variable, variables
from chaosllm.language.roles import Sketch, infer
from chaosllm.language.rules import check_rules
from chaosllm.language.sense import check_sense
from chaosllm.language.stops import Stops, check_stops
from chaosllm.language.variants import Variant
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.prices import Price
from chaosllm.registry import members
from chaosllm.spelling import cut, suggest

type Load = Callable[[str], str]


@dataclass(frozen=True)
class Reading:
    """What came of reading: a Scenario (None when any problem is an error) and all problems."""

    scenario: model.Scenario | None
    problems: list[Problem]
    source: str | Mapping[str, Any]  # the text that was read, or the flat data that was put together from it
    target: Where = field(default_factory=lambda: Where(""))  # where `target` stands, or would
    variables: tuple[Variable, ...] = ()  # that it wants of the environment

    @cached_property
    def as_run(self) -> str:
        """The text that was read: the original, or the flat text of what was put together from it."""
        return self.source if isinstance(self.source, str) else dump(escaped(self.source))

    @property
    def errors(self) -> list[Problem]:
        """Without the warnings."""
        return [problem for problem in self.problems if problem.level is Level.ERROR]

    def unwrap(self) -> model.Scenario:
        """The scenario; raises ScenarioError with every problem when there is none."""
        if self.scenario is None:
            raise ScenarioError(self.problems)
        return self.scenario


def read(
    text: str | bytes,
    file: str = "scenario.yaml",
    *,
    load: Load | None = None,
    sets: Sequence[str] = (),
    scale: float = 1.0,
) -> Reading:
    """Read a scenario. Never raises for what the text holds.

    `load` gives the text of a file named in the scenario, relative to it, or raises OSError;
    without it such files are not looked at, and includes not followed. `sets` are settings such as
    `load.rate=10/s`; `scale` multiplies all times that say when something happens (`language.scaling`). Of a
    file that makes several scenarios the settings must choose one.
    """
    problems = Problems()
    parts = gather(text, file, load, sets, problems)
    if parts is not None and len(parts.variants) == 1:
        return _one(parts, parts.variants[0], scale, load, problems)
    if parts is not None:
        what = f"`vary` makes {len(parts.variants)} scenarios of this file, and here one is wanted"
        example = " ".join(f"--set {'.'.join(one.parts)}={one.value}" for one in parts.variants[0].settings)
        problems.add(parts.vary, what, f"choose it: {cut(example, 200)}")
    return Reading(None, problems.sorted(), as_text(text))


def readings(
    text: str | bytes,
    file: str = "scenario.yaml",
    *,
    load: Load | None = None,
    sets: Sequence[str] = (),
    scale: float = 1.0,
) -> list[Reading]:
    """Every scenario that a file makes, in the order of its `vary`; one without it. For the rest as `read`."""
    problems = Problems()
    parts = gather(text, file, load, sets, problems)
    if parts is None:
        return [Reading(None, problems.sorted(), as_text(text))]
    return [_one(parts, variant, scale, load, problems.copy()) for variant in parts.variants]


def read_made(document: Document, *, load: Load | None = None, sets: Sequence[str] = (), scale: float = 1.0) -> Reading:
    """The reading of a scenario that was put together elsewhere; changes `document`. For the rest as `read`."""
    problems = Problems()
    parts = Parts(document, parse(sets, problems), [Variant()], composed=True, text="", vary=document.where(()))
    return _one(parts, Variant(), scale, load, problems)


def _one(parts: Parts, variant: Variant, scale: float, load: Load | None, problems: Problems) -> Reading:
    document, source = put_together(parts, variant, scale, problems)
    found = _Reader(document, problems, load).read()
    target = document.where_key(("target",)) if "target" in document.data else document.where(())
    return Reading(None if problems else found, problems.sorted(), source, target, variables(document))


def drive_problems(reading: Reading, environ: Mapping[str, str] | None = None, *, starts: bool = True) -> list[Problem]:
    """What a verb that drives load needs beyond a valid scenario.

    `environ`: what is set, None when that is not looked at. `starts`: the scenario itself starts the app.
    """
    if environ is not None and reading.scenario is not None:
        unset = [one for one in reading.variables if one.name not in environ and (starts or not one.starts)]
        if unset:
            return [
                Problem(one.where, f"the environment variable {one.name} is not set", f"export {one.name}=... first")
                for one in unset
            ]
    if reading.scenario is None or reading.scenario.target.operations or reading.scenario.load.closed:
        return []
    hint = 'such as operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}'
    return [Problem(reading.target, "`target.operation` is missing, and load cannot be driven without it", hint)]


class _Reader:
    """One reading; the checks run in the order of the language."""

    def __init__(self, document: Document, problems: Problems, load: Load | None) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.problems = problems
        self.load = load

    def add(self, path: Path, what: str, hint: str | Callable[[], str] = "", level: Level = Level.ERROR) -> None:
        self.problems.add(self.document.where(path), what, hint, level)

    def read(self) -> model.Scenario | None:
        whole = self.shape()
        providers = self.upstreams()
        rules = check_rules(self.document, self.problems, providers, self.load)
        self.phase_names()
        objectives = check_bounds(self.document, self.problems)
        stops = check_stops(self.document, self.problems)
        phases_given = [phase for phase in _list(self.data.get("phases")) if isinstance(phase, dict)]
        judged_as = [phase.get("block") or phase.get("name") for phase in phases_given]
        check_accept(self.document, self.problems, [name for name in judged_as if isinstance(name, str)])
        if whole is None or self.problems:
            return None
        phases = self.phases(whole, rules)
        check_sense(self.document, self.problems, self.load, whole=whole, phases=phases, objectives=objectives)
        if self.problems:
            return None
        accept = build_accept(whole.accept, self.document)
        return _build(whole, phases, objectives, stops, accept=accept, load=self.load)

    def shape(self) -> ScenarioFile | None:
        """Keys, types and units of everything but the faults' own fields."""
        try:
            # JSON, because only there does pydantic's strict mode take a list for a tuple
            return ScenarioFile.model_validate_json(json.dumps(self.data), strict=True)
        except ValidationError as error:
            diagnose(error, self.document, (), self.problems, schema=ScenarioFile.model_json_schema)
        return None

    def upstreams(self) -> list[str]:
        """Names of the providers listed; none when one is unknown, for then nobody knows which was meant."""
        known = members("providers")
        listed: list[str] = []
        unknown = False
        for at, upstream in enumerate(_list(self.data.get("upstreams"))):
            name = upstream.get("provider") if isinstance(upstream, dict) else None
            path: Path = ("upstreams", at, "provider")
            if not isinstance(name, str):
                continue
            if name not in known:
                unknown = True
                self.add(path, f"there is no provider `{cut(name)}`", lambda name=name: suggest(name, known))  # type: ignore[misc]  # the loop's name is bound by the default
            elif name in listed:
                self.add(path, f"`{name}` is listed twice", "a provider has one upstream: remove one of them")
            else:
                listed.append(name)
        return [] if unknown else listed

    def phase_names(self) -> None:
        first: dict[str, int] = {}
        listed = [phase for phase in _list(self.data.get("phases")) if isinstance(phase, dict)]
        blocks = [phase.get("block") for phase in listed if isinstance(phase.get("block"), str)]
        for at, phase in enumerate(_list(self.data.get("phases"))):
            name = phase.get("name") if isinstance(phase, dict) else None
            if not isinstance(name, str):
                continue
            if name in first:
                line = self.document.where(("phases", first[name], "name")).line
                self.add(
                    ("phases", at, "name"),
                    f"there are two phases `{cut(name)}`",
                    f"the first is on line {line}",
                )
            elif name in blocks and phase.get("block") != name:
                what = f"found a phase `{cut(name)}` beside repeated phases of that name"
                self.add(("phases", at, "name"), what, "objectives could mean either: choose another name")
            first.setdefault(name, at)

    def phases(self, whole: ScenarioFile, rules: dict[tuple[int, int], model.Rule]) -> list[model.Phase]:
        """Phases with roles and starts."""
        sketches = [
            Sketch(
                phase.block or phase.name,
                bool(phase.rules),
                model.Role(phase.role) if phase.role else None,
                repeated=phase.block is not None,
            )
            for phase in whole.phases
        ]
        phases: list[model.Phase] = []
        start = 0.0
        for at, (phase, role) in enumerate(zip(whole.phases, infer(sketches), strict=True)):
            if phase.rules and role is not model.Role.FAULT:
                self.add(
                    ("phases", at, "role"),
                    f"`{phase.name}` has rules, and its role is {role}",
                    "a phase with rules is a fault phase: leave `role` out, or the rules",
                )
            own = tuple(rules[at, number] for number in range(len(phase.rules)))
            phases.append(model.Phase(phase.name, phase.duration, role, own, start, phase.block or ""))
            start += phase.duration
        return phases


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _build(
    whole: ScenarioFile,
    phases: list[model.Phase],
    objectives: list[model.Objective],
    stops: Stops,
    *,
    accept: tuple[model.Acceptance, ...],
    load: Load | None,
) -> model.Scenario:
    limits = whole.limits
    return model.Scenario(
        name=whole.name,
        phases=tuple(phases),
        upstreams=tuple(model.Upstream(one.provider, one.url, one.ca) for one in whole.upstreams),
        version=whole.version,
        hypothesis=whole.hypothesis,
        seed=whole.seed,
        target=target_of(whole.target),
        load=load_of(whole.load, phases[-1].end, load),
        objectives=tuple(objectives),
        limits=model.Limits(
            tuple(limits.hosts), limits.max_duration, limits.max_active_faults, limits.max_spend, limits.safety_lever
        ),
        stop_when=stops.conditions,
        probes=stops.probes,
        fail_on=whole.fail_on,
        tags=tuple(whole.tags),
        accept=accept,
        prices={name: Price(one.input, one.output, "the scenario") for name, one in whole.prices.items()},
    )
