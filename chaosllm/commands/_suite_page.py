"""The page of several runs: written when `run` and `gate` are through, and made again by `report`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands._output import write
from chaosllm.errors import ChaosError

if TYPE_CHECKING:
    from chaosllm.adapters.supervisor.order import Order, Result
    from chaosllm.commands._runs import Wanted
    from chaosllm.suite_outcome import Ran

_FORMS = ("html", "json")


def conclude(found: Wanted, results: Sequence[Result], *, on_stderr: bool = False) -> None:
    """Write the page of all runs and say where it is; nothing for a single run, and for dry ones.

    A page that cannot be written is a warning, because the runs have their verdicts.
    """
    if found.alone or not results or any(order.dry_run for order in found.orders):
        return
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, so that --help stays quick

    try:
        folder = suite_folder.home(found.name, found.out, datetime.now().astimezone())
        suite_folder.write(folder, found.name, [*_ran(found.orders, results, folder)])
    except (ChaosError, OSError) as error:
        click.echo(f"warning: the suite report could not be written: {error}", err=True)
        return
    click.echo(f"suite report: {folder / 'report.html'}", err=on_stderr)


def _ran(orders: Sequence[Order], results: Sequence[Result], of: Path) -> Iterator[Ran]:
    """Each order as the page knows it; a second one of a name is numbered, because a name is how a run is found."""
    from chaosllm.adapters.suite_folder import ran  # noqa: PLC0415  # late, as above

    seen: dict[str, int] = {}
    for at, order in enumerate(orders):
        name = order.scenario.name
        seen[name] = seen.get(name, 0) + 1
        name = f"{name} ({seen[name]})" if seen[name] > 1 else name
        result = results[at] if at < len(results) else None
        if result is None:
            yield ran(name, None, of)
            continue
        judged = (result.material.summary, result.material.meta) if result.material else None
        yield ran(name, result.folder, of, judged=judged, error=result.error.what if result.error else "")


def report(folder: Path, *, form: str | None, out: Path | None, as_json: bool) -> int:
    """Judge and render a suite's runs again: into its folder, or one form of it as asked for."""
    from chaosllm.adapters import suite_folder  # noqa: PLC0415  # late, as above

    if form not in (None, *_FORMS):
        raise click.UsageError(f"--format {form}: the report of several runs is {' or '.join(_FORMS)}")
    name, runs = suite_folder.again(folder)
    for one in runs:
        if one.damaged:
            click.echo(f"warning: {_clean(one.name)} is damaged: {_clean(one.damaged)}", err=True)
    if form is not None:
        summary, page = suite_folder.render(name, runs)
        write(page if form == "html" else _json(summary), out)
        return 0
    summary = suite_folder.write(folder, name, runs)
    if as_json:
        write(_json(summary), None)
    click.echo(f"{_clean(name)}: {str(summary['verdict']).upper()}, {counted(summary)}", err=as_json)
    click.echo(f"suite report: {folder / 'report.html'}", err=as_json)
    return 0


def counted(summary: dict[str, Any]) -> str:
    """Such as "2 passed, 1 not run"."""
    states = [(state, number) for state, number in summary["counts"].items() if state != "runs" and number]
    return ", ".join(f"{number} {state.replace('_', ' ')}" for state, number in states) or "no run"


def _json(summary: dict[str, Any]) -> str:
    import json  # noqa: PLC0415  # late, as above

    return json.dumps(summary, indent=1, ensure_ascii=False) + "\n"


def _clean(text: str) -> str:
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # late, as above

    return clean(text)
