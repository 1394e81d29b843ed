"""What pydantic found wrong, said as Problems: where it stands, what was found, what would work."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from chaosllm.language.match import MatchFile
from chaosllm.language.when import WhenFile
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.spelling import cut, nearest, shorten, suggest

#: What a missing key could look like.
_EXAMPLES = {
    "version": "version: 1",
    "name": "name: rate-limit-storm",
    "phases": "phases: [{name: baseline, duration: 60s}]",
    "upstreams": "upstreams: [{provider: openai, url: simulator}]",
    "duration": "duration: 60s",
    "provider": "provider: openai",
    "url": "url: simulator",
    "command": "command: [python, -m, myapp]",
    "fault": "fault: rate_limit",
    "from": "window: {from: 5s, to: 20s}",
    "to": "window: {from: 5s, to: 20s}",
}
_TYPES = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "dataclass": "a mapping",
}
_LOOKED_AT = 50  # unknown keys among which a missing one is searched; difflib is slow, and no mapping has as many keys
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")  # of a model, and of a dataclass
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "greater_than": ("gt", "more than"),
    "less_than_equal": ("le", "at most"),
    "less_than": ("lt", "less than"),
}


def diagnose(
    error: ValidationError,
    document: Document,
    base: Path,
    problems: Problems,
    *,
    schema: Callable[[], Mapping[str, Any]],
    also: Collection[str] = (),
) -> None:
    """Note what is wrong with the value at `base`.

    `schema` gives the value's JSON Schema, asked for only when a key is unknown; `also` are keys
    allowed at its top that the schema does not hold.
    """
    errors = [(found, *_resolve(document.data, base, found["loc"])) for found in error.errors(include_url=False)]
    unknown: dict[Path, list[str]] = {}
    for found, path, _ in errors:
        if found["type"] in _UNKNOWN_KEY:
            unknown.setdefault(path[:-1], []).append(str(path[-1]))
    for found, path, rest in errors:
        if problems.full:
            return
        kind = found["type"]
        if kind in _UNKNOWN_KEY:
            top = also if path[:-1] == base else ()
            _unknown_key(path, document, problems, lambda path=path, top=top: _near(path, base, _made(schema), top))  # type: ignore[misc]  # bound by the defaults
        elif kind == "missing":
            key = str(rest[-1]) if rest else "a key"
            if nearest(key, unknown.get(path, [])[:_LOOKED_AT]):
                continue  # it is there, but misspelt, and that is said
            around = f" in `{label(path)}`" if path else ""
            hint = (
                f"such as {_EXAMPLES[key]}" if key in _EXAMPLES else _choices(_made(schema), (*path[len(base) :], key))
            )
            problems.add(document.where(path), f"`{key}` is missing{around}", hint, same=key)
        else:
            what, hint = _explain(kind, found, path)
            place = _named(what, path, document) if kind == "value_error" else path
            said = place == path and path and not isinstance(path[-1], int)  # else the line and the words say it
            problems.add(document.where(place), f"{label(path)}: {what}" if said else what, hint)


def _named(what: str, path: Path, document: Document) -> Path:
    """The path of the key that a fault's complaint about its fields names first; without one, the fault's own."""
    data = document.data
    for part in path:
        data = data[part]
    words = re.findall(r"\w+", what) if isinstance(data, dict) and path and isinstance(path[-1], int) else []
    return (*path, *[word for word in words if word in data][:1])


def label(path: Path) -> str:
    """A path as a person says it: `when.share`, from the last list on; the line says the rest."""
    parts: list[str] = []
    for part in reversed(path):
        if isinstance(part, int):
            if parts:
                break
        else:
            parts.append(part)
    return ".".join(reversed(parts))


def _resolve(data: Any, base: Path, loc: tuple[str | int, ...]) -> tuple[Path, tuple[str | int, ...]]:
    """(the path in the document, what of pydantic's location is not in it: branches and missing keys)."""
    path, rest = list(base), []
    for part in base:
        data = data[part]
    for part in loc:
        inside = part in data if isinstance(data, dict) else isinstance(data, list) and isinstance(part, int)
        if inside and not (isinstance(data, list) and int(part) >= len(data)):
            path.append(part)
            data = data[part]
        else:
            rest.append(part)
    return tuple(path), tuple(rest)


def _unknown_key(path: Path, document: Document, problems: Problems, hint: Callable[[], str]) -> None:
    key, parent = str(path[-1]), path[:-1]
    around = f" in `{label(parent)}`" if parent else ""
    problems.add(document.where_key(path), f"unknown key `{cut(key)}`{around}", hint)


@lru_cache(100)
def _made(schema: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
    """A value's JSON Schema, kept because pydantic takes 5 ms to make one."""
    return schema()


def _near(path: Path, base: Path, schema: Mapping[str, Any], also: Collection[str]) -> str:
    """What an unknown key was probably meant to be."""
    key = str(path[-1])
    allowed = _keys(schema, path[len(base) : -1])
    if also:  # the top of a rule: its conditions are often written one level too high
        for word, model in (("when", WhenFile), ("match", MatchFile)):
            if key in _names(model) and key not in allowed:
                return f"write {word}: {{{key}: ...}}"
    elif path == ("rules",):
        return "rules stand in a phase: phases: [{name: storm, duration: 60s, rules: [...]}]"
    return suggest(key, sorted({*allowed, *also}))


def _names(model: Any) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def _keys(schema: Mapping[str, Any], path: Path) -> set[str]:
    """The keys that a JSON Schema allows at a path; over all branches where it has several."""
    level = [schema]
    for part in path:
        level = [child for branch in _branches(level, schema) for child in _children(branch, part)]
    return {key for branch in _branches(level, schema) for key in branch.get("properties", {})}


def _choices(schema: Mapping[str, Any], path: Path) -> str:
    """The words that may stand at a path, where the schema lists them."""
    level: list[Mapping[str, Any]] = [schema]
    for part in path:
        level = [child for branch in _branches(level, schema) for child in _children(branch, part)]
    words = [str(word) for branch in _branches(level, schema) for word in branch.get("enum", ())]
    return f"expected one of {', '.join(words)}" if words else ""


def _children(branch: Mapping[str, Any], part: str | int) -> list[Mapping[str, Any]]:
    child = branch.get("items") if isinstance(part, int) else branch.get("properties", {}).get(part)
    return [child] if isinstance(child, dict) else []


def _branches(schemas: list[Mapping[str, Any]], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    waiting = list(schemas)
    while waiting:
        schema = waiting.pop()
        if "$ref" in schema:
            waiting.append(root["$defs"][schema["$ref"].rsplit("/", 1)[-1]])
        waiting.extend(schema.get("anyOf", ()))
        waiting.extend(schema.get("oneOf", ()))
        found.append(schema)
    return found


def _explain(kind: str, found: Mapping[str, Any], path: Path) -> tuple[str, str]:
    """(what, hint) for an error about a value."""
    value, context = found["input"], found.get("ctx", {})
    seen = f"found {shorten(value)}"
    if kind == "value_error":
        return cut(str(context["error"]), 300), ""
    if kind in ("literal_error", "enum"):
        choices = re.findall(r"'([^']*)'", context["expected"])
        hint = suggest(value, choices) if isinstance(value, str) and choices else ""
        expected = context["expected"].replace("True", "true")  # YAML's spelling
        return f"{seen}, expected {expected}", hint if hint.startswith("did") else ""
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{seen}, expected {words} {context[name]}", ""
    if kind == "too_short":
        return f"{seen}, expected at least {context['min_length']}", _EXAMPLES.get(str(path[-1]), "") if path else ""
    if kind in ("int_from_float", "int_parsing", "int_parsing_size"):
        return f"{seen}, expected a whole number", ""
    expected = _TYPES.get(kind.removesuffix("_type").removesuffix("_attributes"))
    if expected is None:
        return f"{seen}: {found['msg'][:1].lower()}{found['msg'][1:]}", ""
    return f"{seen}, expected {expected}", _type_hint(expected, value, path)


def _type_hint(expected: str, value: object, path: Path) -> str:
    key = path[-1] if path else ""
    if value is None and key in _EXAMPLES:
        return f"such as {_EXAMPLES[str(key)]}"
    if expected == "text" and isinstance(value, bool | int | float):
        return f'quote it: "{str(value).lower()}"'
    if expected == "a mapping" and key == "when" and isinstance(value, str):
        return f"write when: {{share: {value}}}" if value.endswith("%") else "leave `when` out for always"
    if expected == "a mapping" and isinstance(value, str) and path[-2:-1] == ("upstreams",):
        return f"write {{provider: {cut(value, 30)}, url: simulator}}"
    if expected == "a list" and isinstance(value, str):
        return f"write [{cut(value, 30)}]"
    if expected == "a list" and isinstance(value, dict):
        return "begin each item with `- `"
    if expected == "a whole number" and isinstance(value, str) and value.strip().isdigit():
        return f"without quotes: {cut(value.strip(), 20)}"
    if expected == "true or false" and isinstance(value, str) and value in ("yes", "no", "on", "off"):
        return ""
    return ""
