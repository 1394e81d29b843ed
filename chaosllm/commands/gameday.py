"""`chaosllm gameday`: play a plan with a live console, approvals, and a post-mortem."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither asyncio nor a server

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import WithApp, lacking, the_app
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import Exit, Level

if TYPE_CHECKING:
    from chaosllm.adapters.gameday.day import DayOrder
    from chaosllm.gameday import GameDay


@click.command(
    cls=WithApp,
    epilog="\b\nExamples:\n"
    "  chaosllm gameday scenarios/gamedays/first.yaml --app hardened\n"
    "  chaosllm gameday plan.yaml -- python -m myapp\n"
    "  chaosllm gameday plan.yaml --approve-all --json\n\n"
    "The console's address is printed when it is open; it holds the token that whoever commands needs. On a terminal "
    "approvals can be typed, too. `chaosllm explain PLAN` prints the plan as a runbook beforehand.\n\n"
    "Exit codes: 0 every step as expected, 1 a step was not, 2 a step cannot start, 3 could not run, 4 a step is "
    "inconclusive or left out, 5 stopped, 130 Ctrl-C.",
)
@click.argument("plan", metavar="PLAN", type=click.Path(path_type=Path))
@click.option("--target", metavar="URL", help="The app to test, already running, in place of the plan's.")
@click.option("--app", type=click.Choice(["fragile", "hardened"]), help="Start a sample app for each step.")
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="A new folder.  [default: reports/NAME-TIME]"
)
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario of every step.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65000), default=0, help="The proxy's first port.")
@click.option("--console", metavar="N", type=click.IntRange(0, 65535), default=0, help="The console's port; 0: any.")
@PROXY_WORKERS
@click.option("--approve-all", is_flag=True, help="Let every step begin by itself, for a rehearsal.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print day.json on stdout at the end; the console's address first."
)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    plan: Path,
    target: str | None,
    app: str | None,
    out: Path | None,
    sets: tuple[str, ...],
    port: int,
    console: int,
    proxy_workers: int,
    approve_all: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Play a game day: break things on purpose, together, step by step.

    Serves a page with everything live, waits for approval before each step, stops at a button, and writes down who
    did what and what came of it.
    """
    target, app, words = the_app(ctx, target, app)
    from chaosllm.adapters.gameday.day import DayOrder

    day = _day(plan, sets, starts=target is None and app is None and not words)
    if (gone := lacking(words)) is not None:
        raise gone
    order = DayOrder(day, plan.parent, out, target, app, words, port, console, proxy_workers, approve_all)
    return _play(order, quiet=quiet, as_json=as_json)


def _day(plan: Path, sets: tuple[str, ...], *, starts: bool) -> GameDay:
    """The plan, its problems told; raises ScenarioError when there is no day in it."""
    import os

    from chaosllm.adapters.gameday_file import read_day

    reading = read_day(plan, os.environ, sets, starts=starts)
    day = reading.unwrap()
    for problem in reading.problems:
        click.echo(str(problem), err=True)
    broken = [step for step in day.steps if step.scenario is None]
    if broken:
        named = ", ".join(f"{step.number} ({step.name})" for step in broken)
        click.echo(f"warning: step {named} cannot start, and is passed over when its turn comes", err=True)
    if any(problem.level is Level.ERROR for problem in reading.problems) and len(broken) == len(day.steps):
        raise click.UsageError("no step of this plan can start")
    return day


def _play(order: DayOrder, *, quiet: bool, as_json: bool) -> int:
    import asyncio

    from chaosllm.adapters.gameday.day import Day
    from chaosllm.commands._gameday_terminal import Terminal
    from chaosllm.commands._signals import interrupting

    async def go() -> tuple[Day, Exit]:
        await _refuse(order.day.safety_lever)
        terminal = Terminal(order, quiet=quiet, as_json=as_json)
        day = Day(order, terminal, terminal.note)
        terminal.day = day
        judging = lambda: bool(day.session and day.session.judging)  # noqa: E731  # asked by a signal
        with interrupting([], also=terminal.interrupted, judging=judging), terminal.listening():
            return day, await day.run()

    day, code = asyncio.run(go())
    folder = day.record.folder
    from chaosllm.adapters.gameday_folder import write_post_mortem

    try:
        write_post_mortem(folder)
    except OSError as error:
        click.echo(f"warning: the post-mortem could not be written: {error}", err=True)
    if as_json:
        click.echo(json.dumps(_told(day.record.data, folder)))
    click.echo(_summary(day.record.data, code), err=as_json)
    click.echo(f"post-mortem: {folder / 'post-mortem.html'} and .md", err=as_json)
    return code


async def _refuse(lever: str | None) -> None:
    """Raise ChaosError (exit code 5) where a lever lets nothing start, before anybody is asked to approve a step."""
    import os

    from chaosllm.adapters.safety.asking import Asker
    from chaosllm.adapters.safety.levers import levers, refuse

    asker = Asker()
    try:
        await refuse(levers(lever, None, Path.cwd(), asker, os.environ))
    finally:
        await asker.close()


def _told(data: dict[str, Any], folder: Path) -> dict[str, Any]:
    return {"type": "finished", **data, "folder": str(folder)}


def _summary(data: dict[str, Any], code: Exit) -> str:
    """How each step went, a line each."""
    from chaosllm.commands._gameday_terminal import came_of, why
    from chaosllm.commands._status import stopped
    from chaosllm.renderers._words import clean

    stop = data["stopped"]
    told = f", {stopped(stop)}" if stop else ""
    lines = [f"\n{clean(data['gameday'])} is over{told} (exit {int(code)})"]
    for row in data["steps"]:
        lines.append(f"  {row['number']}. {clean(row['name'])}: {came_of(row)}")
        lines += [f"     {text}" for text in why(row)]
    return "\n".join(lines)
