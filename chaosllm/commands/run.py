"""`chaosllm run`: runs scenarios against an app, one after the other, and judges what it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import WithApp
from chaosllm.commands._runs import asking, wanted
from chaosllm.errors import Exit, worst

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
@asking
@click.option("--dry-run", is_flag=True, help="Start everything, send one clean operation, stop.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option(
    "--json", "as_json", is_flag=True,
    help="Print events on stdout, a JSON object a line; the last of each scenario is its summary.json, and the last "
    "of several that of all.",
)  # fmt: skip
@click.pass_context
def command(ctx: click.Context, /, *, quiet: bool, as_json: bool, **asked: Any) -> int:
    """Run scenarios against an app and judge what it did: files, suites, and folders with what is in them.

    The app is the one that the scenario names (target), or the one behind `--`, `--app` or
    `--target`. Its calls must go through the proxy; one clean operation shows that first.

    With `--json`, `--quiet` leaves of the events the last of each scenario alone.
    """
    found = wanted(ctx, quiet=quiet, **asked)
    from chaosllm.commands._events import SuiteEvents  # noqa: PLC0415  # late, so that --help stays quick

    results: list[Result] = []
    diary = found.diary
    told = SuiteEvents(found.name, found.orders) if as_json and not quiet and not found.alone else None
    if told is not None:
        told.started()
    for order, result in found.each(quiet=quiet, as_json=as_json, diary=diary):
        _show(order, result, as_json=as_json)
        results.append(result)
    code = worst([result.code for result in results])
    if not found.alone:
        _conclude(found.orders, results, on_stderr=as_json)
    summary = diary.ended(results, on_stderr=as_json) if diary is not None and results else None
    if told is not None:
        told.finished(summary, diary.folder if diary else None, code)
    return code


def _show(order: Order, result: Result, *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.commands._errors import explain  # noqa: PLC0415  # as above
    from chaosllm.renderers.terminal import renderable  # noqa: PLC0415  # as above

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

    from chaosllm.commands._roundup import roundup, scored, unseen  # noqa: PLC0415  # as above

    console = Console(stderr=on_stderr, highlight=False)
    console.print("", roundup(orders, results))
    for note in filter(None, (scored(results), unseen(results))):
        console.print(note, markup=False)
