"""The text of a game-day plan to data, or every problem in it at once with file, line and column.

A file is a plan when it says `gameday:`.

Laws:
1. Nothing a plan holds makes the reader raise, and all of it is checked even where something else is wrong.
2. What the plan says for all steps becomes settings of each, so that a step's scenario, as run, says everything;
   the lever's setting is the adapter's, because a file is found relative to the plan.
3. A step's own settings come after the plan's, and win.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from chaosllm.errors import Level, Problem, Where
from chaosllm.gameday import Approval, Expect, GameDay, Page, Person, RollbackCheck, Step
from chaosllm.language.composition import as_text
from chaosllm.language.diagnosis import diagnose
from chaosllm.language.gameday_model import ApprovalFile, DayFile, DayStepFile, check_webhook, stem
from chaosllm.language.single_fault import LASTS
from chaosllm.language.yaml_nodes import Document, Path, Problems, compose
from chaosllm.registry import members
from chaosllm.spelling import cut, shorten, suggest
from chaosllm.variables import VARIABLE

_OF_FAULTS = ("with", *LASTS)
_NEEDED = {
    "upstreams": "such as upstreams: [{provider: openai, url: simulator}] beside `steps`",
    "target.operation": 'such as target: {operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}} '
    "beside `steps`",
}


@dataclass(frozen=True, slots=True)
class PlanReading:
    """What came of reading a plan: None when any problem is an error. `document` is None where it is no YAML.

    No scenario has been looked at yet: `adapters.gameday_file` does that.
    """

    day: GameDay | None
    problems: list[Problem]
    document: Document | None = None


def read_plan(text: str | bytes, file: str) -> PlanReading:
    """Read a plan. Never raises for what the text holds."""
    problems = Problems()
    document = compose(text, file, problems)
    if document is None:
        return PlanReading(None, problems.sorted())
    if not isinstance(document.data, dict):
        what = f"found {shorten(document.data)}, expected a mapping with version, gameday and steps"
        problems.add(document.where(()), what)
        return PlanReading(None, problems.sorted())
    whole = None
    try:
        # JSON, because only there does pydantic's strict mode take a list for a tuple
        whole = DayFile.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        diagnose(error, document, (), problems, schema=DayFile.model_json_schema)
    _Checks(document, problems).all()
    if whole is None or problems:
        return PlanReading(None, problems.sorted(), document)
    return PlanReading(_build(whole, document, as_text(text)), problems.sorted(), document)


class _Checks:
    """What no model can see: a second key, another list, a registry. All work on the plain data."""

    def __init__(self, document: Document, problems: Problems) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.problems = problems
        self.people = [one.get("role") for one in _mappings(self.data.get("roles"))]
        self.roles = [role for role in self.people if isinstance(role, str)]

    def add(self, path: Path, what: str, hint: str | Callable[[], str] = "", level: Level = Level.ERROR) -> None:
        self.problems.add(self.document.where(path), what, hint, level)

    def key(self, path: Path, what: str, hint: str = "", level: Level = Level.ERROR) -> None:
        self.problems.add(self.document.where_key(path), what, hint, level)

    def all(self) -> None:
        self.approval(("approval",), self.data.get("approval"))
        if isinstance(common := self.data.get("approval"), dict) and "file" in common:
            self.key(("approval", "file"), "found one file for the approval of every step", "name it at a step")
        first: dict[str, Where] = {}
        steps = self.data.get("steps")
        for at, step in enumerate(steps if isinstance(steps, list) else []):
            if self.problems.full:
                return
            if isinstance(step, dict):
                self.step(("steps", at), step)
                self.named_once(("steps", at), step, first)
        if isinstance(steps, list) and steps and not any("fault" in step for step in _mappings(steps)):
            for key in self.data.keys() & {"upstreams", "load"}:
                what = f"`{key}` is not used: it is of steps that are single faults, and no step is one"
                self.key((key,), what, "leave it out, or change scenarios with `set`", Level.WARNING)
        self.pages()

    def step(self, path: Path, step: dict[str, Any]) -> None:
        if "scenario" in step and "fault" in step:
            self.key((*path, "fault"), "found `fault` beside `scenario`", "a step is one of the two: make two steps")
        elif "scenario" not in step and "fault" not in step and not _near(step):
            what = "found a step with neither `scenario` nor `fault`"
            self.add(path, what, "such as {scenario: ../calm.yaml} or {fault: latency}")
        if "fault" in step:
            self.fault(path, step)
        else:
            for key in (key for key in _OF_FAULTS if key in step and "scenario" in step):
                self.key((*path, key), f"found `{key}` beside `scenario`", "it is of a single fault: use `set`")
        self.approval((*path, "approval"), step.get("approval"))
        expect = step.get("expect")
        if isinstance(expect, dict):
            self.codes((*path, "expect", "findings"), expect.get("findings"))
            self.twice((*path, "expect", "objectives"), expect.get("objectives"))

    def fault(self, path: Path, step: dict[str, Any]) -> None:
        name, known = step["fault"], members("faults")
        if isinstance(name, str) and name not in known:
            self.add((*path, "fault"), f"there is no fault `{cut(name)}`", lambda: suggest(name, known))
        given = step.get("with")
        for key in given if isinstance(given, dict) else ():
            if key == "fault":
                self.key((*path, "with", key), "found `fault` in `with`", "it stands beside `with` already")
        changed = step.get("set") if isinstance(step.get("set"), dict) else {}
        target = self.data.get("target") or {}
        there = {
            "upstreams": "upstreams" in self.data,
            "target.operation": not isinstance(target, dict) or bool({"operation", "operations"} & target.keys())
            or (isinstance(self.data.get("load"), dict) and "locustfile" in self.data["load"]),
        }  # fmt: skip
        for key, example in _NEEDED.items():
            if not there[key] and not any(str(one).startswith((key, key.partition(".")[0])) for one in changed or ()):
                what = f"`{key}` is missing, and a single fault needs it of the plan"
                self.problems.add(self.document.where((*path, "fault")), what, example, same=key)

    def named_once(self, path: Path, step: dict[str, Any], first: dict[str, Where]) -> None:
        called = step.get("name") or step.get("scenario") or step.get("fault")
        if not isinstance(called, str):
            return
        name, where = stem(called) if "scenario" in step and not step.get("name") else called, self.document.where(path)
        if name in first:
            what = f"there are two steps `{cut(name)}`, the first on line {first[name].line}"
            self.add(path, what, "give each a `name` of its own")
        first.setdefault(name, where)

    def approval(self, path: Path, found: Any) -> None:
        by = found.get("by") if isinstance(found, dict) else None
        if isinstance(by, str) and by not in self.roles and len(self.roles) == len(self.people):
            hint = suggest(by, self.roles) or f"list who it is: roles: [{{role: {cut(by, 30)}, name: ...}}]"
            self.add((*path, "by"), f"there is no role `{cut(by)}`", hint)

    def codes(self, path: Path, found: Any) -> None:
        known = members("findings")
        for at, code in enumerate(found if isinstance(found, list) else ()):
            if isinstance(code, str) and code not in known:
                self.add((*path, at), f"there is no finding `{cut(code)}`", lambda code=code: suggest(code, known))  # type: ignore[misc]  # the loop's name is bound by the default
        self.twice(path, found)

    def twice(self, path: Path, found: Any) -> None:
        listed = found if isinstance(found, list) else []
        for at, one in enumerate(listed):
            if isinstance(one, str) and one in listed[:at]:
                self.add((*path, at), f"`{cut(one)}` is here twice")

    def pages(self) -> None:
        """Warn of a webhook that is written out, because to most services its URL is the key to post."""
        for at, page in enumerate(self.data["page"] if isinstance(self.data.get("page"), list) else ()):
            url = page.get("webhook") if isinstance(page, dict) else None
            if isinstance(url, str) and not VARIABLE.search(url) and _is_far(url):
                what = "found a webhook written out, and to most services its URL is a secret"
                self.add(("page", at, "webhook"), what, 'write "${env:PAGER_URL}", and export that', Level.WARNING)


def _is_far(url: str) -> bool:
    try:
        return urlsplit(check_webhook(url)).hostname not in ("127.0.0.1", "localhost", "::1")
    except ValueError:  # what is wrong with it is said already
        return False


def _mappings(found: Any) -> list[dict[str, Any]]:
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _near(step: dict[str, Any]) -> bool:
    """Whether a key was probably meant to be `scenario` or `fault`, which the model says."""
    return any(suggest(key, ("scenario", "fault")).startswith("did") for key in step if key not in _OF_FAULTS)


def _build(whole: DayFile, document: Document, text: str) -> GameDay:
    return GameDay(
        name=whole.gameday,
        steps=tuple(_step(whole, one, document, at) for at, one in enumerate(whole.steps)),
        summary=" ".join(whole.summary.split()),
        roles=tuple(Person(one.role, one.name, one.does) for one in whole.roles),
        time_box=whole.time_box,
        stop_when=tuple(whole.stop_when),
        safety_lever=whole.safety_lever,
        dead_man=whole.dead_man,
        rollback=tuple(RollbackCheck(one.http, one.status) for one in whole.rollback),
        pages=tuple(
            Page(one.webhook, tuple(one.when), document.where(("page", at, "webhook")))
            for at, one in enumerate(whole.page)
        ),
        source=text,
    )


def _step(whole: DayFile, one: DayStepFile, document: Document, at: int) -> Step:
    what = one.scenario or one.fault or ""
    approval = one.approval if "approval" in one.model_fields_set else whole.approval
    expect = one.expect
    codes = None if expect.findings is None else tuple(expect.findings)
    settings = [*_settings(whole, one, document, at)]
    return Step(
        number=at + 1,
        name=one.name or (stem(what) if one.scenario else what),
        kind="scenario" if one.scenario else "fault",
        what=what,
        where=document.where(("steps", at, "scenario" if one.scenario else "fault")),
        expect=Expect(expect.verdict, codes, tuple(expect.objectives), " ".join(expect.summary.split())),
        approval=_approval(approval),
        disabled=tuple(one.disabled),
        duration_scale=one.duration_scale,
        sets=tuple(setting for setting, _ in settings),
        places=tuple(place for _, place in settings),
    )


def _approval(found: ApprovalFile | None) -> Approval | None:
    return None if found is None else Approval(found.by or "", found.file)


def _settings(whole: DayFile, one: DayStepFile, document: Document, at: int) -> Iterator[tuple[str, Where]]:
    """The plan's changes to a step's scenario as `--set` takes them, each with its place."""
    # JSON, because any of it reads back as YAML in one line
    data, step = document.data, ("steps", at)
    target: dict[str, Any] = data.get("target") or {}
    if one.scenario is not None:
        for key, value in target.items():
            yield f"target.{key}={_json(value)}", document.where(("target", key))
        for key in _replaced(target):
            yield f"target.{key}=null", document.where(("target",))
    for key, value in one.set.items():
        yield f"{key}={_json(value)}", document.where((*step, "set", key))
    for number, text in enumerate(one.expect.objectives):
        yield f"objectives+={_json(text)}", document.where((*step, "expect", "objectives", number))
    for number, condition in enumerate(whole.stop_when):
        yield f"stop_when+={_json(condition)}", document.where(("stop_when", number))


def _replaced(target: dict[str, Any]) -> Sequence[str]:
    """Keys of a scenario's target that mean nothing beside the plan's: another app's start, another way of asking."""
    told = ["start"] if "url" in target and "start" not in target else []
    told += ["operations"] if "operation" in target else []
    return [*told, "operation"] if "operations" in target else told


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
