"""Text to a file or to stdout, whatever the terminal can show, and whether or not somebody still reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

import click


class _Unread:
    """A stream that says nothing when its reader is gone, and is the one that it stands for in everything else."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        return self._try(lambda: self._stream.write(text), len(text))

    def flush(self) -> None:
        self._try(self._stream.flush, None)

    def _try[T](self, act: Callable[[], T], otherwise: T) -> T:
        try:
            return act()
        except BrokenPipeError:
            # docs.python.org/3/library/signal.html#note-on-sigpipe: else Python complains once more at its end
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  # it is no path of a file
                os.dup2(nowhere.fileno(), self._stream.fileno())
            return otherwise


def outlive_reader() -> None:
    """From now on a reader of stdout that goes away, such as `head`, ends nothing and is no exit code.

    Because click and rich end with 1 then, which says FAIL, and would leave out the scenarios that are yet to come.
    """
    if not isinstance(sys.stdout, _Unread):
        sys.stdout = cast(TextIO, _Unread(sys.stdout))


def write(text: str, out: Path | None) -> None:
    """To a file, or to stdout; a terminal that cannot show a sign gets a question mark in its place."""
    if out is not None:
        from chaosllm.adapters import run_folder  # noqa: PLC0415  # late, so that --help stays quick

        run_folder.write(out, text)
        click.echo(f"written: {out}", err=True)
        return
    encoding = sys.stdout.encoding or "utf-8"
    click.echo(text.encode(encoding, "replace").decode(encoding), nl=False)
