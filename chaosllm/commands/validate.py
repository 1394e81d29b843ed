"""`chaosllm validate`: every problem of scenarios, suites and plans, with line and column, and nothing started."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither pydantic nor YAML

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._plugins import warn_of_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosllm.errors import Problem
    from chaosllm.reader import Reading
    from chaosllm.scenario import Scenario

#: Standard input; files that it names are looked for in the current folder.
_STDIN = Path("-")


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm validate scenario.yaml\n"
    "  chaosllm validate scenarios/ --json\n"
    "  chaosllm validate scenario.yaml --set load.rate=50/s\n\n"
    "Each problem is one line that begins file:line:column. Exit 0: fine, or warnings only; 2: a problem to mend."
)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--set", "sets", multiple=True, metavar="PATH=VALUE", help="Change a value first, as `run --set` does.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print an array with one object for each scenario, suite and plan."
)
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], sets: tuple[str, ...], as_json: bool) -> None:
    """Check scenarios, suites and game-day plans: files, folders with all that is in them, or - for standard input.

    A suite or a plan is sound when each of its scenarios is, changed as it says.
    """
    from chaosllm.adapters.suite_file import kind_of_file
    from chaosllm.errors import Exit

    rows = []
    warn_of_plugins()
    for path in _files(paths):
        kind = kind_of_file(path)
        one = {"suite": _suite, "gameday": _day}.get(kind)
        told = [one(path, sets)] if one else _scenarios(path, sets)
        rows += [row for row, _ in told]
        if not as_json:
            for line in dict.fromkeys(line for _, said in told for line in said):  # what is wrong in all is said once
                click.echo(line)
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    ctx.exit(Exit.PASS if all(row["ok"] for row in rows) else Exit.USAGE)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The scenarios, suites and plans meant, in order; raises click.UsageError for a path with none.

    Other YAML in a folder is told on stderr and passed over.
    """
    from chaosllm.adapters.suite_file import files

    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = files(path)
            for file, kind in inside:
                if kind == "other":
                    click.echo(
                        f"{file}: passed over: neither a scenario (version, name, phases), a suite nor a plan", err=True
                    )
            ours = [file for file, kind in inside if kind != "other"]
            if not ours:
                raise click.UsageError(f"{path} holds no scenario, suite or plan")
            found += ours
        elif path != _STDIN and not path.exists():
            raise click.UsageError(f"there is no file {path}; `chaosllm list scenarios` shows ours")
        else:
            found.append(path)
    return found


def _scenarios(path: Path, sets: tuple[str, ...]) -> list[tuple[dict[str, Any], list[str]]]:
    """(the row for --json, the lines for people) of each scenario that a file makes."""
    made = _read(path, sets)
    return [_scenario(path, reading, alone=len(made) == 1) for reading in made]


def _scenario(path: Path, reading: Reading, *, alone: bool) -> tuple[dict[str, Any], list[str]]:
    from chaosllm.adapters.scenario_file import today
    from chaosllm.language.accept import warn_of_days

    problems = [*reading.problems, *(warn_of_days(reading.scenario.accept, today()) if reading.scenario else ())]
    row = _row(path, "scenario", problems, ok=reading.scenario is not None)
    lines = [str(problem) for problem in problems]
    if (scenario := reading.scenario) is not None:
        row["name"] = scenario.name
        row["phases"] = len(scenario.phases)
        row["rules"] = len(scenario.rules)
        row["operations"] = None if scenario.load.closed else _operations(scenario)
        row["duration"] = scenario.duration
        lines.append(f"{path}: ok: {'' if alone else f'{scenario.name}: '}{_size(reading)}")
    return row, lines


def _suite(path: Path, sets: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    """(the row for --json, the lines for people)."""
    from chaosllm.adapters.suite_file import members, suite
    from chaosllm.errors import ScenarioError
    from chaosllm.units import format_duration

    reading = suite(path)
    problems = list(reading.problems)
    names, seconds, ok = [], 0.0, reading.suite is not None
    for one in members(path, reading):
        try:
            scenarios = [made.unwrap() for made in one.readings(sets, environ=None)]
        except ScenarioError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            ok = False
        else:
            names += [scenario.name for scenario in scenarios]
            seconds += sum(scenario.duration for scenario in scenarios)
    row = _row(path, "suite", problems, ok=ok)
    lines = [str(problem) for problem in problems]
    if reading.suite is not None and row["ok"]:
        row |= {"name": reading.suite.name, "scenarios": names, "duration": seconds}
        plural = "s" * (len(names) != 1)
        lines.append(f"{path}: ok: a suite of {len(names)} scenario{plural}, {format_duration(seconds)} of phases")
    return row, lines


def _day(path: Path, sets: tuple[str, ...]) -> tuple[dict[str, Any], list[str]]:
    """(the row for --json, the lines for people)."""
    from chaosllm.adapters.gameday_file import read_day
    from chaosllm.units import format_duration

    reading = read_day(path, None, sets)
    row = _row(path, "gameday", reading.problems, ok=reading.day is not None and not reading.errors)
    lines = [str(problem) for problem in reading.problems]
    if (day := reading.day) is not None:
        count = f"{len(day.steps)} step{'s' * (len(day.steps) != 1)}"
        row |= {"name": day.name, "steps": [step.name for step in day.steps], "duration": day.duration}
        if row["ok"]:
            lines.append(f"{path}: ok: a game day of {count}, {format_duration(day.duration)} of phases")
        else:
            out = sum(step.scenario is None for step in day.steps)
            lines.append(f"{path}: {out} of {count} cannot start; the day could go on with the others")
    return row, lines


def _read(path: Path, sets: tuple[str, ...]) -> list[Reading]:
    from chaosllm.adapters.scenario_file import loader
    from chaosllm.errors import Problem, Where
    from chaosllm.language.yaml_nodes import TEXT_AT_MOST
    from chaosllm.reader import Reading, readings

    try:
        with sys.stdin.buffer if path == _STDIN else path.open("rb") as file:
            text = file.read(4 * TEXT_AT_MOST + 1)  # 4 bytes a character at most; more is refused by length
    except OSError as error:
        problem = Problem(Where(str(path), 1, 1), f"it cannot be read: {(error.strerror or str(error)).lower()}")
        return [Reading(None, [problem], "")]
    return readings(text, str(path), load=loader(path.parent), sets=sets)


def _operations(scenario: Scenario) -> int:
    """How many there will be, about."""
    return round(scenario.target.steps * scenario.load.expected(0.0, scenario.duration))


def _size(reading: Reading) -> str:
    from chaosllm.units import format_duration

    scenario = reading.unwrap()
    phases, rules = len(scenario.phases), len(scenario.rules)
    load = scenario.load
    asked = f"{load.users} users" if load.closed else f"~{_operations(scenario)} operations"
    return (
        f"{phases} phase{'s' * (phases != 1)}, {rules} rule{'s' * (rules != 1)}, "
        f"{asked} over {format_duration(scenario.duration)}"
    )


def _row(path: Path, kind: str, problems: Sequence[Problem], *, ok: bool) -> dict[str, Any]:
    return {
        "file": str(path),
        "kind": kind,
        "ok": ok,
        "problems": [
            {
                "file": problem.where.file,
                "line": problem.where.line,
                "column": problem.where.column,
                "level": str(problem.level),
                "what": problem.what,
                "hint": problem.hint,
            }
            for problem in problems
        ],
    }
