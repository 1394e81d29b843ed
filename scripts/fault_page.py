"""docs/faults.md: each fault with its fields, an example, the providers that cannot play it, and what apps see."""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from typing import Any

import yaml

from chaosllm.faults import Demanding
from chaosllm.language.json_schema import build
from chaosllm.language.rules import adapter_of
from chaosllm.registry import members
from chaosllm.script import Position, Unit
from chaosllm.units import format_duration

CONFORMANCE = Path(__file__).parents[1] / "tests" / "conformance"
sys.path.insert(0, str(CONFORMANCE))
from conformance_rules import FAMILIES, ROWS  # noqa: E402  # because the tests are no package

HEAD = """# Faults

Made by `make docs` from the code: edit a fault's own file in `chaosllm/faults/`.

A fault is a rule of a phase; every rule may also hold `when` (else always), `match` (else every recognised call) and
`name`.
`chaosllm validate` refuses a rule that its provider cannot play, and says what this provider can do.
How each provider spells a refusal: [providers.md](providers.md).

- Durations carry their unit: `250ms`, `2s`, `1m30s`; shares too: `40%`.
- A place in an answer is `50%`, `20 tokens`, `3 events` or `200 bytes`.
- What apps see is what the official Python SDKs showed through the running proxy; the [SDK atlas](sdk-atlas.md) has
  all ways of asking, and Node. `Error xN` is the exception, and the requests on the wire when there was more than
  one; `= x` no exception and the finish reason x; `=` alone not even that; `HANGS` still waiting after 26 s.

"""
#: Families whose package is called otherwise.
PACKAGES = {"google": "google-genai", "bedrock": "boto3", "mistral": "mistralai"}
#: Fields of which each word may be something that a provider lacks.
_CHOOSING = ("kind", "shape", "what")


def text() -> str:
    """The page."""
    schema = build(fillable=False)
    names = members("faults")
    page = [HEAD, *(f"- [`{name}`](#{name}): {fault.summary}\n" for name, fault in names.items()), "\n"]
    for name, fault in names.items():
        page += [f"## {name}\n\n", prose(inspect.getdoc(fault) or fault.summary), "\n"]
        page += ["```yaml\n", _block(yaml.safe_load(getattr(fault, "example", f"{{fault: {name}}}"))), "```\n\n"]
        page += _fields(name, fault, schema)
        page += _lacking(fault)
        page += _seen(name)
    return "".join(page).rstrip() + "\n"


def prose(doc: str) -> str:
    """A docstring as Markdown: a sentence a line, lists as they are."""
    found = []
    for paragraph in doc.split("\n\n"):
        if paragraph.startswith("|"):
            found.append(paragraph)
            continue
        items = re.split(r"\n(?=- )", paragraph)
        lines = [" ".join(line.strip() for line in item.splitlines()) for item in items]
        said = [
            line if line.startswith("- ") else re.sub(r"(?<=[a-z0-9)`]\.) (?=[A-Z`])", "\n", line) for line in lines
        ]
        found.append("\n".join(said))
    text = "\n\n".join(found) + "\n"
    text = re.sub(r" \(PROVIDERS[^)]*\)|, PROVIDERS section \d+(?=\))", "", text)  # our own notes
    return re.sub(r"docs/(decisions/[\w-]+\.md)", r"[\1](\1)", text)


def _block(rule: dict[str, Any]) -> str:
    """One rule in YAML, a field a line."""
    lines = [
        f"{key}: {yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix('...' + chr(10)).strip()}"
        for key, value in rule.items()
    ]
    return "- " + "\n  ".join(lines) + "\n"


def _fields(name: str, fault: Any, schema: dict[str, Any]) -> list[str]:
    properties = schema["$defs"][f"fault_{name}"]["properties"]
    defaults = {field.name.rstrip("_"): field for field in fields(fault)}
    rows = []
    for key, default in defaults.items():
        found = properties[key]
        rows.append(
            f"| `{key}` | {values_of(found, schema)} | {_default(key, default)} | {_cell(found['description'])} |\n"
        )
        for inner, line in _inside(found, schema):
            rows.append(f"| `{key}.{inner}` | {values_of(line, schema)} | | {_cell(line.get('description', ''))} |\n")
    head = "| field | may be | default | |\n|---|---|---|---|\n"
    return [head, *rows, "\n"] if rows else ["It has no fields of its own.\n\n"]


def values_of(found: dict[str, Any], schema: dict[str, Any]) -> str:
    """What may stand in a field, in words."""
    if "$ref" in found:
        named = schema["$defs"][found["$ref"].rsplit("/", 1)[-1]]
        inner = named.get("properties", {})
        return f"`{{{', '.join(inner)}}}`" if inner else values_of(named, schema)
    if "anyOf" in found or "oneOf" in found:
        words = [values_of(one, schema) for one in found.get("anyOf") or found["oneOf"]]
        return " or ".join(word for word in dict.fromkeys(words) if word)
    if "enum" in found:
        shown = [f"`{_yaml(one)}`" for one in found["enum"]]
        return "" if shown in (["`0`"], ["`0`", "`1`"]) else ", ".join(shown)
    if "const" in found:
        return f"`{_yaml(found['const'])}`"
    if "examples" in found:
        return "such as " + ", ".join(f"`{one}`" for one in found["examples"])
    low = found.get("minimum", found.get("exclusiveMinimum"))
    high = found.get("maximum")
    bounds = f" from {low:g} to {high:g}" if low is not None and high is not None else ""
    bounds = bounds or (f" of at least {low:g}" if low is not None else "")
    words = {"integer": "a whole number", "number": "a number", "boolean": "`true` or `false`", "string": "text"}
    return words.get(str(found.get("type")), "") + bounds if found.get("type") in words else ""


def _inside(found: dict[str, Any], schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The fields of the one mapping that may stand in a field and explains itself (buckets)."""
    refs = [one["$ref"] for one in (found, *found.get("anyOf", ())) if "$ref" in one]
    named = schema["$defs"][refs[0].rsplit("/", 1)[-1]] if len(refs) == 1 else {}
    inner = named.get("properties", {})
    return list(inner.items()) if all(one.get("description") for one in inner.values()) else []


def _default(key: str, field: Any) -> str:
    value = field.default if field.default is not MISSING else None
    match value:
        case _ if field.default is MISSING:
            return "required"
        case None | "":
            return "`ever`" if key == "for" and "Span" in str(field.type) else ""
        case bool():
            return f"`{_yaml(value)}`"
        case Position():
            return "`" + (f"{value.value:.0%}" if value.unit is Unit.SHARE else f"{value.value:g} {value.unit}") + "`"
        case Enum():
            return f"`{value.value}`"
        case float() if "Duration" in str(field.type) or "Span" in str(field.type):
            return f"`{format_duration(value)}`"
        case float() if "Share" in str(field.type):
            return f"`{value:.0%}`"
        case int() | float():
            return f"`{value:g}{' tokens' if 'Tokens' in str(field.type) else ''}`"
    return f"`{value}`"


def _lacking(fault: Any) -> list[str]:
    """Which providers the reader refuses, for each word that chooses among what they can do."""
    if not isinstance(fault, Demanding):
        return []
    properties = adapter_of(fault).json_schema()["properties"]
    chosen = [(key, word) for key in _CHOOSING for word in _words(properties.get(key, {}))]
    without: dict[tuple[str, ...], list[str]] = {}
    for key, word in chosen or [("", "")]:
        one: Any = adapter_of(fault).validate_python({key: word} if key else {})
        needs = set(one.needs())
        lacking = tuple(name for name, provider in members("providers").items() if not needs <= provider.abilities)
        if lacking:
            without.setdefault(lacking, []).append(f"`{key}: {word}`")
    rows = [
        f"- {'' if len(words) == max(1, len(chosen)) else f'{", ".join(words)}: '}{', '.join(lacking)}\n"
        for lacking, words in without.items()
    ]
    return ["Providers that cannot:\n\n", *rows, "\n"] if rows else []


def _words(found: dict[str, Any]) -> list[str]:
    """The words that a field chooses among."""
    return [word for one in (found, *found.get("anyOf", ())) for word in one.get("enum", ())]


def _seen(name: str) -> list[str]:
    """What the SDKs show of the fault's row that most of them meet."""
    expected = yaml.safe_load((CONFORMANCE / "expected.yaml").read_text(encoding="utf-8"))
    tables = [
        (rule, _table(key, expected))
        for key, row in ROWS.items()
        if (rule := row.rule) is not None and rule["fault"] == name and not row.only and not row.more
    ]
    if not tables:
        return []
    rule, lines = max(tables, key=lambda one: sum(line.count("`") for line in one[1]))
    said = yaml.safe_dump(rule, default_flow_style=True, sort_keys=False, width=1000).strip()
    return [f"What apps see of `{said}`:\n\n", "| SDK | whole | stream |\n|---|---|---|\n", *lines, "\n"]


def _table(row: str, expected: dict[str, Any]) -> list[str]:
    lines = []
    for family, providers in FAMILIES.items():
        ways = next(iter(providers.values()))
        cells = {way: cell for way in ways if (cell := expected["cells"].get(way, {}).get(row))}
        whole = next((cell for way, cell in cells.items() if not way.endswith(("_stream", "_helper"))), None)
        stream = next((cell for way, cell in cells.items() if way.endswith("_stream")), None)
        if whole or stream:
            said = " | ".join(f"`{cell.replace('=', '= ', 1).strip()}`" if cell else "" for cell in (whole, stream))
            lines.append(f"| {PACKAGES.get(family, family)} {expected['versions'][family]} | {said} |\n")
    return lines


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _cell(line: str) -> str:
    return line.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
