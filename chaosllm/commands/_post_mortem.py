"""`chaosllm report` of a game day's folder: each step judged again, then the post-mortem and the page of all steps."""

from __future__ import annotations

import json
from pathlib import Path

import click

from chaosllm.commands._output import write


def report(folder: Path, *, form: str | None, out: Path | None, as_json: bool) -> int:
    """Write a game day's post-mortem and its steps' reports anew; or print one form of the post-mortem alone."""
    from chaosllm.adapters import gameday_folder, run_folder  # noqa: PLC0415  # late, so that --help stays quick
    from chaosllm.renderers import _post_mortem_text as text  # noqa: PLC0415  # as above
    from chaosllm.renderers._words import clean  # noqa: PLC0415  # as above

    if form is None:
        for name in gameday_folder.judge_again(folder):
            click.echo(f"rendering {clean(name)}", err=True)
        gameday_folder.write_post_mortem(folder)
    told = gameday_folder.told(folder)
    for lack in told.damaged:
        click.echo(f"warning: {clean(lack)}", err=True)
    if form == "html":
        write(gameday_folder.page(folder), out)
    elif form == "markdown":
        write(text.markdown(told), out)
    elif form == "json" or as_json:
        write(json.dumps(run_folder.finite(told.to_json()), indent=1, ensure_ascii=False) + "\n", out)
    elif form == "terminal":
        write(text.plain(told), out)
    else:
        click.echo(text.plain(told), nl=False)
    if form is None:
        click.echo(f"post-mortem: {folder / gameday_folder.HTML} and .md", err=as_json)
        click.echo(f"steps: {folder / run_folder.REPORT}", err=as_json)
    return 0
