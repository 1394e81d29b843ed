"""`chaosllm report`: judges the records of a run again and shows them, with nothing but its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.commands import _suite_page as suite_page
from chaosllm.commands._output import write

if TYPE_CHECKING:
    from chaosllm.join import Run
    from chaosllm.renderers import Material

#: What the name of --out tells when --format does not.
_BY_SUFFIX = {".html": "html", ".htm": "html", ".md": "markdown", ".json": "json", ".txt": "terminal"}


@click.command(
    epilog="\b\nExample:\n"
    "  chaosllm report reports/demo-fragile-20261123-120000\n"
    "  chaosllm report RUN --format markdown --out comment.md\n\n"
    "Exits 0 whatever the verdict is: `run` and `gate` give it as their exit code."
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print summary.json on stdout.")
@click.option(
    "--format", "form", type=click.Choice(["html", "markdown", "json", "terminal"]),
    help="Print this alone and leave the folder as it is.",
)  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead.")
def command(run: Path, *, as_json: bool, form: str | None, out: Path | None) -> int:
    """Judge and render a run folder again.

    Without --format and --out the folder's summary.json, report.html, summary.md and plots are
    written anew. A suite's folder, or one that is full of run folders, gets the page of all of them.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for two things: give one of them")
    if out is not None and form is None:
        form = "json" if as_json else _BY_SUFFIX.get(out.suffix.lower())
        if form is None:
            raise click.UsageError(f"--out {out}: name a .html, .md, .json or .txt file, or give --format")
    from chaosllm import verdict  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.adapters import run_folder, suite_folder  # noqa: PLC0415  # as above

    if suite_folder.holds_runs(run):
        return suite_page.report(run, form=form, out=out, as_json=as_json)
    loaded = run_folder.load(run)
    for name in run_folder.missing(run):
        click.echo(f"warning: {run} has no {name}; what it would have told is left out", err=True)
    summary = verdict.judge(loaded)
    if form is not None:
        write(_one(form, run, loaded, summary), out)
    else:
        _all(run, loaded, summary, as_json=as_json)
    return 0


def _all(folder: Path, run: Run, summary: dict[str, Any], *, as_json: bool) -> None:
    from rich.console import Console  # noqa: PLC0415  # late, as above

    from chaosllm.adapters.rendering import render  # noqa: PLC0415  # as above
    from chaosllm.renderers import summary_json, terminal  # noqa: PLC0415  # as above

    shown = render(folder, run, summary)
    if as_json:
        write(summary_json.MEMBER.render(shown), None)
    Console(stderr=as_json, highlight=False).print(terminal.renderable(shown))


def _one(form: str, folder: Path, run: Run, summary: dict[str, Any]) -> str:
    from chaosllm.adapters.rendering import material  # noqa: PLC0415  # late, as above
    from chaosllm.registry import member  # noqa: PLC0415  # as above

    charts = {}
    if form == "html":
        from chaosllm.adapters.charts import charts as draw  # noqa: PLC0415  # late: brings matplotlib

        charts = draw(run)
    shown: Material = material(folder, run, summary, charts)
    text: str = member("renderers", form).render(shown)
    return text
