"""`chaosllm report`: judges the records of a run again and shows them, with nothing but its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from chaosllm.commands import _post_mortem as post_mortem
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
    "  chaosllm report RUN --format markdown --out comment.md\n"
    "  chaosllm report reports/smoke --format terminal\n"
    "  chaosllm report RUN --access-log access.jsonl --map time=ts,duration_ms=took\n\n"
    "Exits 0 whatever the verdict is: `run` and `gate` give it as their exit code."
)
@click.argument("run", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print summary.json on stdout.")
@click.option(
    "--format", "form", type=click.Choice(["html", "markdown", "json", "terminal"]),
    help="Print this alone and leave the folder as it is.",
)  # fmt: skip
@click.option(
    "--access-log", metavar="FILE", type=click.Path(path_type=Path),
    help="The app's own log: what users got of an attached run (`proxy --attach`). It stays in the folder.",
)  # fmt: skip
@click.option(
    "--access-log-format", type=click.Choice(["csv", "jsonl"]), help="Where its name and first line tell none."
)
@click.option(
    "--map", "fields", metavar="WHAT=FIELD,...", default="",
    help="What its fields are, where names tell none: time, status, duration (or duration_ms, _s, _us, _ns), id, "
    "trace, path, outcome, degraded.",
)  # fmt: skip
@click.option(
    "--time-is", type=click.Choice(["auto", "start", "end"]), default="auto", show_default=True,
    help="Whether a line's time is the start of its request or the end.",
)  # fmt: skip
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write to a file instead.")
def command(
    run: Path,
    *,
    as_json: bool,
    form: str | None,
    out: Path | None,
    access_log: Path | None,
    access_log_format: str | None,
    fields: str,
    time_is: str,
) -> int:
    """Judge and render a run folder again.

    Without --format and --out the folder's summary.json, report.html, summary.md and plots are
    written anew. Of a suite's folder, or one that is full of run folders, that is done for each run, and then
    the page of all of them. Of a game day's folder, the post-mortem is written anew as well, and --format
    shows that.
    """
    if as_json and form not in (None, "json"):
        raise click.UsageError(f"--json and --format {form} ask for two things: give one of them")
    if out is not None and form is None:
        form = "json" if as_json else _BY_SUFFIX.get(out.suffix.lower())
        if form is None:
            raise click.UsageError(f"--out {out}: name a .html, .md, .json or .txt file, or give --format")
    from chaosllm.adapters.one_thread import load_numpy  # noqa: PLC0415  # late, so that --help stays quick

    load_numpy()
    from chaosllm import verdict  # noqa: PLC0415  # as above
    from chaosllm.adapters import gameday_folder, run_folder, suite_folder  # noqa: PLC0415  # as above
    from chaosllm.adapters.run_lines import uncollected  # noqa: PLC0415  # as above

    if gameday_folder.is_gameday(run):
        return post_mortem.report(run, form=form, out=out, as_json=as_json)
    if access_log is not None:
        _take_in(run, access_log, access_log_format, fields, time_is)
    elif access_log_format or fields or time_is != "auto":
        raise click.UsageError("--access-log-format, --map and --time-is say how to read a log: give --access-log too")
    if suite_folder.holds_runs(run):
        return suite_page.report(run, form=form, out=out, as_json=as_json)
    with uncollected():  # to the end, because the records stay, and are all that grows
        loaded = run_folder.load(run)
        for name in run_folder.missing(run):
            click.echo(f"warning: {run} has no {name}; what it would have told is left out", err=True)
        summary = verdict.judge(loaded)
        if form is not None:
            write(_one(form, run, loaded, summary), out)
        else:
            _all(run, loaded, summary, as_json=as_json)
    return 0


def _take_in(run: Path, log: Path, form: str | None, fields: str, time_is: str) -> None:
    """Make the log the run's users; what could not be read of it, and what to know, goes to stderr."""
    from chaosllm.access_log import UnusableError  # noqa: PLC0415  # late, as above
    from chaosllm.access_log.fields import mapping  # noqa: PLC0415  # as above
    from chaosllm.adapters.access_log import Ask, take_in  # noqa: PLC0415  # as above

    try:
        given = mapping(fields)
    except UnusableError as error:
        raise click.BadParameter(f"{error}: {error.hint}" if error.hint else str(error), param_hint="--map") from None
    told = take_in(run, Ask(log, cast("Any", form), given, cast("Any", time_is)))
    for problem in told.problems:
        click.echo(str(problem), err=True)
    if told.more > 0:
        click.echo(f"{log}: and {told.more:,} more lines that cannot be used", err=True)
    for note in told.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(f"{told.used:,} requests of {log} are now the users of {run}", err=True)


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
