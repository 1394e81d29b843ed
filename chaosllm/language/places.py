"""Places in what users ask, `{column}` and `${env:NAME}`, held against the rows that fill them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from chaosllm.errors import Level, Where
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.rows import PROMPT, Rows, RowsError, is_table, read_rows
from chaosllm.spelling import cut, nearest, suggest
from chaosllm.variables import VARIABLE

#: What looks like a place: a word in braces, and no `${...}`.
_PLACE = re.compile(r"(?<!\$)\{([A-Za-z_][A-Za-z0-9_-]{0,59})\}")
_PARTS = ("path", "headers", "cookies", "json", "body")


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that the scenario wants, and where; `starts`: only where the scenario itself starts the app."""

    name: str
    where: Where
    starts: bool


def variables(document: Document) -> tuple[Variable, ...]:
    """The variables that the target and the probes want, in the order of the file."""
    target = document.data.get("target")
    listed = document.data.get("stop_when")
    items = enumerate(listed if isinstance(listed, list) else ())
    probes = [(at, one.get("headers")) for at, one in items if isinstance(one, dict)]
    outside = tuple(
        Variable(name, document.where(path), starts=False)
        for at, headers in probes
        for path, text in _texts(headers, ("stop_when", at, "headers"))
        for name in VARIABLE.findall(text)
    )
    return outside + tuple(
        Variable(name, document.where(path), starts=path[1] == "start")
        for path, text in _texts(target, ("target",))
        if path[1:2] and path[1] in ("url", "operation", "operations", "start")
        for name in VARIABLE.findall(text)
    )


def check_places(document: Document, problems: Problems, name: str | None, text: str | None) -> None:
    """Note what cannot be filled. `name` is the file of rows, None for the built-in ones; `text` None: not known."""
    for path, said in _unfilled(document.data):
        if found := VARIABLE.search(said):
            what = f"{found[0]} stands here as it is written: variables are filled in requests and in `start.env`"
            problems.add(document.where(path), what, "a parameter, ${name}, is filled everywhere", Level.WARNING)
    rows: Rows | None = None
    if name is not None and text is not None:
        try:
            rows = read_rows(text, name)
        except RowsError as error:
            beside = str(PurePath(document.where(()).file).parent / name)
            for line, what, hint in error.mistakes:
                problems.add(Where(beside, line, 1), what, hint, same=what)
            return
    checks = _Places(document, problems, name or "", rows)
    for path, said, taken in _asked(document.data):
        checks.text(path, said, taken)


@dataclass(frozen=True, slots=True)
class _Places:
    document: Document
    problems: Problems
    name: str
    rows: Rows | None

    def text(self, path: Path, said: str, taken: Collection[str]) -> None:
        """`taken`: what the session's own answers fill."""
        if "${env:" in VARIABLE.sub("", said):
            what = "found `${env:` that is no variable"
            self.problems.add(self.document.where(path), what, "expected ${env:NAME}")
        table = is_table(self.name)
        if self.rows is None and table:
            return  # nobody knows its columns
        known = self.rows.columns if self.rows is not None else (PROMPT,)
        for word in dict.fromkeys(_PLACE.findall(said)):
            if word in taken:
                if word in known:
                    what = f"`{cut(word)}` is taken from an answer, and is {'a column' if table else 'what users say'}"
                    self.problems.add(self.document.where(path), what, "take it under another name")
            elif word in known:
                if self.rows is not None and ("headers" in path or "cookies" in path):
                    self.in_header(path, word, self.rows)
            elif word == PROMPT:
                self.no_prompt(path, known)
            else:
                what = (
                    f"`{{{word}}}` is {f'no column of {self.name}' if table else 'no place'}, and is sent as it stands"
                )
                hint = (
                    suggest(word, known) if table or nearest(word, known) else "a table in .csv or .jsonl has columns"
                )
                self.problems.add(self.document.where(path), what, hint, Level.WARNING)

    def no_prompt(self, path: Path, known: tuple[str, ...]) -> None:
        what = f"{self.name} has no column `{PROMPT}`, and line {self.document.where(path).line} wants `{{{PROMPT}}}`"
        hint = f"its columns: {', '.join(cut(column) for column in known[:20])}; call what the user says `{PROMPT}`"
        self.problems.add(self.document.where(("load", "prompts")), what, hint)

    def in_header(self, path: Path, column: str, rows: Rows) -> None:
        for number, row in enumerate(rows.rows, 1):
            value = row[column]
            if isinstance(value, str) and (not value.isascii() or any(character in value for character in "\r\n\0")):
                what = f"row {number} of column `{cut(column)}` holds a character that no HTTP header may hold"
                hint = "header values are ASCII on one line: send it in json or body"
                self.problems.add(self.document.where(path), what, hint)
                return


def places_in(value: Any) -> Iterator[str]:
    """The words in braces in a text, or in those of a document."""
    if isinstance(value, str):
        yield from _PLACE.findall(value)
    elif isinstance(value, Mapping):
        for key, inside in value.items():
            yield from places_in(key)
            yield from places_in(inside)
    elif isinstance(value, Iterable):
        for inside in value:
            yield from places_in(inside)


def _asked(data: dict[str, Any]) -> Iterator[tuple[Path, str, Collection[str]]]:
    """The texts of the operations that may hold places, with their paths and what their sessions take."""
    target = data.get("target")
    if not isinstance(target, dict):
        return
    listed = target.get("operations")
    each: list[tuple[Path, Any]] = [(("target", "operation"), target.get("operation"))]
    each += [(("target", "operations", at), one) for at, one in enumerate(listed if isinstance(listed, list) else ())]
    for path, operation in each:
        if isinstance(operation, dict):
            steps = operation.get("steps")
            requests = [(path, operation)]
            requests += [((*path, "steps", at), one) for at, one in enumerate(steps if isinstance(steps, list) else ())]
            taken = {str(name) for _, one in requests if isinstance(one, dict) for name in one.get("take") or ()}
            for where, one in requests:
                for part in _PARTS if isinstance(one, dict) else ():
                    yield from ((*said, taken) for said in _texts(one.get(part), (*where, part)))
    yield from ((*said, ()) for said in _texts(target.get("url"), ("target", "url")))


def _unfilled(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The texts in which an author may look for variables, and which are not filled."""
    yield from _texts(data.get("phases"), ("phases",))
    start = target.get("start") if isinstance(target := data.get("target"), dict) else None
    if isinstance(start, dict):
        yield from _texts(start.get("command"), ("target", "start", "command"))


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inside in value.items():
            yield (*path, key), str(key)
            yield from _texts(inside, (*path, key))
    elif isinstance(value, list):
        for at, inside in enumerate(value):
            yield from _texts(inside, (*path, at))
