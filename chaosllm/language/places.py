"""Places in what users ask, `{column}` and `${env:NAME}`, held against the rows that fill them."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    """The variables that the target wants, in the order of the file."""
    target = document.data.get("target")
    return tuple(
        Variable(name, document.where(path), starts=path[1] == "start")
        for path, text in _texts(target, ("target",))
        if path[1:2] and path[1] in ("url", "operation", "operations", "start")
        for name in VARIABLE.findall(text)
    )


def check_places(document: Document, problems: Problems, name: str | None, text: str | None) -> None:
    """Note what cannot be filled. `name` is the file of rows, None for the built-in ones; `text` None: not known."""
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
    for path, said in _asked(document.data):
        checks.text(path, said)


@dataclass(frozen=True, slots=True)
class _Places:
    document: Document
    problems: Problems
    name: str
    rows: Rows | None

    def text(self, path: Path, said: str) -> None:
        if "${env:" in VARIABLE.sub("", said):
            what = "found `${env:` that is no variable"
            self.problems.add(self.document.where(path), what, "expected ${env:NAME}")
        table = is_table(self.name)
        if self.rows is None and table:
            return  # nobody knows its columns
        known = self.rows.columns if self.rows is not None else (PROMPT,)
        for word in dict.fromkeys(_PLACE.findall(said)):
            if word in known:
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


def _asked(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The texts of the operations that may hold places, with their paths."""
    target = data.get("target")
    if not isinstance(target, dict):
        return
    listed = target.get("operations")
    each: list[tuple[Path, Any]] = [(("target", "operation"), target.get("operation"))]
    each += [(("target", "operations", at), one) for at, one in enumerate(listed if isinstance(listed, list) else ())]
    for path, operation in each:
        for part in _PARTS if isinstance(operation, dict) else ():
            yield from _texts(operation.get(part), (*path, part))
    yield from _texts(target.get("url"), ("target", "url"))


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
