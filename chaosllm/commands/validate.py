"""`chaosllm validate`: every problem of a scenario, with line and column, and nothing started."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither pydantic nor YAML

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from chaosllm.reader import Reading

_SUFFIXES = (".yaml", ".yml")
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
@click.option("--json", "as_json", is_flag=True, help="Print an array with one object for each file.")
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], sets: tuple[str, ...], as_json: bool) -> None:
    """Check scenarios: files, folders with what is in them, or - for standard input."""
    from chaosllm.errors import Exit

    rows = []
    for path in _files(paths):
        reading = _read(path, sets)
        rows.append(_row(path, reading))
        if not as_json:
            for problem in reading.problems:
                click.echo(str(problem))
            if reading.scenario is not None:
                click.echo(f"{path}: ok: {_size(reading)}")
    if as_json:
        click.echo(json.dumps(rows, indent=1, ensure_ascii=False))
    ctx.exit(Exit.PASS if all(row["ok"] for row in rows) else Exit.USAGE)


def _files(paths: tuple[Path, ...]) -> list[Path]:
    """The files meant, in order; raises click.UsageError for a path with none."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES and file.is_file())
            if not inside:
                raise click.UsageError(f"{path} holds no .yaml file")
            found += inside
        elif path != _STDIN and not path.exists():
            raise click.UsageError(f"there is no file {path}; `chaosllm list scenarios` shows ours")
        else:
            found.append(path)
    return found


def _read(path: Path, sets: tuple[str, ...]) -> Reading:
    from chaosllm.adapters.scenario_file import loader
    from chaosllm.errors import Problem, Where
    from chaosllm.language.yaml_nodes import TEXT_AT_MOST
    from chaosllm.reader import Reading, read

    try:
        with sys.stdin.buffer if path == _STDIN else path.open("rb") as file:
            text = file.read(4 * TEXT_AT_MOST + 1)  # 4 bytes a character at most; more is refused by length
    except OSError as error:
        problem = Problem(Where(str(path), 1, 1), f"it cannot be read: {(error.strerror or str(error)).lower()}")
        return Reading(None, [problem], "")
    return read(text, str(path), load=loader(path.parent), sets=sets)


def _size(reading: Reading) -> str:
    from chaosllm.units import format_duration

    scenario = reading.unwrap()
    phases, rules = len(scenario.phases), len(scenario.rules)
    load = scenario.load
    asked = f"{load.users} users" if load.closed else f"~{round(load.expected(0.0, scenario.duration))} operations"
    return (
        f"{phases} phase{'s' * (phases != 1)}, {rules} rule{'s' * (rules != 1)}, "
        f"{asked} over {format_duration(scenario.duration)}"
    )


def _row(path: Path, reading: Reading) -> dict[str, Any]:
    row: dict[str, Any] = {
        "file": str(path),
        "ok": reading.scenario is not None,
        "problems": [
            {
                "file": problem.where.file,
                "line": problem.where.line,
                "column": problem.where.column,
                "level": str(problem.level),
                "what": problem.what,
                "hint": problem.hint,
            }
            for problem in reading.problems
        ],
    }
    if (scenario := reading.scenario) is not None:
        row["name"] = scenario.name
        row["phases"] = len(scenario.phases)
        row["rules"] = len(scenario.rules)
        row["operations"] = None if scenario.load.closed else round(scenario.load.expected(0.0, scenario.duration))
        row["duration"] = scenario.duration
    return row
