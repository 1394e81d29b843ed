"""What stops a run by itself: conditions on what users get, and probes of the world outside."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from chaosllm.errors import Level
from chaosllm.language.bounds import read_each
from chaosllm.language.diagnosis import diagnose
from chaosllm.language.expression import WINDOW, read_stop
from chaosllm.language.kinds import Model, Positive
from chaosllm.language.rules import adapter_of
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.probes import Probe
from chaosllm.registry import UnknownMember, member, members
from chaosllm.scenario import StopCondition, StopProbe
from chaosllm.spelling import cut, nearest, suggest
from chaosllm.units import format_duration

#: Each probe is asked by a task of its own, all through the run.
PROBES_AT_MOST = 20
_EXAMPLE = "such as {http: /healthz, status: 200, failures: 3}"


def _pace(value: float) -> float:
    if not 0.1 <= value <= 3600:
        raise ValueError(f"found {format_duration(value)}, expected 100ms to 1h")
    return value


def _patience(value: float) -> float:
    if value > 60:
        raise ValueError(f"found {format_duration(value)}, expected at most 60s")
    return value


class ProbeFile(Model):
    """What every probe may hold beside its own fields."""

    every: Annotated[
        Annotated[Positive, AfterValidator(_pace)] | None,
        Field(description="time from one asking to the next, 100ms at least"),
    ] = None
    timeout: Annotated[
        Annotated[Positive, AfterValidator(_patience)],
        Field(description="after which nobody waits for an answer, 60s at most"),
    ] = 2.0
    failures: Annotated[
        int | None, Field(ge=1, le=1000, description="so many running stop the run; an answer in between begins anew")
    ] = None


HEAD = tuple(ProbeFile.model_fields)


@dataclass(frozen=True, slots=True)
class Stops:
    """What `stop_when` holds, by what it looks at."""

    conditions: tuple[StopCondition, ...] = ()
    probes: tuple[StopProbe, ...] = ()


def check_stops(document: Document, problems: Problems, path: Path = ("stop_when",)) -> Stops:
    """The sound items of the list at `path`; what is wrong with the others is noted."""
    listed: Any = document.data
    for part in path:
        listed = listed.get(part) if isinstance(listed, dict) else None
    items = listed if isinstance(listed, list) else []

    def condition(text: str, at: int) -> StopCondition:
        found = read_stop(text, later=_known_later)
        if found.metric.startswith("latency_") and found.window != WINDOW:
            what = f"{found.metric} is told over the last {format_duration(WINDOW)} while a run goes on"
            problems.add(document.where((*path, at)), what, f"write {found.metric} alone", Level.WARNING)
        return found

    conditions = read_each(document, problems, path, items, condition)
    probes = []
    for at, item in enumerate(items):
        if problems.full:
            break
        if isinstance(item, dict) and not any("(" in str(key) for key in item):
            probes.append(_probe(document, problems, (*path, at), item))
    if len(probes) > PROBES_AT_MOST:
        what = f"{len(probes)} probes, expected at most {PROBES_AT_MOST}"
        problems.add(document.where_key(path), what, "each is asked all through the run: use fewer")
    return Stops(tuple(conditions), tuple(one for one in probes if one is not None))


def _known_later() -> list[str]:
    return [*members("metrics"), *members("findings")]  # late, because metrics load numpy


def _probe(document: Document, problems: Problems, path: Path, item: dict[str, Any]) -> StopProbe | None:
    kind = _kind(document, problems, path, item)
    head = None
    try:
        own = {key: value for key, value in item.items() if key in HEAD}
        head = ProbeFile.model_validate_json(json.dumps(own), strict=True)
    except ValidationError as error:
        diagnose(error, document, path, problems, schema=ProbeFile.model_json_schema)
    if kind is None:
        return None
    adapter = adapter_of(kind)
    try:
        own = {key: value for key, value in item.items() if key not in HEAD}
        probe: Probe = adapter.validate_json(json.dumps(own), strict=True)
    except ValidationError as error:
        diagnose(error, document, path, problems, schema=adapter.json_schema, also=HEAD)
        return None
    if head is None:
        return None
    return StopProbe(probe, head.every or kind.every, head.timeout, head.failures or kind.failures)


def _kind(document: Document, problems: Problems, path: Path, item: dict[str, Any]) -> Any:
    """The class of the probe that an item of `stop_when` is; None, with the problem noted, when it is none."""
    known = members("probes")
    named = [key for key in item if key in known]
    if len(named) == 1:
        return known[named[0]]
    if named:
        what = f"found `{named[0]}` and `{named[1]}` in one item, and a probe is one of them"
        problems.add(document.where_key((*path, named[1])), what, "begin another item with `- `")
        return None
    others = [str(key) for key in item if key not in HEAD]
    for key in others:
        try:
            member("probes", key)
        except UnknownMember as error:
            if error.close or "plugin" in error.what:
                problems.add(document.where_key((*path, key)), error.what, error.hint)
                return None
    near = next((key for key in others if nearest(key, known)), others[0] if others else "")
    what = f"there is no probe `{cut(near)}`" if near else "found no probe"
    problems.add(document.where(path), what, f"{suggest(near, known)}, {_EXAMPLE}")
    return None
