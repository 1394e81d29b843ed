"""`chaosllm explain`: what a scenario or a game day will do and what it can show, in words, before anything runs."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither numpy nor pydantic

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._scenario import ScenarioFile

if TYPE_CHECKING:
    from chaosllm.explanation import Explanation
    from chaosllm.scenario import Scenario

#: Columns of what is printed where no terminal says how wide it is, and the most of one that does.
_WIDTH, _WIDEST = 72, 120


class ScenarioOrFault(ScenarioFile):
    """A scenario's path, or the name of a fault."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path, or the name as it is."""
        from chaosllm.registry import members
        from chaosllm.spelling import suggest

        text = str(value)
        if not Path(text).exists() and text in members("faults"):
            return text
        near = suggest(text, members("faults"))
        if not Path(text).exists() and near.startswith("did you mean"):
            raise click.UsageError(f"there is no file and no fault {text}; {near}")
        return super().convert(value, param, ctx)


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm explain scenarios/rate-limit-storm.yaml\n"
    "  chaosllm explain my.yaml --set load.rate=5/s --seed 8\n"
    "  chaosllm explain truncate\n"
    "  chaosllm explain scenarios/gamedays/first.yaml > runbook.md\n\n"
    "Nothing is started. A file with `vary` is told scenario by scenario; a game-day plan as a runbook in Markdown. "
    "Counts are those of the load and the seed that the scenario has."
)
@click.argument("thing", metavar="SCENARIO|PLAN|FAULT", type=ScenarioOrFault())
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario, as load.rate=10/s.")
@click.option("--seed", metavar="N", type=int, help="Another seed: other calls are broken.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(ctx: click.Context, *, thing: Path | str, sets: tuple[str, ...], seed: int | None, as_json: bool) -> None:
    """Say what a scenario will do, how often, and what it can show; what a fault does; or the runbook of a plan."""
    if isinstance(thing, str):
        _explain_fault(thing, as_json=as_json)
        return
    from chaosllm.adapters.suite_file import kind_of_file

    settings = [*sets] if seed is None else [*sets, f"seed={seed}"]
    if kind_of_file(thing) == "gameday":
        ctx.exit(_explain_day(thing, settings, as_json=as_json))
    _explain_scenarios(_read(thing, settings), as_json=as_json)


def _explain_scenarios(scenarios: list[Scenario], *, as_json: bool) -> None:
    from chaosllm.explanation import explain

    told = [(explain(scenario), scenario) for scenario in scenarios]
    if as_json:
        rows = [_plain(found, scenario) for found, scenario in told]
        click.echo(json.dumps(rows[0] if len(rows) == 1 else rows, indent=1, ensure_ascii=False))
        return
    from chaosllm.commands._explained import lines

    width = min(_WIDEST, shutil.get_terminal_size((_WIDTH, 24)).columns) if sys.stdout.isatty() else _WIDTH
    plain = not _shows_shades()
    for at, (found, scenario) in enumerate(told):
        if at:
            click.echo(f"\n{'=' * width}")
        for line in lines(found, scenario, width=width, plain=plain):
            click.echo(line.encode("ascii", "replace").decode() if plain else line)


def _explain_day(path: Path, sets: list[str], *, as_json: bool) -> int:
    """Print the runbook; its problems go to stderr. Exit.USAGE when a step cannot start."""
    from chaosllm.adapters.gameday_file import read_day
    from chaosllm.commands._runbook import markdown, plain
    from chaosllm.errors import Exit

    reading = read_day(path, None, sets)
    day = reading.unwrap()
    for problem in reading.problems:
        click.echo(str(problem), err=True)
    if as_json:
        click.echo(json.dumps(plain(day, path), indent=1, ensure_ascii=False))
    else:
        for line in markdown(day, path):
            click.echo(line)
    return Exit.USAGE if reading.errors else Exit.PASS


def _read(path: Path, sets: list[str]) -> list[Scenario]:
    """The scenarios that the file makes: one, or with `vary` several. Its warnings go to stderr."""
    from chaosllm.adapters.scenario_file import loader
    from chaosllm.errors import Blame, ChaosError, Exit, ScenarioError
    from chaosllm.language.suite import kind_of
    from chaosllm.reader import readings

    try:
        text = path.read_bytes()
    except OSError as error:
        what = f"{path} cannot be read: {(error.strerror or str(error)).lower()}"
        raise ChaosError(what, blame=Blame.SCENARIO, exit_code=Exit.USAGE) from error
    found = readings(text, str(path), load=loader(path.parent), sets=sets)
    problems = list(dict.fromkeys(problem for one in found for problem in one.problems))
    if any(one.scenario is None for one in found):
        if kind_of(text) == "suite":
            hint = "name one of its scenarios"
            raise ChaosError(f"{path} is a suite", hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
        raise ScenarioError(problems)
    for problem in problems:
        click.echo(str(problem), err=True)
    return [one.unwrap() for one in found]


def _plain(found: Explanation, scenario: Scenario) -> dict[str, Any]:
    """What --json prints: the explanation without the chance of each single call."""
    from dataclasses import asdict, fields

    told = {field.name: getattr(found, field.name) for field in fields(found) if field.name != "expectations"}
    plain = {
        key: [asdict(one) for one in value]
        if isinstance(value, tuple)
        else asdict(value)
        if hasattr(value, "__dataclass_fields__")
        else value
        for key, value in told.items()
    }
    return plain | {
        "stop_when": [*scenario.stops],
        "safety_lever": scenario.limits.safety_lever,
        "fail_on": scenario.fail_on,
    }


def _shows_shades() -> bool:
    try:
        "░▒▓█".encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _explain_fault(name: str, *, as_json: bool) -> None:
    from chaosllm.commands._fault_page import page, row

    if as_json:
        click.echo(json.dumps(row(name), indent=1, ensure_ascii=False))
        return
    for line in page(name):
        click.echo(line)
