"""`chaosllm list`: what there is to choose from."""

from __future__ import annotations

import difflib
import json
from typing import Any

import click

from chaosllm.commands._scenario import shipped

KINDS = ("faults", "providers", "findings", "metrics", "scenarios")


@click.command(epilog="\b\nExamples:\n  chaosllm list faults\n  chaosllm list scenarios --json")
@click.argument("kind", required=False, metavar="THINGS")
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects with name and summary.")
def command(kind: str | None, as_json: bool) -> None:
    """List THINGS: faults, providers, findings, metrics or scenarios."""
    if kind not in KINDS:
        near = difflib.get_close_matches(kind or "", KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS[:-1])} and {KINDS[-1]}"
        raise click.UsageError(f"no such things {kind!r}; {hint}" if kind else f"list what? {hint}")
    rows = _scenarios() if kind == "scenarios" else _members(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['summary']}")
        if "file" in row:
            click.echo(f"{'':<{width}}  {row['file']}")
        if row.get("fields"):
            click.echo(f"{'':<{width}}  fields: {', '.join(row['fields'])}")


def _members(kind: str) -> list[dict[str, Any]]:
    from chaosllm.registry import members, plugins  # noqa: PLC0415  # late, so that --help stays quick

    rows = []
    for name, thing in members(kind).items():
        row = {"name": name, "summary": thing.summary}
        if kind == "faults":
            row["fields"] = _fields(thing)
        row.update({key: str(getattr(thing, key)) for key in ("severity", "unit") if hasattr(thing, key)})
        rows.append(row)
    for plugin in plugins(kind):
        if plugin.error:
            click.echo(f"warning: the plugin {plugin.name} of {kind} does not load: {plugin.error}", err=True)
    return rows


def _fields(fault: Any) -> list[str]:
    """The fault's own keys in a rule, as the JSON Schema has them."""
    from chaosllm.language.rules import adapter_of  # noqa: PLC0415  # late, as above

    return list(adapter_of(fault).json_schema().get("properties", {}))


def _scenarios() -> list[dict[str, Any]]:
    import yaml  # noqa: PLC0415  # late, so that --help stays quick

    rows = []
    for path in shipped():
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        hypothesis = str(data.get("hypothesis") or "").strip()
        rows.append({"name": data["name"], "summary": hypothesis.split("\n")[0], "file": str(path)})
    return rows
