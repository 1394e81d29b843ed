"""`chaosllm run`: runs scenarios against an app, one after the other, and judges what it did."""

from __future__ import annotations

import asyncio
import json
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from chaosllm.commands._plugins import warn_of_plugins
from chaosllm.commands._scenario import ScenarioFile
from chaosllm.commands._selection import Selection, read_all, selecting
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import Blame, ChaosError, Exit, Level, worst

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosllm.adapters.supervisor.order import Order, Result

#: Where Run keeps the words after `--`, out of click's sight.
_COMMAND = "chaosllm.command"
#: How the name of a scenario ends.
_SUFFIXES = (".yaml", ".yml")


class Run(click.Command):
    """Takes what follows `--` as the app's command; click alone would take it for more scenarios."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, on what stands before `--`."""
        if "--" in args:
            end = args.index("--")
            args, ctx.meta[_COMMAND] = args[:end], tuple(args[end + 1 :])
            if not ctx.meta[_COMMAND]:
                raise click.UsageError("`--` is followed by no command", ctx)
        elif (at := _forgotten(args)) is not None:
            said = shlex.join([*args[:at], "--", *args[at:]])
            raise click.UsageError(
                f"{args[at]} is a command, not a scenario: put `--` before it: chaosllm run {said}", ctx
            )
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """The usage line, with the command."""
        return [*super().collect_usage_pieces(ctx), "[-- COMMAND...]"]


def _forgotten(args: list[str]) -> int | None:
    """Where `--` is missing: at a word after a scenario that this shell would run; None when it is nowhere."""
    after = False
    for at, word in enumerate(args):
        if word.endswith(_SUFFIXES):
            after = True
        elif after and not args[at - 1].startswith("-") and not word.startswith("-") and shutil.which(word):
            return at
    return None


@click.command(
    cls=Run,
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
    words: tuple[str, ...] = ctx.meta.get(_COMMAND, ())
    given = [name for name in ("target", "app") if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    if words or given:  # what stands on the command line wins over a variable such as CHAOSLLM_TARGET
        target, app = (target if "target" in given else None), (app if "app" in given else None)
    if sum((target is not None, app is not None, bool(words))) > 1:
        raise click.UsageError("--target, --app and -- COMMAND each name the app: give one of them")
    if not 0 < duration_scale < 10_000:
        raise click.UsageError(f"--duration-scale {duration_scale:g}: expected a number above 0, such as 0.5")
    if target is not None:
        _check_url(target)
    from chaosllm.adapters.suite_file import chosen  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.adapters.supervisor.order import Order, Result  # noqa: PLC0415  # as above

    settings = [*sets]
    if seed is not None:
        settings.append(f"seed={seed}")
    if rate is not None:
        settings.append(f"load.rate={_rate(rate)}")

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
    lacking = _lacking(words)
    for order in orders:
        result = Result(lacking.exit_code, error=lacking) if lacking else _run(order, quiet=quiet)
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


def _lacking(words: tuple[str, ...]) -> ChaosError | None:
    """What to say when the app's command is not there: before anything is started for it."""
    if not words or shutil.which(words[0]):
        return None
    why = "permission denied" if Path(words[0]).exists() else "no such file or directory"
    return ChaosError(
        f"cannot be started: {words[0]}: {why}",
        hint="behind -- give a command as you would type it here, such as -- python -m myapp",
        blame=Blame.TARGET,
    )


def _rate(text: str) -> str:
    from chaosllm.units import parse_rate  # noqa: PLC0415  # late, as above

    try:
        parse_rate(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--rate") from None
    return text


def _run(order: Order, *, quiet: bool) -> Result:
    from chaosllm.adapters.supervisor.session import Session  # noqa: PLC0415  # late, as above
    from chaosllm.commands._console import Progress  # noqa: PLC0415  # as above
    from chaosllm.commands._signals import interrupting  # noqa: PLC0415  # as above

    async def go() -> Result:
        with Progress(order.scenario, quiet=quiet) as progress:
            session = Session(order, progress)
            with interrupting([session]):
                return await session.run()

    return asyncio.run(go())


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


def _check_url(url: str) -> None:
    from urllib.parse import urlsplit  # noqa: PLC0415  # late, as above

    parts = urlsplit(url)
    try:
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        good = False
    if not good:
        raise ChaosError(
            f"--target {url} is no address",
            hint=f"http://{url}" if "://" not in url and ":" in url else "such as http://127.0.0.1:8000",
            exit_code=Exit.USAGE,
        )
