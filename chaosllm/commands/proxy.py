"""`chaosllm proxy`: only inject, for an app and a load of your own."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither asyncio nor pydantic

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._scenario import ScenarioFile
from chaosllm.commands._workers import PROXY_WORKERS
from chaosllm.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaosllm.adapters.proxy_order import ProxyOrder
    from chaosllm.adapters.warm import Warm
    from chaosllm.live.stopping import Reading
    from chaosllm.scenario import Scenario


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm proxy scenarios/rate-limit-storm.yaml\n"
    "  chaosllm proxy my.yaml --phase storm --json\n"
    "  chaosllm proxy my.yaml --attach --upstream openai=https://api.openai.com\n"
    "  chaosllm proxy my.yaml --upstream openai=https://api.openai.com --port 8080\n\n"
    "Without --phase the phases run by the clock and the proxy stops after the last one; with it one phase is held "
    "until Ctrl-C. With --attach, and after a stop (`chaosllm ctl stop`, a safety lever, stop_when), the faults end "
    "and the proxy stays: it passes everything on, clean, until Ctrl-C, so that the app keeps its provider. --leave "
    "ends it with the faults."
)
@click.argument("scenario", metavar="SCENARIO", type=ScenarioFile())
@click.option("--phase", metavar="NAME", help="Hold this phase until stopped.")
@click.option(
    "--attach",
    is_flag=True,
    help="Record a run of an app that gets its own traffic, and judge what its calls tell: phases begin with the first "
    "call.",
)
@click.option("--leave", is_flag=True, help="End as soon as the faults are over and judged: for scripts.")
@click.option("--json", "as_json", is_flag=True, help="Print one ready line of JSON on stdout.")
@click.option("--port", metavar="N", type=click.IntRange(0, 65000), default=0, help="First port; 0 takes free ones.")
@PROXY_WORKERS
@click.option(
    "--redis",
    metavar="URL",
    help="Where live buckets and budgets are kept, for proxies on several hosts that share them. Say it as "
    "CHAOSLLM_REDIS when it holds a password.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Keep events.jsonl in this folder; with --attach the run folder.",
)
@click.option("--seed", metavar="N", type=int, help="Another seed: other calls are broken.")
@click.option("--set", "sets", metavar="PATH=VALUE", multiple=True, help="Change the scenario, as load.rate=10/s.")
@click.option(
    "--upstream",
    "upstreams",
    metavar="PROVIDER=URL",
    multiple=True,
    help="Where a provider's calls go, in place of the scenario's.",
)
def command(
    *,
    scenario: Path,
    phase: str | None,
    attach: bool,
    leave: bool,
    as_json: bool,
    port: int,
    proxy_workers: int,
    redis: str | None,
    out: Path | None,
    seed: int | None,
    sets: tuple[str, ...],
    upstreams: tuple[str, ...],
) -> int:
    """Break the LLM calls of any app as a scenario says; load and app are yours.

    Prints the addresses and variables with which an app finds the proxy. Ends with 3 when something of our own broke,
    with 5 when it was stopped.

    With --attach it leaves a run folder as `run` does, with the proxy's side alone: what users got is not known, until
    `chaosllm report FOLDER --access-log FILE` is given the app's own log. The exit code is the verdict's.
    """
    if attach and phase is not None:
        raise click.UsageError("--attach lets the phases run by the clock, --phase holds one: give one of them")
    from chaosllm.adapters.interpreter import proxy_module
    from chaosllm.adapters.warm import Warm

    with Warm("proxy", proxy_module(proxy_workers)) as proxy:
        order = _order(
            scenario, sets, seed, phase=phase, port=port, out=out, upstreams=_pairs(upstreams),
            workers=proxy_workers, redis=redis,
        )  # fmt: skip
        if attach:
            from chaosllm.commands._attached import attached

            return attached(order, proxy, as_json=as_json, leave=leave)
        counts, stopped = _hold(order, proxy, as_json=as_json, leave=leave)
    click.echo(_summary(counts), err=True)
    if counts.get("failures"):
        return Exit.COULD_NOT_RUN
    return Exit.STOPPED if stopped else Exit.PASS


def _order(scenario: Path, sets: tuple[str, ...], seed: int | None, **more: Any) -> ProxyOrder:
    from chaosllm.adapters.proxy_order import ProxyOrder

    settings = [*sets] if seed is None else [*sets, f"seed={seed}"]
    return ProxyOrder.read(scenario, settings, **more)


class _Lines:
    """A Watcher that writes on stderr what it is told; the counts stand in `chaosllm ctl status`."""

    def say(self, text: str) -> None:
        """A stage began."""
        click.echo(text, err=True)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        click.echo(f"note: {text}", err=True)

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed."""

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""


def _hold(order: ProxyOrder, proxy: Warm, *, as_json: bool, leave: bool) -> tuple[dict[str, Any], bool]:
    """Hold it; the last counts, and whether it was stopped."""
    import asyncio

    from chaosllm.adapters.proxy_session import ProxySession
    from chaosllm.commands._signals import interrupting
    from chaosllm.units import format_duration

    def ready(message: dict[str, object]) -> None:
        held = f"phase {order.phase}" if order.phase else f"{format_duration(order.scenario.duration)} of phases"
        foot = "`chaosllm ctl` steers it, Ctrl-C stops it."
        tell(message, f"Proxy ready, {held} of {order.scenario.name}.", foot, as_json=as_json)

    def failed(what: str) -> None:
        click.echo(f"error: {what}; what the app met since may be ours", err=True)

    async def go() -> tuple[dict[str, Any], bool]:
        session = ProxySession(order, ready, failed, _Lines(), proxy, leave=leave)
        with interrupting([session], quiet=True):
            return await session.run(), session.ended_by is not None

    return asyncio.run(go())


def tell(message: dict[str, object], head: str, foot: str, *, as_json: bool) -> None:
    """Print on stdout where the proxy is, and what an app needs to find it."""
    if as_json:
        click.echo(json.dumps({"ready": True, **message}))
        return
    click.echo(f"{head} For your app:")
    variables = message["env"]
    for name, value in variables.items() if isinstance(variables, dict) else ():
        click.echo(f"  export {name}={shlex.quote(str(value))}")
    notes = message["notes"]
    for note in notes if isinstance(notes, list) else ():
        click.echo(f"Note: {note}.")
    click.echo(foot)


def _pairs(upstreams: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for text in upstreams:
        name, equals, url = text.partition("=")
        if not equals or not name or not url:
            raise click.BadParameter(
                f"found {text!r}, expected PROVIDER=URL such as openai=https://api.openai.com", param_hint="--upstream"
            )
        found[name] = url
    return found


def _summary(counts: dict[str, object]) -> str:
    words = ", ".join(
        f"{counts.get(name, 0)} {shown}"
        for name, shown in (("calls", "calls"), ("injected", "injected"), ("unrecognised", "not recognised"))
    )
    failures = counts.get("failures", 0)
    return f"stopped: {words}" + (f", {failures} failures of our own" if failures else "")
