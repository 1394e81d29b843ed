"""A suite: which scenarios belong together, in which order, and what each changes; its text to data, or Problems.

A file is a suite when it says `suite:`. Unlike a scenario's paths, a suite's may lead into the folder
above its own, because suites lie in a folder beside the scenarios.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from chaosllm.errors import Problem, Where
from chaosllm.language.accept import AcceptFile, build_accept, check_accept
from chaosllm.language.diagnosis import diagnose
from chaosllm.language.kinds import Model, Name
from chaosllm.language.yaml_nodes import Document, Problems, compose
from chaosllm.scenario import Acceptance
from chaosllm.spelling import cut, nearest, shorten, suggest

#: What a file must hold to pass for a scenario among the other YAML of a folder: who it is, and what it does.
_WHO, _WHAT = ("version", "name"), ("phases", "upstreams", "include", "objectives", "hypothesis")

type Kind = Literal["scenario", "suite", "gameday", "other"]

#: For a path where no scenario lies, those that do, relative to the suite's folder; None for one where one lies.
type Others = Callable[[str], Sequence[str] | None]


def check_scenario_path(value: str) -> str:
    """The path of a scenario from the folder of what names it, in one spelling."""
    plain = posixpath.normpath(value) if value else ""
    parts = plain.split("/")
    if not re.search(r"\.ya?ml$", plain) or parts[0] == "~" or re.search(r"[\\:\x00]|^/", plain):
        raise ValueError(f"found {shorten(value)}, expected the path of a scenario, such as ../calm.yaml")
    if parts[1:2] == [".."]:
        raise ValueError(f"found {shorten(value)}, expected a path that stays in the folder above this file's")
    return plain


def _entry(value: object) -> object:
    return {"scenario": value} if isinstance(value, str) else value


class EntryFile(Model):
    """A scenario of a suite, with what is changed for it."""

    scenario: Annotated[str, AfterValidator(check_scenario_path)]
    name: Name | None = None
    set: dict[str, Any] = {}
    duration_scale: Annotated[float, Field(gt=0, lt=10_000)] = 1.0


class SuiteFile(Model):
    """Scenarios that run one after the other."""

    version: Literal[1]
    suite: Name
    summary: str = ""
    scenarios: Annotated[list[Annotated[EntryFile, BeforeValidator(_entry)]], Field(min_length=1)]
    accept: Annotated[list[AcceptFile], Field(description="findings that are known, in any of the scenarios")] = []


@dataclass(frozen=True, slots=True)
class Entry:
    """A scenario of a suite. `path` is relative to the suite's folder; `places` are those of `sets`, in order."""

    path: str
    where: Where
    sets: tuple[str, ...] = ()
    places: tuple[Where, ...] = ()
    duration_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Suite:
    """What a suite's file says."""

    name: str
    summary: str
    entries: tuple[Entry, ...]
    accept: tuple[Acceptance, ...] = ()


@dataclass(frozen=True, slots=True)
class SuiteReading:
    """What came of reading a suite: None when any problem is an error."""

    suite: Suite | None
    problems: list[Problem]


def kind_of(text: str | bytes) -> Kind:
    """What a YAML file is, by its keys; one that cannot be read counts as a scenario, whose reader says why."""
    document = compose(text, "", Problems())
    if document is None:
        return "scenario"
    data = document.data
    if not isinstance(data, dict):
        return "other"
    if "gameday" in data:
        return "gameday"
    if "suite" in data:
        return "suite"
    return "scenario" if all(any(key in data for key in keys) for keys in (_WHO, _WHAT)) else "other"


def read_suite(text: str | bytes, file: str, others: Others | None = None) -> SuiteReading:
    """Read a suite. Never raises for what the text holds; without `others` no scenario is looked for."""
    problems = Problems()
    document = compose(text, file, problems)
    if document is None:
        return SuiteReading(None, problems.sorted())
    if not isinstance(document.data, dict):
        what = f"found {shorten(document.data)}, expected a mapping with version, suite and scenarios"
        problems.add(document.where(()), what)
        return SuiteReading(None, problems.sorted())
    whole = None
    try:
        # JSON, because only there does pydantic's strict mode take a list for a tuple
        whole = SuiteFile.model_validate_json(json.dumps(document.data), strict=True)
    except ValidationError as error:
        diagnose(error, document, (), problems, schema=SuiteFile.model_json_schema)
    _listed(document, problems, others)
    check_accept(document, problems, None)
    if whole is None or problems:
        return SuiteReading(None, problems.sorted())
    entries = tuple(_build(one, document, at) for at, one in enumerate(whole.scenarios))
    suite = Suite(whole.suite, whole.summary, entries, build_accept(whole.accept, document))
    return SuiteReading(suite, problems.sorted())


def _listed(document: Document, problems: Problems, others: Others | None) -> None:
    """What no model can see: a scenario that is missing, and one that stands there twice."""
    items = document.data.get("scenarios")
    first: dict[str, Where] = {}
    for at, item in enumerate(items if isinstance(items, list) else []):
        entry = _entry(item)
        path = entry.get("scenario") if isinstance(entry, dict) else None
        where = document.where(("scenarios", at, "scenario"))
        if problems.full or not isinstance(entry, dict) or not isinstance(path, str):
            continue
        try:
            plain = check_scenario_path(path)
        except ValueError:  # the model says it
            continue
        if (known := others(plain) if others else None) is not None:
            problems.add(where, f"there is no scenario {cut(path, 100)}", meant(plain, known))
            continue
        name = str(entry.get("name") or plain)
        if name in first:
            what = f"`{cut(name, 100)}` is listed twice, first on line {first[name].line}"
            problems.add(where, what, "remove one, or give each a `name` of its own")
        first.setdefault(name, where)


def meant(path: str, known: Sequence[str]) -> str:
    """The scenario that a wrong path probably means: the same file elsewhere, or one that looks like it."""
    stems = {posixpath.splitext(posixpath.basename(one))[0]: one for one in reversed(known)}
    close = nearest(posixpath.splitext(posixpath.basename(path))[0], stems)
    if close:
        return f"did you mean {' or '.join(stems[stem] for stem in close[:2])}?"
    return suggest(path, known)


def _build(entry: EntryFile, document: Document, at: int) -> Entry:
    where = document.where(("scenarios", at, "scenario"))
    # JSON, because any of it reads back as YAML in one line
    changes = {key: (value, document.where(("scenarios", at, "set", key))) for key, value in entry.set.items()}
    if entry.name is not None:
        changes["name"] = (entry.name, document.where(("scenarios", at, "name")))
    sets = tuple(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, (value, _) in changes.items())
    return Entry(entry.scenario, where, sets, tuple(place for _, place in changes.values()), entry.duration_scale)
