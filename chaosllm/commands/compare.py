"""`chaosllm compare`: two runs of one scenario, or a run and a kept baseline, figure by figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from chaosllm.commands._output import write

if TYPE_CHECKING:
    from chaosllm.comparison import Comparison


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm compare reports/before reports/after\n"
    "  chaosllm compare main reports/after --format markdown --out comparison.md\n"
    "  chaosllm compare reports/before reports/after --out comparison.html\n"
    "  chaosllm compare main reports/after --json\n\n"
    "Exits 0 whatever it finds: `chaosllm gate --baseline A` turns a change for the worse into an exit code. Runs of "
    "different scenarios are refused with exit code 2."
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--all", "every", is_flag=True, help="Show every figure, those without a change too.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON on stdout.")
@click.option("--format", "form", type=click.Choice(["terminal", "markdown", "html", "json"]), help="Print this form.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead.")
def command(before: str, after: str, *, every: bool, as_json: bool, form: str | None, out: Path | None) -> int:
    """Hold two runs of a scenario against each other: B against A.

    A and B are run folders, or names of baselines (`chaosllm baseline save`). Each figure has its ratio, or its
    difference in points, with a 95% interval, and is better, worse, or without a difference that was shown.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for two things: give one of them")
    form = "json" if as_json else form or _of(out)
    from chaosllm.adapters.baselines import load  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.comparison import compare  # noqa: PLC0415  # as above
    from chaosllm.renderers import _comparison as shown  # noqa: PLC0415  # as above

    second = load(after)
    found = compare(load(before, second.scenario), second)
    names = (before, after)
    if form == "json":
        write(json.dumps(found.to_json() | {"names": {"a": before, "b": after}}, indent=1) + "\n", out)
    elif form == "html":
        write(_page(found, names, every=every), out)
    elif form == "markdown":
        write(shown.markdown(found, names, every=every), out)
    elif out is not None:
        write(shown.plain(found, names, every=every), out)
    else:
        from rich.console import Console  # noqa: PLC0415  # as above

        Console(highlight=False).print(shown.renderable(found, names, every=every))
    return 0


def _page(found: Comparison, names: tuple[str, str], *, every: bool) -> str:
    """The page, with both runs over each other where both are run folders."""
    from chaosllm.adapters import run_folder  # noqa: PLC0415  # late, as above
    from chaosllm.adapters.baselines import folder  # noqa: PLC0415  # as above
    from chaosllm.adapters.charts import pairs  # noqa: PLC0415  # late: brings matplotlib
    from chaosllm.renderers._comparison_page import Shown, page  # noqa: PLC0415  # late, as above
    from chaosllm.series.pairs import Pair  # noqa: PLC0415  # as above

    folders = [folder(name, found.after.scenario) for name in names]
    kept = [name for name, path in zip(names, folders, strict=True) if path is None]
    charts, why = dict(pairs.forest(found)), ""
    runs = [run_folder.load(path) for path in folders if path is not None]
    if kept:
        what = f"{' and '.join(kept)} {'is a kept baseline' if len(kept) == 1 else 'are kept baselines'}"
        why = f"{what}: figures with their intervals and no samples, so no curves can be laid over each other."
    else:
        charts |= pairs.overlays(Pair(runs[0], runs[1], found.scale))
    return page(Shown(found, names, charts, why, every))


def _of(out: Path | None) -> str:
    """What the name of --out tells."""
    return {".md": "markdown", ".json": "json", ".html": "html", ".htm": "html"}.get(
        out.suffix.lower() if out else "", "terminal"
    )
