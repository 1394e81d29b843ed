"""The rows that users' requests are filled from: the prompts of a text file, or the columns of a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chaosllm.spelling import cut, shorten, suggest

#: The column that carries the reference: what the user says.
PROMPT = "prompt"
#: Mistakes of a file that are told; the rest are like them.
_TOLD = 20

type Mistake = tuple[int, str, str]


@dataclass(frozen=True, slots=True)
class Rows:
    """What may fill a request; each row holds each column."""

    columns: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]


class RowsError(Exception):
    """A file of rows that cannot be used: (line, what was found, what would work), at least one."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__(mistakes[0][1])
        self.mistakes = mistakes[:_TOLD]


def prompts(texts: Sequence[str]) -> Rows:
    """Rows of prompts alone."""
    return Rows((PROMPT,), tuple({PROMPT: text} for text in texts))


def is_table(name: str) -> bool:
    """Whether a file of this name holds columns, not prompts alone."""
    return name.lower().endswith((".csv", ".jsonl"))


def read_rows(text: str, name: str) -> Rows:
    """The rows of a file: `.csv` with a header row, `.jsonl` of objects, else one prompt a line.

    Raises RowsError with every mistake in it, or when it holds no row.
    """
    text = text.removeprefix("\ufeff")  # what spreadsheets write first
    kind = name.lower().rpartition(".")[2] if is_table(name) else "txt"
    mistakes: list[Mistake] = []
    if kind == "txt":
        found = prompts([line.strip() for line in text.splitlines() if line.strip()])
    elif kind == "csv":
        found = _csv(text, mistakes)
    else:
        found = _jsonl(text, mistakes)
    if mistakes:
        raise RowsError(mistakes)
    if not found.rows:
        hint = {
            "txt": "one prompt a line; leave out load.prompts for the built-in ones",
            "csv": "a header row, then a line for each row",
            "jsonl": 'an object a line, such as {"prompt": "Where is my parcel?"}',
        }
        raise RowsError([(1, f"{name} holds no {'prompt' if kind == 'txt' else 'row'}", hint[kind])])
    return found


def _csv(text: str, mistakes: list[Mistake]) -> Rows:
    columns: list[str] = []
    rows: list[dict[str, Any]] = []
    for line, cells in _records(text, mistakes):
        if not columns:
            columns = [cell.strip() for cell in cells]
            mistakes += _unfit(columns, line)
        elif len(cells) != len(columns):
            hint = f"expected {len(columns)}: {', '.join(columns[:8])}; quote a value that holds a comma"
            mistakes.append((line, f"found {len(cells)} value{'s' * (len(cells) != 1)} in this row", hint))
        else:
            rows.append(dict(zip(columns, cells, strict=True)))
    return Rows(tuple(columns), tuple(rows))


def _records(text: str, mistakes: list[Mistake]) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, cells) of each record as RFC 4180 has it, blank lines passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        mistakes.append((line, f"this is no CSV: {error}", 'double a quote inside quotes: "say ""hi"""'))


def _jsonl(text: str, mistakes: list[Mistake]) -> Rows:
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_refuse)
            if "\\ud" in line.lower():
                json.dumps(row, ensure_ascii=False).encode()
        except (ValueError, RecursionError) as error:
            why = str(error) if not isinstance(error, UnicodeEncodeError) else "half of a surrogate pair"
            mistakes.append((number, f"this is no JSON: {cut(why, 100)}", "one object a line"))
            continue
        if not isinstance(row, dict) or not row:
            mistakes.append((number, f"found {shorten(row)}", 'expected an object, such as {"prompt": "..."}'))
        elif not columns:
            columns = tuple(row)
            mistakes += _unfit(list(columns), number)
            rows.append(row)
        elif missing := [name for name in columns if name not in row]:
            extra = [name for name in row if name not in columns]
            hint = suggest(missing[0], extra) if extra else "each row holds what the first one holds; null is a value"
            mistakes.append((number, f"this row has no `{cut(missing[0])}`", hint))
        elif extra := [name for name in row if name not in columns]:
            hint = "each row holds what the first one holds"
            mistakes.append((number, f"this row has `{cut(extra[0])}`, and the first has not", hint))
        else:
            rows.append(row)
    return Rows(columns, tuple(rows))


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _unfit(columns: list[str], line: int) -> Iterator[Mistake]:
    """Columns that no `{column}` can name."""
    for at, name in enumerate(columns):
        if name in columns[:at]:
            yield line, f"there are two columns `{cut(name)}`", "each column has a name of its own"
        elif not name or any(character in name for character in "{}\r\n"):
            yield (
                line,
                f"found {shorten(name)} as the name of a column",
                "the first row names the columns, such as prompt",
            )
