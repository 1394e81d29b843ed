"""Phases that repeat and shuffle: `{name: block, repeat: 3, shuffle: true, phases: [...]}` to flat phases.

Laws:
1. The phase `storm` of a group becomes `storm-1`, `storm-2` ..., and each remembers its `block`, storm: an
   objective on `storm` judges all of them together.
2. The order in a round is drawn from the seed, the group's name and the round: the same in every process.
3. A rule's name gets the number of its phase, because a rule's name is an identity.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field, ValidationError

from chaosllm.language.diagnosis import diagnose
from chaosllm.language.grafting import graft, note
from chaosllm.language.kinds import Model, PhaseName
from chaosllm.language.yaml_nodes import NODES_AT_MOST, Document, Path, Problems
from chaosllm.trigger import draw

PHASES_AT_MOST = 200


class GroupFile(Model):
    """Phases that come several times, as one: their order may be shuffled, round by round, by the seed."""

    name: PhaseName
    repeat: Annotated[
        int, Field(ge=1, le=100, description="how many rounds; phases are named storm-1, storm-2 ...")
    ] = 1
    shuffle: Annotated[bool, Field(description="whether each round has an order of its own, drawn from the seed")] = (
        False
    )
    phases: Annotated[list[Any], Field(min_length=1, description="the phases of a round; objectives name them")]


def is_group(item: Any) -> bool:
    """Whether an item of `phases` is a group of phases."""
    return isinstance(item, dict) and "phases" in item


def expand(document: Document, problems: Problems) -> bool:
    """Change the document in place to flat phases; whether there was anything to change."""
    listed = document.data.get("phases")
    if not isinstance(listed, list) or not any(is_group(item) for item in listed):
        return False
    groups = {at: _group(document, at, item, problems) for at, item in enumerate(listed) if is_group(item)}
    count = sum(groups[at].repeat * len(groups[at].phases) if at in groups else 1 for at in range(len(listed)))
    nodes = sum(groups[at].repeat * _size(item) if at in groups else _size(item) for at, item in enumerate(listed))
    if count > PHASES_AT_MOST or nodes > NODES_AT_MOST:
        what = f"{count} phases, expected at most {PHASES_AT_MOST}"
        if count <= PHASES_AT_MOST:
            what = f"more than {NODES_AT_MOST} values"
        problems.add(document.where_key(("phases",)), f"with its groups repeated the file holds {what}", "repeat less")
        groups = {at: group.model_copy(update={"repeat": 1}) for at, group in groups.items()}
    flat = Document({}, {(): document.where(())}, {}, document.size)
    for key in document.data:
        if key != "phases":
            flat.data[key] = graft(document, (key,), flat, (key,))
            continue
        note(document, (key,), flat, (key,))
        found: list[Any] = []
        flat.data[key] = found
        for at in range(len(listed)):
            if at in groups:
                _rounds(document, at, groups[at], flat)
            else:
                found.append(graft(document, (key, at), flat, (key, len(found))))
    document.data, document.values, document.keys = flat.data, flat.values, flat.keys
    return True


def _group(document: Document, at: int, item: dict[str, Any], problems: Problems) -> GroupFile:
    """The group; where it is wrong, one round of what phases it holds."""
    inner = item["phases"]
    phases = inner if isinstance(inner, list) else []
    for place, phase in enumerate(phases):
        if is_group(phase):
            where = document.where_key(("phases", at, "phases", place, "phases"))
            problems.add(where, "found a group of phases inside another", "write its phases out here")
            phase.pop("phases")
    try:
        return GroupFile.model_validate_json(json.dumps(item), strict=True)
    except ValidationError as error:
        diagnose(error, document, ("phases", at), problems, schema=GroupFile.model_json_schema)
    return GroupFile.model_construct(name="", repeat=1, shuffle=False, phases=phases)


def _rounds(document: Document, at: int, group: GroupFile, flat: Document) -> None:
    found, seed = flat.data["phases"], document.data.get("seed", 0)
    for number in range(1, group.repeat + 1):
        order = list(range(len(group.phases)))
        if group.shuffle and isinstance(seed, int):
            drawn = [draw(seed, "shuffle", group.name, number, place) for place in order]
            order.sort(key=drawn.__getitem__)
        for place in order:
            there: Path = ("phases", len(found))
            phase = graft(document, ("phases", at, "phases", place), flat, there)
            found.append(phase)
            if isinstance(phase, dict) and isinstance(phase.get("name"), str):
                name = phase["name"]
                flat.values[*there, "block"] = flat.keys[*there, "block"] = flat.where((*there, "name"))
                phase.update(name=f"{name}-{number}", block=name)
                _number_rules(phase, name, number)


def _number_rules(phase: dict[str, Any], name: str, number: int) -> None:
    """Give the rules of one round names of their own, and follow them where another rule names them."""
    listed = phase.get("rules")
    rules = [rule for rule in listed if isinstance(rule, dict)] if isinstance(listed, list) else []
    names = {f"{name}.{at}": f"{name}-{number}.{at}" for at in range(len(rules))}
    for rule in rules:
        if isinstance(said := rule.get("name"), str):
            rule["name"] = names[said] = f"{said}-{number}"
    for rule in rules:
        when = rule.get("when")
        if not isinstance(when, dict):
            continue
        other = when.get("correlated")
        if isinstance(other, str):
            when["correlated"] = names.get(other, other)
        elif isinstance(other, dict) and isinstance(other.get("with"), str):
            other["with"] = names.get(other["with"], other["with"])


def _size(data: Any) -> int:
    if isinstance(data, dict):
        return 1 + sum(_size(value) for value in data.values())
    if isinstance(data, list):
        return 1 + sum(_size(value) for value in data)
    return 1
