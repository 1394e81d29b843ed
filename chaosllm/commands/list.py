"""`chaosllm list`: what there is to choose from."""

from __future__ import annotations

import difflib
import json
from typing import Any

import click

from chaosllm.commands._plugins import warn_of_plugins
from chaosllm.commands._scenario import group_of, shipped, shipped_days, shipped_suites
from chaosllm.commands._selection import Selection, read_all, selecting

KINDS = ("faults", "providers", "findings", "metrics", "probes", "scenarios", "suites", "gamedays")


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm list faults\n"
    "  chaosllm list scenarios --tag agents\n"
    "  chaosllm list suites --json"
)
@click.argument("kind", required=False, metavar="THINGS")
@selecting
@click.option("--json", "as_json", is_flag=True, help="Print an array of objects with name and summary.")
def command(
    kind: str | None, tags: tuple[str, ...], only: tuple[str, ...], skip: tuple[str, ...], as_json: bool
) -> None:
    """List THINGS: faults, providers, findings, metrics, probes, scenarios, suites or gamedays.

    --tag, --only and --skip choose among scenarios.
    """
    if kind not in KINDS:
        near = difflib.get_close_matches(kind or "", KINDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(KINDS[:-1])} and {KINDS[-1]}"
        raise click.UsageError(f"no such things {kind!r}; {hint}" if kind else f"list what? {hint}")
    selection = Selection(tags, only, skip)
    if kind != "scenarios" and selection != Selection():
        raise click.UsageError("--tag, --only and --skip choose among scenarios: chaosllm list scenarios ...")
    beside = {"suites": _suites, "gamedays": _days}
    rows = _scenarios(selection) if kind == "scenarios" else beside[kind]() if kind in beside else _members(kind)
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        click.echo(f"{row['name']:<{width}}  {row['summary']}")
        if "file" in row:
            click.echo(f"{'':<{width}}  {row['file']}")
        if facts := _facts(row):
            click.echo(f"{'':<{width}}  {facts}")
        if row.get("plugin"):
            click.echo(f"{'':<{width}}  plugin of {row['plugin']}")
        if row.get("fields"):
            click.echo(f"{'':<{width}}  fields: {', '.join(row['fields'])}")


def _members(kind: str) -> list[dict[str, Any]]:
    from chaosllm.registry import members, plugins  # noqa: PLC0415  # late, so that --help stays quick

    rows = []
    strangers = {plugin.name: plugin.package for plugin in plugins(kind) if not plugin.error}
    for name, thing in members(kind).items():
        row = {"name": name, "summary": thing.summary}
        if kind in ("faults", "probes"):
            row["fields"] = _fields(thing) + (_paces() if kind == "probes" else [])
        if name in strangers:
            row["plugin"] = strangers[name]
        row.update({key: str(getattr(thing, key)) for key in ("severity", "unit") if hasattr(thing, key)})
        rows.append(row)
    warn_of_plugins(kind)
    return rows


def _fields(kind: Any) -> list[str]:
    """The own keys of a fault in a rule, or of a probe in `stop_when`, as the JSON Schema has them."""
    from chaosllm.language.rules import adapter_of  # noqa: PLC0415  # late, as above

    return list(adapter_of(kind).json_schema().get("properties", {}))


def _paces() -> list[str]:
    """What every probe may hold beside its own keys."""
    from chaosllm.language.stops import HEAD  # noqa: PLC0415  # late, as above

    return [*HEAD]


def _facts(row: dict[str, Any]) -> str:
    """How long a scenario or suite lasts, what belongs to it, where it lies."""
    from chaosllm.units import format_duration  # noqa: PLC0415  # late, as above

    facts = [format_duration(row["duration"])] if "duration" in row else []
    facts += [f"group {row['group']}"] if row.get("group") else []
    facts += [f"tags {', '.join(row['tags'])}"] if row.get("tags") else []
    facts += [f"steps {', '.join(row['steps'])}"] if row.get("steps") else []
    facts += [f"runs {', '.join(row['scenarios'])}"] if row.get("scenarios") else []
    return "; ".join(facts)


def _scenarios(selection: Selection) -> list[dict[str, Any]]:
    from chaosllm.adapters.suite_file import Chosen, kind_of_file  # noqa: PLC0415  # late, as above

    rows = []
    found = [Chosen(path) for path in shipped() if kind_of_file(path) == "scenario"]
    for path, reading in read_all(found, selection, environ=None):
        one = reading.unwrap()
        rows.append({
            "name": one.name, "summary": one.hypothesis.strip().split("\n")[0], "group": group_of(path),
            "tags": list(one.tags), "duration": one.duration, "file": str(path),
        })  # fmt: skip
    return rows


def _suites() -> list[dict[str, Any]]:
    from chaosllm.adapters.suite_file import members, suite  # noqa: PLC0415  # late, as above
    from chaosllm.errors import ScenarioError  # noqa: PLC0415  # as above

    rows = []
    for path in shipped_suites():
        reading = suite(path)
        if reading.suite is None:
            raise ScenarioError(reading.problems)
        inside = [made.unwrap() for one in members(path, reading) for made in one.readings(environ=None)]
        rows.append({
            "name": reading.suite.name, "summary": reading.suite.summary.strip(),
            "duration": sum(one.duration for one in inside), "scenarios": [one.name for one in inside],
            "file": str(path),
        })  # fmt: skip
    return rows


def _days() -> list[dict[str, Any]]:
    from chaosllm.adapters.gameday_file import read_day  # noqa: PLC0415  # late, as above

    days = [(path, read_day(path, None).unwrap()) for path in shipped_days()]
    return [
        {
            "name": day.name, "summary": day.summary, "duration": day.duration,
            "steps": [step.name for step in day.steps], "file": str(path),
        }
        for path, day in days
    ]  # fmt: skip
