"""The record and the page of several runs: begun before the first, written after the last, made again by `report`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._output import write
from chaosllm.errors import ChaosError, Exit

if TYPE_CHECKING:
    from chaosllm.adapters.run_hold import Hold
    from chaosllm.adapters.supervisor.order import Order, Result
    from chaosllm.join import Run
    from chaosllm.suite_outcome import Ran


class Diary:
    """What became of several runs so far, kept in their suite's folder, so that a kill leaves a record of them all.

    Where nothing can be written it warns once and keeps the runs going: each has its own folder.
    """

    def __init__(self, name: str, orders: Sequence[Order], out: Path | None) -> None:
        self.folder: Path | None = None
        self._name = name
        self._orders = [*orders]
        self._out = out
        self._hold: Hold | None = None

    def begun(self, at: int, results: Sequence[Result]) -> Order:
        """Note that the run at that place begins; its order, which names its folder."""
        from chaosllm.adapters import run_folder, suite_folder  # noqa: PLC0415  # late, so that --help stays quick
        from chaosllm.adapters.run_hold import Hold  # noqa: PLC0415  # as above

        now = datetime.now().astimezone()
        try:
            if self.folder is None:
                self.folder = suite_folder.home(self._name, self._out, now)
                self._hold = Hold(self.folder)
            order = self._orders[at]
            if order.out is None:
                order = replace(order, out=run_folder.create(order.name or order.scenario.name, None, now))
                self._orders[at] = order
            suite_folder.note(self.folder, self._name, [*_ran(self._orders, results, self.folder, begun=True)])
        except (ChaosError, OSError) as error:
            if at == 0:
                click.echo(f"warning: what becomes of these runs cannot be noted: {error}", err=True)
        return self._orders[at]

    def ended(self, results: Sequence[Result], *, on_stderr: bool = False) -> dict[str, Any]:
        """Write the page of all runs and say where it is; the suite's summary.

        A page that cannot be written is a warning, because the runs have their verdicts.
        """
        from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above
        from chaosllm.suite_outcome import outcome  # noqa: PLC0415  # as above

        self._hold = None
        try:
            folder = self.folder or suite_folder.home(self._name, self._out, datetime.now().astimezone())
            runs = [*_ran(self._orders, results, folder)]
            self.folder = folder
            summary = suite_folder.write(folder, self._name, runs)
        except (ChaosError, OSError) as error:
            click.echo(f"warning: the suite report could not be written: {error}", err=True)
            return outcome(self._name, [*_ran(self._orders, results, Path())])
        click.echo(f"suite report: {folder / 'report.html'}", err=on_stderr)
        return summary


def _ran(orders: Sequence[Order], results: Sequence[Result], of: Path, *, begun: bool = False) -> Iterator[Ran]:
    """Each order as the page knows it; a second one of a name is numbered, because a name is how a run is found.

    `begun`: the one after those with a result is under way.
    """
    from chaosllm.adapters.suite_folder import ran  # noqa: PLC0415  # late, as above
    from chaosllm.suite_outcome import KILLED  # noqa: PLC0415  # as above

    seen: dict[str, int] = {}
    for at, order in enumerate(orders):
        name = order.scenario.name
        seen[name] = seen.get(name, 0) + 1
        name = f"{name} ({seen[name]})" if seen[name] > 1 else name
        result = results[at] if at < len(results) else None
        if result is None:
            under_way = begun and at == len(results)
            yield ran(name, order.out, of, stopped=KILLED) if under_way else ran(name, None, of)
            continue
        judged = (result.material.summary, result.material.meta) if result.material else None
        stopped = "interrupted" if result.code is Exit.INTERRUPTED else ""
        error = result.error.what if result.error else ""
        yield ran(name, result.folder, of, judged=judged, error=error, stopped=stopped)


# Made again ------------------------------------------------------------------------------------------------------


def report(folder: Path, *, form: str | None, out: Path | None, as_json: bool) -> int:
    """Judge and render a suite's runs again, each in its folder, and their page; or one form of it as asked for."""
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above
    from chaosllm.suite_outcome import outcome  # noqa: PLC0415  # as above

    name, runs = suite_folder.again(folder, None if form is not None else _Rendering(folder))
    for one in runs:
        if one.damaged:
            click.echo(f"warning: {_clean(one.name)} is damaged: {_clean(one.damaged)}", err=True)
    if form is not None:
        summary = outcome(name, runs)
        write(suite_folder.render(summary, runs) if form == "html" else _told(form, summary), out)
        return 0
    summary = suite_folder.write(folder, name, runs)
    if as_json:
        write(_told("json", summary), None)
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.renderers._suite_text import renderable  # noqa: PLC0415  # as above

    Console(stderr=as_json, highlight=False).print(renderable(summary))
    click.echo(f"suite report: {folder / 'report.html'}", err=as_json)
    return 0


class _Rendering:
    """Renders each run into its folder, as `report` on that folder does."""

    def __init__(self, of: Path) -> None:
        self._of = of

    def __call__(self, folder: Path, run: Run, summary: dict[str, Any]) -> None:
        from chaosllm.adapters.rendering import render  # noqa: PLC0415  # late, as above
        from chaosllm.adapters.suite_folder import beside  # noqa: PLC0415  # as above

        if not beside(folder, self._of):
            click.echo(f"note: {_clean(folder)} lies elsewhere: its own report stays as it is", err=True)
            return
        click.echo(f"rendering {_clean(folder.name)}", err=True)
        render(folder, run, summary)


def _told(form: str, summary: dict[str, Any]) -> str:
    import json  # noqa: PLC0415  # late, as above

    from chaosllm.renderers import _suite_text as text  # noqa: PLC0415  # as above

    if form == "json":
        return json.dumps(summary, indent=1, ensure_ascii=False) + "\n"
    return text.markdown(summary) if form == "markdown" else text.plain(summary)


def _clean(text: object) -> str:
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # late, as above

    return clean(text)
