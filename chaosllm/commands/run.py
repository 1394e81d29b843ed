"""`chaosllm run`: runs scenarios against an app, one after the other, and judges what it did."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import WithApp, check_scale, checked_rate, lacking, launch, the_app
from chaosllm.commands._plugins import warn_of_plugins
from chaosllm.commands._scenario import ScenarioFile
from chaosllm.commands._selection import Selection, read_all, selecting
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import Blame, ChaosError, Exit, Level, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosllm.adapters.supervisor.order import Order, Result


@click.command(
    cls=WithApp,
    epilog="\b\nExamples:\n"
    "  chaosllm run scenarios/calm.yaml --app hardened\n"
    "  chaosllm run scenarios/rate-limit-storm.yaml -- python -m myapp\n"
    "  chaosllm run my.yaml --target http://127.0.0.1:3000 --set phases.storm.duration=10s\n"
    "  chaosllm run scenarios/suites/smoke.yaml --skip 'quota*' --out reports/smoke --app hardened\n\n"
    "The command behind -- is started with the proxy's addresses in OPENAI_BASE_URL and the like, in HTTPS_PROXY "
    "and in the variables for CA files, and is stopped at the end.",
)
@click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True, type=ScenarioFile())
@click.option("--target", metavar="URL", help="The app to test, already running, in place of the scenario's.")
@click.option("--app", type=click.Choice(["fragile", "hardened"]), help="Start a sample app and test it.")
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="The run folder, made where there is none; with several runs DIR/NAME.  [default: reports/NAME-TIME]",
)
@selecting
@click.option("--seed", metavar="N", type=int, help="Another seed: other calls are broken.")
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario, as load.rate=10/s.")
@click.option("--rate", metavar="RATE", help="Another load, such as 10/s: users a second.")
@click.option("--duration-scale", metavar="X", type=float, default=1.0, help="Multiply the phases' durations.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65000), default=0, help="The proxy's first port.")
@PROXY_WORKERS
@click.option("--dry-run", is_flag=True, help="Start everything, send one clean operation, stop.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print summary.json on stdout, one line a scenario.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    scenarios: tuple[Path, ...],
    target: str | None,
    app: str | None,
    out: Path | None,
    tags: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    seed: int | None,
    sets: tuple[str, ...],
    rate: str | None,
    duration_scale: float,
    port: int,
    proxy_workers: int,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Run scenarios against an app and judge what it did: files, suites, and folders with what is in them.

    The app is the one that the scenario names (target), or the one behind `--`, `--app` or
    `--target`. Its calls must go through the proxy; one clean operation shows that first.
    """
    target, app, words = the_app(ctx, target, app)
    check_scale(duration_scale)
    from chaosllm.adapters.suite_file import chosen  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.adapters.supervisor.order import Order, Result  # noqa: PLC0415  # as above

    settings = [*sets]
    if seed is not None:
        settings.append(f"seed={seed}")
    if rate is not None:
        settings.append(f"load.rate={checked_rate(rate)}")

    orders = []
    starts = target is None and app is None and not words
    found = chosen(scenarios)
    taken = read_all(found, Selection(tags, only, skip), settings, duration_scale, starts=starts)
    alone = len(found) == len(taken) == 1 and found[0].path == scenarios[0]
    for path, reading in taken:
        scenario = reading.unwrap()
        for problem in reading.problems:
            if problem.level is Level.WARNING and not quiet:
                click.echo(str(problem), err=True)
        where = out if out is None or alone else out / scenario.name
        orders.append(
            Order(scenario, reading.as_run, path.parent, where, "", target, app, words, port, dry_run, proxy_workers)
        )
    if out is not None:
        _apart(orders)
    if not quiet:
        warn_of_plugins()
    results: list[Result] = []
    gone = lacking(words)
    for at, order in enumerate(orders, 1):
        if not alone and not quiet:
            click.echo(f"{at} of {len(orders)}: {order.scenario.name}", err=True)
        result = Result(gone.exit_code, error=gone) if gone else launch(order, quiet=quiet)
        _show(order, result, as_json=as_json)
        results.append(result)
        if result.code is Exit.INTERRUPTED:
            break
    if not alone:
        _conclude(orders, results, on_stderr=as_json)
    return worst([result.code for result in results])


def _apart(orders: Sequence[Order]) -> None:
    """Raise ChaosError when two runs would write to one folder."""
    first: dict[Path | None, Order] = {}
    for order in orders:
        if order.out in first:
            raise ChaosError(
                f"two scenarios are called {order.scenario.name}, and both would be written to {order.out}",
                hint="give one another `name`, leave one out, or leave --out out",
                blame=Blame.SCENARIO,
                exit_code=Exit.USAGE,
            )
        first[order.out] = order


def _show(order: Order, result: Result, *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.commands._errors import explain  # noqa: PLC0415  # as above
    from chaosllm.renderers.terminal import renderable  # noqa: PLC0415  # as above

    if as_json:
        click.echo(json.dumps(_machine(order, result)))
    if result.material is not None:
        Console(stderr=as_json, highlight=False).print(renderable(result.material))
    if result.error is not None:
        explain(result.error)
        if result.folder is not None and result.material is None:
            click.echo(f"  what there is: {result.folder}", err=True)
    elif order.dry_run and result.code is Exit.PASS:
        click.echo(f"dry run: the app answers, and its call came through the proxy ({result.folder})", err=True)


def _conclude(orders: Sequence[Order], results: Sequence[Result], *, on_stderr: bool) -> None:
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.commands._roundup import roundup, unseen  # noqa: PLC0415  # as above

    console = Console(stderr=on_stderr, highlight=False)
    console.print("", roundup(orders, results))
    if note := unseen(results):
        console.print(note, markup=False)


def _machine(order: Order, result: Result) -> dict[str, Any]:
    """What --json prints: summary.json, where it lies, and what went wrong."""
    found: dict[str, Any] = dict(result.material.summary) if result.material else {"scenario": order.scenario.name}
    found |= {"folder": str(result.folder) if result.folder else None, "exit": int(result.code)}
    if result.error is not None:
        error = result.error
        found["error"] = {"what": error.what, "hint": error.hint, "blame": str(error.blame)}
    return found
