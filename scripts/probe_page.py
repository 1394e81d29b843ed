"""docs/probes.md: each probe with its fields and an example."""

from __future__ import annotations

import inspect
from typing import Any

from fault_page import prose, values_of

from chaosllm.language.json_schema import build
from chaosllm.registry import members
from chaosllm.units import format_duration

HEAD = """# Probes

Made by `make docs` from the code: edit a probe's own file in `chaosllm/probes/`.

A probe looks at the world outside while a run goes on: it is an item of `stop_when`, beside
[conditions on what users get](stopping.md).
So many failures in a row stop the run; an answer that is well begins the count anew, one that shows nothing leaves it
as it is.
Each probe has one request open at most, follows no redirect, uses no proxy of the environment, and reads 64 kB of an
answer.

"""


def text() -> str:
    """The page."""
    schema = build(fillable=False)
    known = members("probes")
    page = [HEAD, *(f"- [`{name}`](#{name}): {probe.summary}\n" for name, probe in known.items()), "\n"]
    for name, probe in known.items():
        page += [f"## {name}\n\n", prose(inspect.getdoc(probe) or probe.summary), "\n"]
        page += [f"```yaml\nstop_when:\n  - {probe.example}\n```\n\n", *_fields(name, probe, schema)]
    return "".join(page).rstrip() + "\n"


def _fields(name: str, probe: Any, schema: dict[str, Any]) -> list[str]:
    found = schema["$defs"][f"probe_{name}"]
    paces = {"every": format_duration(probe.every), "timeout": "2s", "failures": probe.failures}
    rows = [
        f"| `{key}` | {values_of(one, schema)} | {_default(key, one, found, paces)} | {one['description']} |\n"
        for key, one in found["properties"].items()
    ]
    return ["| field | may be | default | |\n|---|---|---|---|\n", *rows, "\n"]


def _default(key: str, one: dict[str, Any], found: dict[str, Any], paces: dict[str, Any]) -> str:
    if key in found["required"]:
        return "required"
    value = paces.get(key, one.get("default"))
    words = [f"`{each}`" for each in (value if isinstance(value, list) else [value]) if each is not None]
    return ", ".join(words)
