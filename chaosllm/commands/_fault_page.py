"""A fault as people look it up: what it does, its fields, an example, and what it can bring to light."""

from __future__ import annotations

import inspect
import textwrap
from typing import Any

from chaosllm.language.rules import adapter_of
from chaosllm.registry import member, members, plugins

_WIDTH = 88


def row(name: str) -> dict[str, Any]:
    """The page as data."""
    fault = member("faults", name)
    about = getattr(fault, "about", {})
    fields = adapter_of(fault).json_schema().get("properties", {})
    kinds = members("findings")
    return {
        "name": name,
        "summary": fault.summary,
        "text": inspect.getdoc(fault) or "",
        "fields": {key: about.get(key, "") for key in fields},
        "example": getattr(fault, "example", f"{{fault: {name}}}"),
        "findings": [code for code in kinds if {"*", name} & set(getattr(kinds[code], "provoked_by", ("*",)))],
        "package": next((one.package for one in plugins("faults") if one.name == name and not one.error), ""),
    }


def page(name: str) -> list[str]:
    """The page in lines."""
    found = row(name)
    text = found["text"]
    first, _, rest = text.partition("\n\n")
    if first.rstrip(".").lower() == found["summary"].lower():
        text = rest
    lines = [f"{name}: {found['summary']}", *([""] if text else []), *_filled(text)]
    if found["fields"]:
        width = max(map(len, found["fields"]))
        lines += ["", "Fields"]
        for key, line in found["fields"].items():
            wrapped = textwrap.wrap(line, _WIDTH - width - 4) or [""]
            lines += [f"  {key:<{width}}  {wrapped[0]}", *(" " * (width + 4) + rest for rest in wrapped[1:])]
    lines += ["  and `when`, `match` and `name`, as in every rule", "", "Example", f"  - {found['example']}"]
    lines += ["", "Findings it can bring to light", *_filled(", ".join(found["findings"]) or "none", "  ")]
    if found["package"]:
        lines += ["", f"From the package {found['package']}."]
    return [line.rstrip() for line in lines]


def _filled(text: str, indent: str = "") -> list[str]:
    """Paragraphs as they are, wrapped; lists keep their lines."""
    found: list[str] = []
    for paragraph in text.split("\n\n"):
        found += [""] * bool(found)
        items = paragraph.split("\n- ") if paragraph.startswith("- ") else [paragraph]
        for at, item in enumerate(items):
            dash = "- " if len(items) > 1 and at else ""
            plain = " ".join((dash + item).split())
            found += textwrap.wrap(
                plain, _WIDTH, initial_indent=indent, subsequent_indent=indent + ("  " if plain[:2] == "- " else ""),
            )  # fmt: skip
    return found
