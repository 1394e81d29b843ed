"""What becomes of a verb whose reader goes away."""

from __future__ import annotations

import os
import sys

import click
import pytest
from rich.console import Console

from chaosllm.commands import _output


def test_a_reader_that_is_gone_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """click and rich end with 1, which says FAIL, when a pipe is broken; `run ... | head` ends as the app did."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        _output.outlive_reader()
        _output.outlive_reader()  # of the second of several verbs in one process
        Console(highlight=False).print("a verdict")
        click.echo("and the next")
        print("and one more", flush=True)
        assert not sys.stdout.isatty()
