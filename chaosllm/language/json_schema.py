"""The JSON Schemas of scenarios, suites and game-day plans, made from the models and the registry, for editors.

Looser than the reader by nature: it knows no second key, no file and no line. Whatever the reader
takes, it takes too.
"""

from __future__ import annotations

import inspect
import json
import re
from typing import Any

from chaosllm.language.expression import LIVE, SHORT
from chaosllm.language.gameday_model import DayFile
from chaosllm.language.hover import HOVER, RULE, SUITE
from chaosllm.language.model import RuleFile, ScenarioFile
from chaosllm.language.repeats import GroupFile
from chaosllm.language.rules import adapter_of
from chaosllm.language.stops import ProbeFile
from chaosllm.language.suite import SuiteFile
from chaosllm.registry import members

_USE = r"\$\{(?!env:)[A-Za-z_][A-Za-z0-9_]*(:-[^{}]*)?\}"
#: A stop condition as far as an editor can tell: a metric that is known while a run goes on, and a comparator.
_CONDITION = {
    "type": "string",
    "pattern": rf"^\s*({'|'.join((*LIVE, *SHORT))})\s*(\([^()]*\))?\s*(<=?|>=?|==)\s*[0-9]",
}
_PARAMETER = {"$ref": "#/$defs/Parameter"}
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def build(*, fillable: bool = True) -> dict[str, Any]:
    """The whole schema; its rules are one branch for each fault.

    `fillable`: whether it takes parameters, as a file may hold, or what they stand for alone.
    """
    schema: dict[str, Any] = ScenarioFile.model_json_schema()
    shared = schema["$defs"]
    head = RuleFile.model_json_schema()
    shared.update(head.pop("$defs", {}))
    for key, line in RULE.items():
        head["properties"][key].setdefault("description", line)
    names = []
    for name, fault in members("faults").items():
        own = _member(name, fault, shared)
        own["properties"] = {
            "fault": {"const": name, "description": fault.summary},
            **own.get("properties", {}),
            **{key: value for key, value in head["properties"].items() if key != "fault"},
        }
        own["required"] = ["fault", *own.get("required", [])]
        shared[f"fault_{name}"] = own
        names.append(name)
    shared["Rule"] = {
        "description": "A fault, when it fires, and which calls it may touch.",
        "type": "object",
        "required": ["fault"],
        # `fault` by itself, so that an editor offers all names before it knows which branch is meant
        "properties": {"fault": {"enum": names, "description": "what goes wrong; `chaosllm list faults` shows all"}},
        "anyOf": [
            *({"$ref": f"#/$defs/fault_{name}"} for name in names),
            {"properties": {"fault": {"pattern": _USE}}},
        ],
    }
    shared["PhaseFile"]["properties"]["rules"]["items"] = {"$ref": "#/$defs/Rule"}
    schema["properties"]["stop_when"]["items"] = {"anyOf": [_CONDITION, *_probes(shared)]}
    _compose(schema)
    shared["UpstreamFile"]["properties"]["provider"] = {"enum": list(members("providers"))}
    shared["AcceptFile"]["properties"]["finding"] = {"enum": list(members("findings"))}
    named = _told(schema, HOVER)
    if fillable:
        named = _fillable(named)
        named["$defs"]["Parameter"] = {
            "description": "A parameter of the scenario: ${rate}, or ${rate:-20/s} with what it is unless it is set.",
            "type": "string",
            "pattern": _USE,
        }
    return {"$schema": DIALECT, "title": "chaosllm scenario", **named}


def _member(name: str, kind: Any, shared: dict[str, Any]) -> dict[str, Any]:
    """The schema of what a member's own fields hold; what it refers to is put under `shared`."""
    own: dict[str, Any] = adapter_of(kind).json_schema(ref_template="#/$defs/" + name + "_{model}")
    shared.update({f"{name}_{key}": value for key, value in own.pop("$defs", {}).items()})
    own["description"] = inspect.getdoc(kind) or kind.summary
    about = getattr(kind, "about", {})  # a plugin's may tell of itself alone
    for key, field in own.get("properties", {}).items():
        field.setdefault("description", about.get(key, own["description"]))
    own["additionalProperties"] = False
    return own


def _probes(shared: dict[str, Any]) -> list[dict[str, str]]:
    """A reference to the definition of each probe, which is put under `shared`."""
    head = ProbeFile.model_json_schema()["properties"]
    for name, probe in members("probes").items():
        own = _member(name, probe, shared)
        own["properties"] |= head
        shared[f"probe_{name}"] = own
    return [{"$ref": f"#/$defs/probe_{name}"} for name in members("probes")]


def build_suite() -> dict[str, Any]:
    """The schema of a suite; each of its scenarios is a path, or a mapping with one."""
    schema = SuiteFile.model_json_schema()
    items = schema["properties"]["scenarios"]["items"]
    schema["properties"]["scenarios"]["items"] = {
        "anyOf": [{"type": "string", "description": "the path of a scenario, such as ../calm.yaml"}, items]
    }
    schema["$defs"]["AcceptFile"]["properties"]["finding"] = {"enum": list(members("findings"))}
    return {"$schema": DIALECT, "title": "chaosllm suite", **_told(schema, SUITE)}


def build_gameday() -> dict[str, Any]:
    """The schema of a game-day plan; what `with` may hold is said for each fault."""
    schema = DayFile.model_json_schema()
    shared = schema["$defs"]
    step = shared["DayStepFile"]["properties"]
    for holder in (schema["properties"], step):
        words = {"enum": ["each", "none"], "description": "each: somebody must say yes; none: it begins by itself"}
        about = holder["approval"]["description"]
        holder["approval"] = {"anyOf": [words, {"$ref": "#/$defs/ApprovalFile"}], "description": about}
    shared.pop("Approving")
    shared["DayStepFile"]["oneOf"] = [{"required": ["scenario"]}, {"required": ["fault"]}]
    step["fault"] = {"enum": [*members("faults")], "description": step["fault"]["description"]}
    shared["ExpectFile"]["properties"]["findings"]["anyOf"][0]["items"] = {"enum": [*members("findings")]}
    shared["UpstreamFile"]["properties"]["provider"] = {"enum": [*members("providers")]}
    shown = {key: lines for key, lines in HOVER.items() if key in shared or f"{key}File" in shared}
    told = _told(schema, shown)
    rules = build(fillable=False)["$defs"]
    told["$defs"]["DayStep"]["allOf"] = [_of_fault(name, rules[f"fault_{name}"]) for name in members("faults")]
    waiting = _referred(told["$defs"]["DayStep"])
    while waiting:  # what the rules refer to, and nothing else of the scenario's schema
        one = min(waiting)  # a set has no order, and the shipped text must have one
        waiting.remove(one)
        if one not in told["$defs"]:
            told["$defs"][one] = rules[one]
            waiting |= _referred(rules[one])
    return {"$schema": DIALECT, "title": "chaosllm game day", **told}


def _of_fault(name: str, rule: dict[str, Any]) -> dict[str, Any]:
    """That `with` beside a fault holds the fields of its rule."""
    fields = {key: value for key, value in rule["properties"].items() if key != "fault"}
    needed = [key for key in rule["required"] if key != "fault"]
    within = {"type": "object", "properties": fields, "additionalProperties": False, "required": needed}
    return {
        "if": {"required": ["fault"], "properties": {"fault": {"const": name}}},
        "then": {"properties": {"with": within}, **({"required": ["with"]} if needed else {})},
    }


def _referred(schema: Any) -> set[str]:
    """The definitions that a piece of a schema names."""
    return set(re.findall(r'"#/\$defs/([^"]+)"', json.dumps(schema)))


def text(schema: dict[str, Any] | None = None) -> str:
    """A schema as it is shipped; that of scenarios when none is given."""
    return json.dumps(schema or build(), indent=1, ensure_ascii=False) + "\n"


def _told(schema: dict[str, Any], hover: dict[str, dict[str, str]]) -> dict[str, Any]:
    """With a line for each key, and definitions called as an editor shows them: the model's are PhaseFile and so on."""
    named: dict[str, Any] = json.loads(re.sub(r'\b([A-Z][A-Za-z]+?)File"', r'\1"', json.dumps(_plain(schema))))
    for definition, lines in hover.items():
        properties = (named["$defs"][definition] if definition else named)["properties"]
        for key, line in lines.items():
            properties[key].setdefault("description", line)
    return named


def _compose(schema: dict[str, Any]) -> None:
    """Let a file leave to others what it includes, a list include its items, and phases stand in groups."""
    shared = schema["$defs"]
    group = GroupFile.model_json_schema()
    shared.update(group.pop("$defs", {}))
    shared["GroupFile"] = group
    files = schema["properties"]["include"]["anyOf"]
    shared["Include"] = {
        "description": "Items of this list that stand in another file.",
        "type": "object",
        "required": ["include"],
        "additionalProperties": False,
        "properties": {
            "include": {
                "description": "a file in the scenario's folder that holds one item or a list of them",
                "anyOf": [one for one in files if one != {"type": "null"}],
            }
        },
    }
    lists = [schema["properties"][key] for key in ("phases", "upstreams", "objectives", "stop_when")]
    for found in (*lists, shared["PhaseFile"]["properties"]["rules"]):
        found["items"] = {"anyOf": [*found["items"].get("anyOf", [found["items"]]), {"$ref": "#/$defs/Include"}]}
    phases = schema["properties"]["phases"]["items"]["anyOf"]
    group["properties"]["phases"]["items"] = {"anyOf": [*phases]}
    phases.insert(1, {"$ref": "#/$defs/GroupFile"})
    schema["anyOf"] = [{"required": schema.pop("required")}, {"required": ["include"]}]


def _plain(schema: Any) -> Any:
    """Without pydantic's titles, which say each key again; and units with the bare numbers that need none."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: _plain(item) for name, item in value.items()} if key in ("properties", "$defs") else _plain(value)
        for key, value in schema.items()
        if key != "title"
    }
    if found.get("type") == "string" and "examples" in found:  # a quantity
        unit: dict[str, Any] = {key: found.pop(key) for key in ("type", "pattern", "examples") if key in found}
        pattern = str(unit.get("pattern", ""))
        if pattern:
            unit["pattern"] = rf"^\s*{pattern.removeprefix('^').removesuffix('$')}\s*$"
        return {"anyOf": [unit, {"enum": [0, 1] if "%" in pattern else [0]}], **found}
    return found


def _fillable(schema: Any) -> Any:
    """With a parameter in place of whatever is no free text."""
    if isinstance(schema, list):
        return [_fillable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: {name: _fillable(item) for name, item in value.items()}
        if key in ("properties", "$defs")
        else _fillable(value)
        for key, value in schema.items()
    }
    number = found.get("type") in ("integer", "number", "boolean") and "const" not in found
    if number or "enum" in found or "pattern" in found:
        own = {key: found.pop(key) for key in list(found) if key not in ("description", "default")}
        return {"anyOf": [own, _PARAMETER], **found}
    if any(_PARAMETER in one.get("anyOf", ()) for one in found.get("anyOf", ())):  # said once is enough
        branches = [inner for one in found["anyOf"] for inner in (one["anyOf"] if set(one) == {"anyOf"} else [one])]
        found["anyOf"] = [*(one for one in branches if one != _PARAMETER), _PARAMETER]
    return found
