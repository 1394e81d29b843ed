"""`chaosllm proxy --attach`: an attached run from start to verdict, with a line of progress every 5 s."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither asyncio nor pydantic

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from chaosllm.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from chaosllm.adapters.proxy_order import ProxyOrder
    from chaosllm.adapters.supervisor.order import Result
    from chaosllm.adapters.warm import Warm
    from chaosllm.live.stopping import Reading
    from chaosllm.scenario import Scenario

#: Seconds between two lines (DESIGN section 5).
EVERY = 5.0


class _Lines:
    """A Watcher that writes lines on stderr."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._last: float | None = None

    def say(self, text: str) -> None:
        """A stage began."""
        click.echo(text, err=True)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        click.echo(f"note: {text}", err=True)

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""
        self._scenario = scenario

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:  # noqa: ARG002  # a Watcher's signature
        """A second passed; of a driver that there is not, the time of the run alone is told."""
        if self._last is not None and time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        t, whole = float(driver["t"]), format_duration(self._scenario.duration)
        phase = self._scenario.phase_at(t)
        if phase is None:
            return
        counts = ", ".join(
            f"{proxy.get(name, 0):,} {shown}"
            for name, shown in (("recognised", "calls"), ("injected", "with a fault"), ("in_flight", "open"))
        )
        click.echo(f"{format_duration(round(t))} of {whole}, {phase.name}: {counts}", err=True)


def attached(order: ProxyOrder, proxy: Warm, *, as_json: bool, leave: bool) -> int:
    """Run, judge and show it, then pass on what comes, until Ctrl-C or with `leave` not at all; the exit code."""
    import asyncio
    from datetime import UTC, datetime

    from chaosllm.adapters import run_folder
    from chaosllm.adapters.attached_session import AttachedSession, port_of
    from chaosllm.adapters.proxy_session import refuse
    from chaosllm.commands._signals import interrupting
    from chaosllm.commands.proxy import tell

    folders: list[Path] = []  # the run's, once nothing refuses its start
    then = (
        "When it is over the proxy is gone: point the app back at its provider."
        if leave
        else "When it is over the proxy stays and passes everything on, clean, until Ctrl-C."
    )

    def ready(message: dict[str, object]) -> None:
        (folder,) = folders
        tell(
            message | {"folder": str(folder)},
            f"Proxy ready, attached. The phases of {order.scenario.name} ({format_duration(order.scenario.duration)}) "
            "begin with the first call.",
            f"The run is kept in {folder}. {then} `chaosllm ctl stop` ends the faults at once, Ctrl-C the proxy, too; "
            "both judge what there is.",
            as_json=as_json,
        )

    def judged(result: Result) -> None:
        _show(result, as_json=as_json)

    async def go() -> Result:
        await refuse(order)
        folders.append(folder := run_folder.create(order.scenario.name, order.out, datetime.now(UTC).astimezone()))
        told = replace(order, out=folder, port=await port_of(order))
        session = AttachedSession(told, ready, _Lines(order.scenario), proxy, folder, judged=judged, leave=leave)
        with interrupting([session], quiet=True):
            return await session.record()

    return asyncio.run(go()).code


def _show(result: Result, *, as_json: bool) -> None:
    from rich.console import Console

    from chaosllm.commands._errors import explain
    from chaosllm.renderers.terminal import renderable

    if result.material is not None:
        Console(stderr=as_json, highlight=False).print(renderable(result.material))
    if result.error is not None:
        explain(result.error)
        if result.folder is not None and result.material is None:
            click.echo(f"  what there is: {result.folder}", err=True)
