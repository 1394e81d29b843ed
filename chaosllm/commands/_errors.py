"""How errors read on a terminal: whose mistake, what was found, what would work."""

from __future__ import annotations

import os
import tempfile
import traceback

import click
from click.core import ParameterSource

from chaosllm.errors import ChaosError, ScenarioError


def explain(error: ChaosError) -> None:
    """Say on stderr what went wrong and what would work; a scenario's problems one a line."""
    if isinstance(error, ScenarioError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
        return
    click.echo(f"error: {error.sentence}", err=True)
    if error.hint:
        click.echo(f"  try: {error.hint}", err=True)


def misused(error: click.UsageError) -> None:
    """Say on stderr what is wrong with the command line, in the form of every other error."""
    what = error.format_message().rstrip(".")
    click.echo(f"error: {what[:1].lower()}{what[1:]}{_from_variable(error)}", err=True)
    if error.ctx is not None:
        click.echo(f"  try: {error.ctx.command_path} --help", err=True)


def _from_variable(error: click.UsageError) -> str:
    """Which variable a wrong value came from, because nothing on the command line shows it."""
    option, context = getattr(error, "param", None), error.ctx
    if option is None or context is None or option.name is None:
        return ""
    if context.get_parameter_source(option.name) is not ParameterSource.ENVIRONMENT:
        return ""
    return f" (from {next(name for name in option.envvar if os.environ.get(name))})"


def our_bug(error: BaseException) -> str:
    """The sentence for a mistake of ours; the traceback (code lines only, no values) goes to a file of mode 0600."""
    handle, name = tempfile.mkstemp(prefix="chaosllm-bug-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return (
        f"this is a bug in chaosllm, not in your app: {type(error).__name__}: {error}\n"
        f"  the traceback is in {name}; `chaosllm --debug ...` shows it here"
    )
