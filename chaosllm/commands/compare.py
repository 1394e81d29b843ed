"""`chaosllm compare`: two runs of one scenario, or a run and a kept baseline, figure by figure."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chaosllm.commands._output import write


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm compare reports/before reports/after\n"
    "  chaosllm compare main reports/after --format markdown --out comparison.md\n"
    "  chaosllm compare main reports/after --json\n\n"
    "Exits 0 whatever it finds: `chaosllm gate --baseline A` turns a change for the worse into an exit code. Runs of "
    "different scenarios are refused with exit code 2."
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--all", "every", is_flag=True, help="Show every figure, those without a change too.")
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON on stdout.")
@click.option("--format", "form", type=click.Choice(["terminal", "markdown", "json"]), help="Print this form.")
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
    elif form == "markdown":
        write(shown.markdown(found, names, every=every), out)
    elif out is not None:
        write(shown.plain(found, names, every=every), out)
    else:
        from rich.console import Console  # noqa: PLC0415  # as above

        Console(highlight=False).print(shown.renderable(found, names, every=every))
    return 0


def _of(out: Path | None) -> str:
    """What the name of --out tells."""
    return {".md": "markdown", ".json": "json"}.get(out.suffix.lower() if out else "", "terminal")
