"""Text to a file or to stdout, whatever the terminal can show."""

from __future__ import annotations

import sys
from pathlib import Path

import click


def write(text: str, out: Path | None) -> None:
    """To a file, or to stdout; a terminal that cannot show a sign gets a question mark in its place."""
    if out is not None:
        from chaosllm.adapters import run_folder  # noqa: PLC0415  # late, so that --help stays quick

        run_folder.write(out, text)
        click.echo(f"written: {out}", err=True)
        return
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), nl=False)
