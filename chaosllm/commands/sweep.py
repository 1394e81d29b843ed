"""`chaosllm sweep`: how far a parameter can go before an objective fails, with an interval, in few runs."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._launch import WithApp, check_scale, lacking, launch, the_app
from chaosllm.commands._scenario import ScenarioFile
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import ChaosError, Exit

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaosllm.adapters.supervisor.order import Order, Result
    from chaosllm.adapters.sweep_plan import Plan
    from chaosllm.sweep_outcome import Sweep

#: Runs at most, when neither --runs nor a list says how many.
RUNS = 12
#: Seconds that a run takes beside its phases, until one has been timed: starting, the last answers, judging.
BESIDE = 10.0
#: After so many runs in a row that are no data the next will be none either.
GIVE_UP = 2


@click.command(
    cls=WithApp,
    epilog="\b\nExamples:\n"
    "  chaosllm sweep scenarios/rate-limit-storm.yaml --vary rules.0.when.share=0%..80% --app hardened\n"
    "  chaosllm sweep my.yaml --vary load.rate=5/s..50/s --objective latency_p95 --budget 20m -- python -m myapp\n"
    "  chaosllm sweep my.yaml --vary rules.0.when.share=10%,20%,40% --at-least 20% --target http://127.0.0.1:3000\n\n"
    "Exits 0 when a breaking point was found or the objective holds everywhere, 1 when it fails already at the lowest "
    "level (or below --at-least), 4 when the runs cannot tell. Ctrl-C keeps the levels so far; the same command with "
    "the same --out takes them up again.",
)
@click.argument("scenario", metavar="SCENARIO", type=ScenarioFile())
@click.option(
    "--vary", metavar="PATH=LOW..HIGH", required=True, help="What to vary, as in --set; a list A,B,C is a plain grid."
)
@click.option("--objective", metavar="TEXT", default="", help="Which one: its number, or how it begins.  [default: the "
              "first on a fault phase]")  # fmt: skip
@click.option("--tolerance", metavar="WIDTH", default="", help="Stop at an interval as narrow as this, such as 5%.  "
              "[default: a tenth of the range]")  # fmt: skip
@click.option(
    "--steps", metavar="N", type=click.IntRange(2, 100), help="A plain grid of N levels, in place of a search."
)
@click.option("--runs", metavar="N", type=click.IntRange(1, 1000), help=f"Runs at most.  [default: {RUNS}]")
@click.option("--budget", metavar="TIME", help="Start no run that would end after this time, such as 20m.")
@click.option("--at-least", metavar="LEVEL", default="", help="Pass or fail by whether it holds up to this level.")
@click.option("--target", metavar="URL", help="The app to test, already running, in place of the scenario's.")
@click.option("--app", type=click.Choice(["fragile", "hardened"]), help="Start a sample app and test it.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="The folder of the sweep; one that was "
              "broken off is taken up again.  [default: reports/sweep-NAME-TIME]")  # fmt: skip
@click.option("--seed", metavar="N", type=int, help="Seed of the first run; each further run takes the next.")
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario, as load.rate=10/s.")
@click.option("--duration-scale", metavar="X", type=float, default=1.0, help="Multiply the phases' durations.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65000), default=0, help="The proxy's first port.")
@PROXY_WORKERS
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@click.option("--json", "as_json", is_flag=True, help="Print sweep.json on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    *,
    scenario: Path,
    vary: str,
    objective: str,
    tolerance: str,
    steps: int | None,
    runs: int | None,
    budget: str | None,
    at_least: str,
    target: str | None,
    app: str | None,
    out: Path | None,
    seed: int | None,
    sets: tuple[str, ...],
    duration_scale: float,
    port: int,
    proxy_workers: int,
    quiet: bool,
    as_json: bool,
) -> int:
    """Find the level of a parameter at which an objective breaks.

    Each level is an ordinary run, kept in a folder of its own. The next level is chosen by what the
    runs before it showed, so that few are needed; the interval holds wherever the sweep stops.
    """
    target, app, words = the_app(ctx, target, app)
    check_scale(duration_scale)
    from chaosllm.adapters.supervisor.order import Order  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.adapters.sweep_folder import create, earlier, fingerprint  # noqa: PLC0415  # as above
    from chaosllm.adapters.sweep_plan import Asked, plan  # noqa: PLC0415  # as above
    from chaosllm.sweep_outcome import Sweep  # noqa: PLC0415  # as above

    asked = Asked(vary, objective, tolerance, steps, at_least)
    found = plan(scenario, asked, sets, duration_scale, starts=target is None and app is None and not words)
    if error := lacking(words):
        raise error
    least = found.scenario.duration + BESIDE
    seconds = _budget(budget, least)
    first = found.scenario.seed if seed is None else seed
    name = found.scenario.name
    folder = create(name, out, datetime.now(UTC).astimezone())
    text = found.read(found.range.high, first).as_run
    print_ = fingerprint(text, found.range, found.objective, target or app or " ".join(words))
    done = earlier(folder, found.range, print_)
    limit = len(found.range.given) or runs or RUNS

    def order(value: float, run_seed: int, where: Path) -> Order:
        reading = found.read(value, run_seed)
        return Order(
            reading.unwrap(), reading.as_run, scenario.parent, where, "", target, app, words, port, False, proxy_workers
        )  # fmt: skip

    sweep = Sweep(name, found.range, found.objective, found.tolerance, done)
    going = _Going(found, sweep, folder, print_, first, limit, seconds, order, quiet=quiet)
    if not quiet:
        for warning in found.warnings:
            click.echo(str(warning), err=True)
        click.echo(_beforehand(found, len(done), limit, least, folder), err=True)
    going.run()
    return going.show(as_json=as_json)


def _budget(text: str | None, least: float) -> float | None:
    """Seconds of --budget; raises BadParameter for one that no run fits into."""
    from chaosllm.units import format_duration, parse_duration  # noqa: PLC0415  # late, as above

    if text is None:
        return None
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--budget") from None
    if seconds < least:
        what = f"{text} is shorter than one run, which takes about {format_duration(least)}"
        raise click.BadParameter(what, param_hint="--budget")
    return seconds


def _beforehand(found: Plan, done: int, limit: int, least: float, folder: Path) -> str:
    """What is about to happen, and how long it takes at most."""
    from chaosllm.units import format_duration  # noqa: PLC0415  # late, as above

    span = found.range
    what = f"sweeping {span.path} from {span.text(span.low)} to {span.text(span.high)} for {found.objective.text}: "
    taken = f"{done} runs taken up again, " if done else ""
    up_to = "" if span.given else "up to "
    left = max(0, limit - done)
    return f"{what}{taken}{up_to}{left} runs, about {format_duration(left * least)} in all; in {folder}"


@dataclass
class _Going:
    """A sweep on its way."""

    plan: Plan
    sweep: Sweep
    folder: Path
    print_: str
    seed: int
    limit: int
    budget: float | None
    order: Callable[[float, int, Path], Order]
    quiet: bool
    last: Result | None = None
    began: float = field(default_factory=lambda: time.monotonic())  # noqa: PLW0108  # because a test sets the clock

    def run(self) -> None:
        """Level after level, until the sweep knows, or may not go on."""
        from chaosllm.adapters.sweep_folder import level_folder, write  # noqa: PLC0415  # late, as above

        misses, ran = 0, 0
        while (value := self.next()) is not None:
            each = (time.monotonic() - self.began) / ran if ran else self.plan.scenario.duration + BESIDE
            if reason := self.limited(each):
                self.stop(reason)
                return
            seed = self.seed + len(self.sweep.levels)
            text = self.plan.range.text(value)
            if not self.quiet:
                click.echo(f"run {len(self.sweep.levels) + 1}: {self.plan.range.path}={text}, seed {seed}", err=True)
            where = level_folder(self.folder, text, seed)
            self.last = launch(self.order(value, seed, where), quiet=self.quiet)
            ran += 1
            self.tell(value, seed, where)
            write(self.folder, self.made())
            misses = 0 if self.sweep.levels[-1].told else misses + 1
            if self.last.code is Exit.INTERRUPTED:
                self.stop("stopped by Ctrl-C")
                return
            if misses == GIVE_UP or (misses and self.last.material is None):
                self.stop(f"stopped, because {misses} run{'s' * (misses > 1)} in a row gave no data")
                return

    def next(self) -> float | None:
        """The level to run next; None when there is nothing left to find."""
        from chaosllm.sweep_outcome import gate, to_json  # noqa: PLC0415  # late, as above

        span, levels = self.plan.range, self.sweep.levels
        if span.given:
            data = {level.value for level in levels if level.told is not None}
            return next((value for value in span.given if value not in data), None)
        if self.plan.at_least is not None and gate(to_json(self.sweep), self.plan.at_least) != "inconclusive":
            return None
        place = self.sweep.now.next
        return None if place is None else span.value(place)

    def limited(self, each: float) -> str:
        """Why no further run is started; "" when one is."""
        from chaosllm.units import format_duration  # noqa: PLC0415  # late, as above

        if len(self.sweep.levels) >= self.limit:
            return "" if self.plan.range.given else f"stopped after {self.limit} runs; --runs allows more"
        if self.budget is not None and time.monotonic() - self.began + each > self.budget:
            return f"stopped, because another run would end after the budget of {format_duration(self.budget)}"
        return ""

    def tell(self, value: float, seed: int, where: Path) -> None:
        """Take up what the last run showed."""
        from chaosllm.adapters.sweep_folder import spoiled  # noqa: PLC0415  # late, as above
        from chaosllm.sweep_outcome import Level, told_by  # noqa: PLC0415  # as above

        result = self.last
        level = Level(value, seed, where.name)
        if result is None or result.material is None or result.code is Exit.INTERRUPTED:
            why = result.error.what if result and result.error else "it was interrupted"
            level = replace(level, why=why)
        elif why := spoiled(where, self.plan.objective):
            level = replace(level, why=why)
        else:
            row = result.material.summary["objectives"][self.plan.index]
            told = told_by(row, self.plan.range.place(value), self.plan.objective)
            level = replace(level, row=row, **({"why": told} if isinstance(told, str) else {"told": told}))
        self.sweep = replace(self.sweep, levels=(*self.sweep.levels, level))
        if not self.quiet and level.told is not None:
            click.echo(f"  so far: {self.made()['says']}", err=True)
        elif not self.quiet:
            click.echo(f"  no data: {level.why}", err=True)

    def stop(self, reason: str) -> None:
        """Note why the sweep ends before it knows."""
        self.sweep = replace(self.sweep, stopped=reason)

    def made(self) -> dict[str, Any]:
        """sweep.json."""
        from chaosllm.sweep_outcome import gate, to_json  # noqa: PLC0415  # late, as above

        made = to_json(self.sweep) | {"fingerprint": self.print_}
        if self.plan.at_least is None:
            return made
        held = gate(made, self.plan.at_least)
        return made | {"at_least": {"level": self.plan.range.text(self.plan.at_least), "verdict": held}}

    def show(self, *, as_json: bool) -> Exit:
        """Write and print what was found; the exit code."""
        from rich.console import Console  # noqa: PLC0415  # late, as above

        from chaosllm.adapters.sweep_folder import finish  # noqa: PLC0415  # as above
        from chaosllm.commands._errors import explain  # noqa: PLC0415  # as above
        from chaosllm.renderers._sweep import renderable  # noqa: PLC0415  # as above

        made, code = self.made(), self.code()
        finish(self.folder, made, self.plan.range)
        if as_json:
            click.echo(json.dumps(made | {"folder": str(self.folder), "exit": int(code)}))
        Console(stderr=as_json, highlight=False).print(renderable(made))
        if self.last is not None and self.last.error is not None and not self.sweep.levels[-1].told:
            explain(self.last.error)
        click.echo(f"curve and runs: {self.folder}", err=as_json)
        return code

    def code(self) -> Exit:
        """What the sweep ends with (DESIGN section 5)."""
        if self.last is not None and self.last.code is Exit.INTERRUPTED:
            return Exit.INTERRUPTED
        if self.last is not None and isinstance(self.last.error, ChaosError) and not self.sweep.levels[-1].told:
            return self.last.error.exit_code
        made = self.made()
        verdict = made.get("at_least", {}).get("verdict") or {
            "found": "pass", "everywhere": "pass", "nowhere": "fail",
        }.get(made["breaking_point"]["kind"], "inconclusive")  # fmt: skip
        return {"pass": Exit.PASS, "fail": Exit.FAIL}.get(verdict, Exit.INCONCLUSIVE)
