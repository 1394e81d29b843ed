"""A text with places in it: each is filled for every operation, spelled as the spot where it stands wants it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from chaosllm.errors import Blame, ChaosError
from chaosllm.variables import VARIABLE

#: What no answer has given yet: null where it stands alone in a document, no text elsewhere.
NOTHING = object()

type Row = Mapping[str, Any]
type Spell = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a column of the row goes."""

    column: str
    spell: Spell


class Template:
    """Literal text with places between."""

    def __init__(self, pieces: Iterable[str | Place]) -> None:
        self._pieces: list[str | Place] = []
        for piece in pieces:  # neighbours in one, because a request is made for every operation
            if isinstance(piece, str) and self._pieces and isinstance(self._pieces[-1], str):
                self._pieces[-1] += piece
            elif piece:
                self._pieces.append(piece)

    @property
    def columns(self) -> frozenset[str]:
        """The columns that it wants."""
        return frozenset(piece.column for piece in self._pieces if isinstance(piece, Place))

    def fill(self, row: Row) -> str:
        """The text of one operation."""
        return "".join(piece if isinstance(piece, str) else piece.spell(row[piece.column]) for piece in self._pieces)


class Cutter:
    """Finds the places in a text: `{column}` of the columns that there are, and `${env:NAME}`."""

    def __init__(self, columns: Collection[str], environ: Mapping[str, str]) -> None:
        names = "|".join(re.escape(name) for name in sorted(columns, key=len, reverse=True)) or "(?!)"
        self._token = re.compile(rf"{VARIABLE.pattern}|\{{({names})\}}")
        self._whole = re.compile(rf"\{{({names})\}}")
        self._environ = environ

    def cut(self, text: str, spell: Spell, where: str, literal: Callable[[str], str] = str) -> Iterator[str | Place]:
        """The pieces of a text, the author's own spelled by `literal`, what fills a place by `spell`.

        Raises ChaosError for a variable that is not set, with `where` it is wanted.
        """
        end = 0
        for found in self._token.finditer(text):
            yield literal(text[end : found.start()])
            variable, column = found.groups()
            yield Place(column, spell) if column else spell(self._variable(variable, where))
            end = found.end()
        yield literal(text[end:])

    def json(self, value: Any, where: str) -> Iterator[str | Place]:
        """The pieces of a document: a text that is one place and nothing else keeps the type of what fills it."""
        if isinstance(value, dict):
            yield "{"
            for number, (key, inside) in enumerate(value.items()):
                yield ", " if number else ""
                yield from self._quoted(str(key), where)
                yield ": "
                yield from self.json(inside, where)
            yield "}"
        elif isinstance(value, list):
            yield "["
            for number, inside in enumerate(value):
                yield ", " if number else ""
                yield from self.json(inside, where)
            yield "]"
        elif isinstance(value, str):
            whole = self._whole.fullmatch(value)
            yield from (Place(whole[1], document),) if whole else self._quoted(value, where)
        else:
            yield document(value)

    def _quoted(self, text: str, where: str) -> Iterator[str | Place]:
        """A text of a document, quotes around it."""
        yield '"'
        yield from self.cut(text, in_json, where, in_json)
        yield '"'

    def _variable(self, name: str, where: str) -> str:
        if name not in self._environ:
            raise ChaosError(
                f"{where} wants the environment variable {name}, which is not set",
                hint=f"export {name}=... before the run",
                blame=Blame.SCENARIO,
            )
        value = self._environ[name]
        if any("\ud800" <= character <= "\udfff" for character in value):
            what = f"{where} wants the environment variable {name}, which is not UTF-8 text"
            raise ChaosError(what, hint=f"export {name}=... as text", blame=Blame.SCENARIO)
        return value


def plain(value: Any) -> str:
    """A value as text: a text as it is, anything else as JSON spells it."""
    return value if isinstance(value, str) else "" if value is NOTHING else document(value)


def document(value: Any) -> str:
    """A value as JSON."""
    return json.dumps(None if value is NOTHING else value, ensure_ascii=False)


def in_json(value: Any) -> str:
    """A value as it stands inside a JSON string, quotes left out."""
    return document(plain(value))[1:-1]


def in_url(value: Any) -> str:
    """A value as it stands in a path or a query."""
    return quote(plain(value), safe="")
