"""`chaosllm new`: a first scenario of one's own, commented, from a few questions or from flags."""

# ruff: noqa: PLC0415  # imports stand inside, so that --help loads neither pydantic nor YAML

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import chaosllm

if TYPE_CHECKING:
    from collections.abc import Callable

    from chaosllm.template import Answers

_STDOUT = Path("-")
#: The schema that is written beside a scenario outside our own checkout, with the plugins that are installed.
_SCHEMA = "scenario.schema.json"
#: Options that the reader itself checks, each alone, so that a question can be asked again.
_TARGET = ("url", "path", "field", "answer")
#: Option -> its question.
_QUESTIONS = {
    "provider": "Which LLM provider does your app call?",
    "fault": "What goes wrong first?",
    "share": "On which share of the calls?",
    "url": "Where does your app listen?",
    "path": "Which path do its users ask?",
    "field": "Which field of the JSON body holds what the user says?",
    "answer": "Where is the text in what comes back? (a JSONPath; `body` for all of it)",
    "rate": "How many users come?",
}


@click.command(
    epilog="\b\nExamples:\n"
    "  chaosllm new\n"
    "  chaosllm new storm.yaml --provider anthropic --fault overload --share 20%\n"
    "  chaosllm new - --fault truncate --yes\n\n"
    "Asks on a terminal for what no option says; elsewhere, or with --yes, it takes the defaults and says which."
)
@click.argument("file", required=False, default="chaos.yaml", type=click.Path(path_type=Path))
@click.option("--provider", metavar="NAME", help="The LLM provider.  [default: openai]")
@click.option("--fault", metavar="NAME", help="What goes wrong.  [default: rate_limit]")
@click.option("--share", metavar="SHARE", help="On how many of the calls.  [default: 30%]")
@click.option("--url", metavar="URL", help="Where the app listens.  [default: http://127.0.0.1:8000]")
@click.option("--path", metavar="PATH", help="The path that users ask.  [default: /chat]")
@click.option("--field", metavar="NAME", help="Of the JSON body: what the user says.  [default: message]")
@click.option("--answer", metavar="JSONPATH", help="Where the text is; `body` for all of it.  [default: $.answer]")
@click.option("--rate", metavar="RATE", help="Users a second.  [default: 10/s]")
@click.option(
    "--phases", metavar="TIMES", help="Warm-up, baseline, storm, recovery, as 5s,20s,30s,30s.  [default: long enough]"
)
@click.option("-y", "--yes", is_flag=True, help="Ask nothing.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
def command(*, file: Path, phases: str | None, yes: bool, force: bool, **said: str | None) -> None:
    """Write a commented scenario to FILE (or - for standard output) that `validate` accepts."""
    if file != _STDOUT and file.exists() and not force:
        raise click.UsageError(f"{file} exists; --force overwrites it")
    asks = sys.stdin.isatty() and sys.stderr.isatty() and not yes
    text = _text(_answers(file, said, phases, asks=asks), _modeline(file), fixed=phases is not None)
    if file == _STDOUT:
        click.echo(text, nl=False)
        click.echo(f"for an editor: chaosllm schema --out {_SCHEMA}, beside the file", err=True)
        return
    _write(file, text)
    if _modeline(file) == _SCHEMA:
        _write_schema(file.parent / _SCHEMA, force=force)
    click.echo(f"wrote {file}. Next:")
    for line in (f"validate {file}", f"explain {file}", f"run {file} -- COMMAND THAT STARTS YOUR APP"):
        click.echo(f"  chaosllm {line}")


def _answers(file: Path, said: dict[str, str | None], phases: str | None, *, asks: bool) -> Answers:
    from dataclasses import replace

    from chaosllm.template import Answers

    defaults = Answers()
    given: dict[str, Any] = {}
    taken: dict[str, str] = {}
    for name, question in _QUESTIONS.items():
        default, check = getattr(defaults, name), _check(name, given)
        value = said.get(name)
        if value is None and asks:
            value = click.prompt(question, default=default, value_proc=_asked(check), err=True)
        elif value is None:
            taken[name] = value = default
        given[name] = check(value)
    if taken and not asks:
        told = ", ".join(f"--{name} {value}" for name, value in taken.items())
        click.echo(f"taken, because nothing else was said: {told}", err=True)
    answers = replace(defaults, **given, name=_name(file))
    return replace(answers, phases=_phases(phases)) if phases is not None else answers


def _check(name: str, given: dict[str, Any]) -> Callable[[str], str]:
    """Takes an answer as it is meant, or raises click.BadParameter with what would work."""
    from dataclasses import replace

    from chaosllm.reader import read
    from chaosllm.registry import members
    from chaosllm.spelling import suggest
    from chaosllm.template import Answers, playable, written
    from chaosllm.units import parse_rate, parse_share

    def check(value: str) -> str:
        value = value.strip()
        if name in ("provider", "fault") and value not in members(f"{name}s"):
            raise click.BadParameter(f"there is no {name} {value!r}: {suggest(value, members(f'{name}s'))}")
        if name == "fault" and value not in (able := playable(given["provider"])):
            raise click.BadParameter(f"{given['provider']} cannot play {value}; it plays {', '.join(able)}")
        if name in ("share", "rate"):
            try:
                number = (parse_share if name == "share" else parse_rate)(value)
            except ValueError as error:
                raise click.BadParameter(str(error)) from None
            if number <= 0:
                raise click.BadParameter(f"found {value}, expected more than 0")
        if not value:
            raise click.BadParameter("found nothing")
        value = "" if name == "answer" and value == "body" else value
        alone: dict[str, Any] = {name: value} if name in _TARGET else {}
        for problem in read(written(replace(Answers(), **alone), _SCHEMA)).errors if alone else ():
            raise click.BadParameter(problem.what.partition(": ")[2] or problem.what)
        return value

    def named(value: str) -> str:
        try:
            return check(value)
        except click.BadParameter as error:
            error.param_hint = f"--{name}"
            raise

    return named


def _asked(check: Callable[[str], str]) -> Callable[[Any], str]:
    """For a prompt, which asks again on a UsageError; the answer stays as it was typed, and is taken later."""

    def asked(value: Any) -> str:
        check(str(value))
        return str(value)

    return asked


def _phases(text: str) -> tuple[float, float, float, float]:
    from chaosllm.units import parse_duration

    try:
        warmup, baseline, storm, recovery = (parse_duration(part.strip()) for part in text.split(","))
    except ValueError:
        expected = "expected four durations: warm-up, baseline, storm, recovery, such as 5s,20s,30s,30s"
        raise click.BadParameter(f"found {text!r}, {expected}", param_hint="--phases") from None
    return warmup, baseline, storm, recovery


def _text(answers: Answers, modeline: str, *, fixed: bool) -> str:
    """The scenario; its problems are the author's answers'."""
    from chaosllm.errors import Level
    from chaosllm.reader import read
    from chaosllm.template import fitted, written

    if fixed:
        text = written(answers, modeline)
        reading = read(text)
    else:
        text, reading = fitted(answers, modeline)
    for problem in reading.problems:
        said = problem.what + (f" ({problem.hint})" if problem.hint else "")
        if problem.level is Level.ERROR:
            raise click.UsageError(said)
        click.echo(f"warning: {said}", err=True)
    return text


def _name(file: Path) -> str:
    """A scenario's name from its file's; "" when it makes none."""
    import re

    found = re.sub(r"[^A-Za-z0-9_.-]+", "-", file.stem).strip("-._")
    return "" if file == _STDOUT or file.stem == "chaos" else found[:80]


def _modeline(file: Path) -> str:
    """Where the schema lies, as an editor sees it from the file: ours in a checkout, else one beside the file."""
    package = Path(chaosllm.__file__).parent
    shipped, folder = package / "schema" / "scenario.json", file.resolve().parent
    inside = folder.is_relative_to(package.parent) and (package.parent / "pyproject.toml").is_file()
    if file != _STDOUT and inside and shipped.is_file():
        return Path(os.path.relpath(shipped, folder)).as_posix()
    return _SCHEMA


def _write(file: Path, text: str) -> None:
    from chaosllm.errors import ChaosError, Exit

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        what = f"{file} cannot be written: {(error.strerror or str(error)).lower()}"
        raise ChaosError(what, exit_code=Exit.USAGE) from error


def _write_schema(file: Path, *, force: bool) -> None:
    """The schema, over an older one of ours; a stranger's file of that name is left alone."""
    from chaosllm.language.json_schema import text

    if file.exists() and not force and not _is_ours(file):
        click.echo(f"warning: {file} is not ours and was left alone; `chaosllm schema --out FILE` writes it", err=True)
        return
    _write(file, text())
    click.echo(f"wrote {file}, for editors: the first line of the scenario names it.")


def _is_ours(file: Path) -> bool:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(found, dict) and found.get("title") == "chaosllm scenario"
