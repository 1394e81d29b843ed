"""The rows that users' requests are filled from: the prompts of a text file, or the columns of a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: The column that carries the reference: what the user says.
PROMPT = "prompt"


@dataclass(frozen=True, slots=True)
class Rows:
    """What may fill a request; each row holds each column."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


class RowsError(Exception):
    """A file of rows that cannot be used: (line, what was found, what would work), at least one."""

    def __init__(self, mistakes: list[tuple[int, str, str]]) -> None:
        super().__init__(mistakes[0][1])
        self.mistakes = mistakes


def prompts(texts: list[str] | tuple[str, ...]) -> Rows:
    """Rows of prompts alone."""
    return Rows((PROMPT,), tuple({PROMPT: text} for text in texts))


def read_rows(text: str) -> Rows:
    """The rows of a file's text: one prompt a line, blank lines passed over. Raises RowsError for none."""
    found = [line.strip() for line in text.splitlines() if line.strip()]
    if not found:
        hint = "one prompt a line; leave out load.prompts for the built-in ones"
        raise RowsError([(1, "holds no prompt", hint)])
    return prompts(found)
