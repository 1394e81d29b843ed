"""What `run` and `gate` share: the options that say which runs are wanted, and doing them one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import check_scale, checked_rate, lacking, launch, the_app
from chaosllm.commands._output import outlive_reader
from chaosllm.commands._plugins import warn_of_plugins
from chaosllm.commands._scenario import ScenarioFile
from chaosllm.commands._selection import Selection, read_all, selecting
from chaosllm.commands._suite_page import Diary
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import Blame, ChaosError, Exit, Level

if TYPE_CHECKING:
    from chaosllm.adapters.supervisor.order import Order, Result
    from chaosllm.live.view import Queue


@dataclass(frozen=True, slots=True)
class Wanted:
    """The runs that are asked for; `alone`: one scenario that was named itself, so no round-up is needed."""

    orders: Sequence[Order]
    alone: bool
    words: tuple[str, ...]  # the command behind `--`
    name: str = ""  # of the suite; "runs" for what no single suite names
    out: Path | None = None  # where the report of all of them lies, beside their folders

    @property
    def diary(self) -> Diary | None:
        """A new record of all runs; None where there is no page of them: of a single run, and of dry ones."""
        dry = any(order.dry_run for order in self.orders)
        return None if self.alone or dry or not self.orders else Diary(self.name, self.orders, self.out)

    def each(self, *, quiet: bool, as_json: bool = False, diary: Diary | None = None) -> Iterator[tuple[Order, Result]]:
        """Each with its result, one after the other; none after Ctrl-C. `as_json` tells events on stdout."""
        from chaosllm.adapters.supervisor.order import Result  # noqa: PLC0415  # late, so that --help stays quick
        from chaosllm.commands._events import Events  # noqa: PLC0415  # as above

        gone = lacking(self.words)
        results: list[Result] = []
        for at, order in enumerate(self.orders, 1):
            if not self.alone and not quiet:
                click.echo(f"{at} of {len(self.orders)}: {order.scenario.name}", err=True)
            if diary is not None and not gone:
                order = diary.begun(at - 1, results)  # noqa: PLW2901  # the same order, with its folder
            queue = self._queue(at, results)
            events = Events(order.scenario, quiet=quiet, queue=queue) if as_json else None
            result = Result(gone.exit_code, error=gone) if gone else launch(
                order, quiet=quiet, events=events, queue=queue
            )  # fmt: skip
            if events is not None:
                events.finished(_told(order, result))
            results.append(result)
            yield order, result
            if result.code is Exit.INTERRUPTED:
                return

    def _queue(self, at: int, results: Sequence[Result]) -> Queue:
        """Where the `at`-th run stands among all."""
        from chaosllm.live.view import Queue  # noqa: PLC0415  # late, as above

        later = sum(order.scenario.duration for order in self.orders[at:])
        return Queue(at, len(self.orders), counted([result.code for result in results]), later)


#: How runs end, in the order in which it is told.
_ENDINGS = (
    (Exit.PASS, "passed"), (Exit.FAIL, "failed"), (Exit.INCONCLUSIVE, "inconclusive"), (Exit.STOPPED, "stopped"),
)  # fmt: skip


def counted(codes: Sequence[Exit]) -> str:
    """How many ended in which way, such as "2 passed, 1 failed"; "" for none."""
    known = {kind: codes.count(kind) for kind, _ in _ENDINGS}
    parts = [f"{known[kind]} {word}" for kind, word in _ENDINGS if known[kind]]
    rest = len(codes) - sum(known.values())
    return ", ".join([*parts, *([f"{rest} not run"] if rest else [])])


def _told(order: Order, result: Result) -> dict[str, Any]:
    """What --json tells of a run that is over: summary.json, where it lies, and what went wrong."""
    found: dict[str, Any] = dict(result.material.summary) if result.material else {"scenario": order.scenario.name}
    found |= {"folder": str(result.folder) if result.folder else None, "exit": int(result.code)}
    if result.error is not None:
        error = result.error
        found["error"] = {"what": error.what, "hint": error.hint, "blame": str(error.blame)}
    return found


def asking[F: Callable[..., Any]](function: F) -> F:
    """Give a command the scenarios and the options that `wanted` takes."""
    shared: list[Callable[[F], F]] = [
        click.argument("scenarios", metavar="SCENARIO...", nargs=-1, required=True, type=ScenarioFile()),
        click.option("--target", metavar="URL", help="The app to test, already running, in place of the scenario's."),
        click.option("--app", type=click.Choice(["fragile", "hardened"]), help="Start a sample app and test it."),
        click.option(
            "--out",
            metavar="DIR",
            type=click.Path(path_type=Path),
            help="The run folder, made where there is none; with several runs DIR/NAME, and DIR/report.html for all.  "
            "[default: reports/NAME-TIME]",
        ),
        selecting,
        click.option("--seed", metavar="N", type=int, help="Another seed: other calls are broken."),
        click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario: load.rate=10/s."),
        click.option("--rate", metavar="RATE", help="Another load, such as 10/s: users a second."),
        click.option("--duration-scale", metavar="X", type=float, default=1.0, help="Multiply the phases' durations."),
        click.option("--port", metavar="N", type=click.IntRange(0, 65000), default=0, help="The proxy's first port."),
        PROXY_WORKERS,
        click.option(
            "--baseline",
            metavar="NAME|RUN",
            help="Hold each run against a kept baseline, or a run folder: it must be shown to be no worse.",
        ),
        click.option(
            "--margin",
            "margins",
            metavar="METRIC=X",
            multiple=True,
            help="How much worse than the baseline may pass: success_rate=2% (points), latency=1.5 (a ratio), or none "
            "to leave it out.  [default: success_rate=2%, latency=1.5, tokens_per_answer=1.5]",
        ),
    ]
    for option in reversed(shared):
        function = option(function)
    return function


def wanted(
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
    baseline: str | None,
    margins: tuple[str, ...],
    quiet: bool,
    dry_run: bool = False,
) -> Wanted:
    """All that is to be run, read before the first begins; raises ChaosError and ScenarioError."""
    target, app, words = the_app(ctx, target, app)
    check_scale(duration_scale)
    outlive_reader()
    from chaosllm.adapters.suite_file import chosen  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.adapters.suite_folder import UNNAMED, refuse  # noqa: PLC0415  # as above
    from chaosllm.adapters.supervisor.order import Order  # noqa: PLC0415  # as above

    settings = [*sets]
    if seed is not None:
        settings.append(f"seed={seed}")
    if rate is not None:
        settings.append(f"load.rate={checked_rate(rate)}")

    held = _held(baseline, margins)
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
            Order(
                scenario, reading.as_run, path.parent, where, "", target, app, words, port, dry_run, proxy_workers,
                None if held is None else held(scenario.name, reading.as_run),
            )
        )  # fmt: skip
    if out is not None:
        _apart(orders)
    if out is not None and not alone:
        refuse(out)
    if not quiet:
        warn_of_plugins()
    suites = {one.suite for one in found}
    return Wanted(orders, alone, words, (suites.pop() if len(suites) == 1 else "") or UNNAMED, out)


def _held(baseline: str | None, margins: Sequence[str]) -> Callable[[str, str], dict[str, Any]] | None:
    """Gives for a scenario's name and text what its run is held against; raises ChaosError for another scenario's.

    Before anything is run, because a gate of an hour must not end in that.
    """
    if baseline is None:
        if margins:
            raise click.UsageError("--margin says how much worse than --baseline may pass: give that too")
        return None
    from chaosllm import against  # noqa: PLC0415  # late, as above
    from chaosllm.adapters import baselines  # noqa: PLC0415  # as above
    from chaosllm.comparison import same_experiment  # noqa: PLC0415  # as above
    from chaosllm.reader import read  # noqa: PLC0415  # as above
    from chaosllm.sameness import identity  # noqa: PLC0415  # as above

    try:
        wide = against.read_margins(margins)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--margin") from None

    def held(name: str, text: str) -> dict[str, Any]:
        before = baselines.load(baseline, name)
        same_experiment(before.identity, identity(read(text).unwrap()))  # read as its run folder will be
        if before.verdict == "inconclusive":
            click.echo(f"warning: {baseline} is inconclusive for {name}: a run against it cannot pass", err=True)
        return against.order(Path(baseline).name or baseline, before, wide)

    return held


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
