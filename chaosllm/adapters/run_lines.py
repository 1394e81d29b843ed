"""Reads the line files of a run folder, a million lines in seconds: what was done to each call, what each user got.

Laws:
1. A line that is none (cut off by a kill, changed by a stranger) is passed over, never an error.
2. What is quick is only a shortcut: a line that is not as the driver writes it is read as any JSON is.
"""

from __future__ import annotations

import base64
import gc
import json
import re
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from chaosllm.adapters import run_meta
from chaosllm.chunk_gaps import MOST
from chaosllm.record import Event

if TYPE_CHECKING:
    import numpy as np

    from chaosllm.columns import Ints

_DECODE = json.JSONDecoder().decode

#: A line as `driver/samples.py` writes it: operation, what most lines have in common, prints, gaps. Without escapes
#: and beyond ASCII nothing, so that the bytes are the text; operations of up to 18 digits, which int64 holds.
_LINE = re.compile(
    rb'^\{"operation":(0|[1-9][0-9]{0,17}),("outcome":"[a-z]*","error":"[ !#-\[\]-~]*","marks":\[[ !"#-Z^-~]*\])'
    rb'(?:,"prints":"([A-Za-z0-9+/=]*)")?(?:,"gaps":\[([0-9,]*)\])?\}\n',
    re.MULTILINE,
)
#: Bytes that are looked at together: much more only takes memory.
_CHUNK = 1 << 20


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage meanwhile.

    Because reading makes a million objects and no garbage, and the collector would go over all of them each time
    that they have grown by a quarter: a third of the time of reading.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def value(text: bytes) -> Any:
    """The JSON value, without halves of surrogate pairs, which no output can bear.

    Raises ValueError, RecursionError.
    """
    try:
        return from_json(text)  # in a third of the time; it gives the same or refuses
    except ValueError:
        found = _DECODE(text.decode("utf-8"))
    if b"\\ud" in text or b"\\uD" in text:
        return json.loads(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    return found


def objects(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a line file, none where there is no file."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        yield from _objects(file)


def _objects(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            found = value(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            yield found


# Calls ------------------------------------------------------------------------------------------


def events(path: Path) -> list[Event]:
    """The calls of a run; a line that is no event is passed over."""
    return [event for stored in objects(path) if (event := _event(stored)) is not None]


def _event(stored: dict[str, Any]) -> Event | None:
    try:
        event = Event.from_json(stored)
    except (ValueError, KeyError, TypeError):
        return None
    # What the line does not say has its default, which is sound.
    for key, found in stored.items():
        if (fits := _FITS.get(key)) is not None and not fits(found):
            return None
    sound = (
        not event.rules or all(isinstance(part.rule, str) and isinstance(part.why, str) for part in event.rules)
    ) and (
        not event.effects
        or all(
            isinstance(one.tool, str) and all(map(count, (one.arguments, one.id, one.result))) for one in event.effects
        )
    )
    return event if sound else None


def count(stored: Any) -> bool:
    """Whether it is a number of things that fits into 64 bits."""
    return isinstance(stored, int) and 0 <= stored < 1 << 63


def _count_or_none(stored: Any) -> bool:
    return stored is None or count(stored)


def _time_or_none(stored: Any) -> bool:
    return stored is None or run_meta.number(stored)


def _word(stored: Any) -> bool:
    return isinstance(stored, str)


def _words(stored: Any) -> bool:
    return isinstance(stored, list) and all(map(_word, stored))


def _counts(stored: Any) -> bool:
    return isinstance(stored, list) and all(map(count, stored))


def _seconds(stored: Any) -> bool:
    return isinstance(stored, dict) and all(map(run_meta.number, stored.values()))


#: What is checked of an event's fields, because metrics reckon with them.
_FITS: Mapping[str, Callable[[Any], bool]] = {
    "t": run_meta.number,
    **dict.fromkeys(("t_answer", "t_first", "t_end", "retry_after", "client_timeout", "late_max"), _time_or_none),
    **dict.fromkeys(("index", "attempt", "ordinal", "bytes", "tokens_in", "tokens_out"), count),
    **dict.fromkeys(("operation", "status", "declared"), _count_or_none),
    **dict.fromkeys(("call", "provider", "endpoint", "model", "phase", "why", "reason", "shape", "body"), _word),
    **dict.fromkeys(("head", "tail", "withheld", "late"), _counts),
    **dict.fromkeys(("asked", "done"), _seconds),
    "traces": _words,
}


# Operations -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Texts:
    """What samples.jsonl says of each row; `lost` are the rows that it says nothing of."""

    error: list[str]
    marks: list[tuple[str, ...]]
    prints: list[Sequence[int]]
    gaps: list[Sequence[int]]
    lost: int = 0
    traces: dict[str, int] = field(default_factory=dict)  # hash of a trace id -> operation; of an access log


def texts(path: Path, operations: np.ndarray[Any, Any]) -> Texts:
    """Read into columns: a million rows as objects of their own would take a gigabyte."""
    reader = _Reader(len(operations), _Rows(operations))
    if path.is_file():
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                reader.take(chunk + file.readline())
    return reader.texts()


class _Rows:
    """Which row an operation has: the last of its rows."""

    def __init__(self, operations: np.ndarray[Any, Any]) -> None:
        import numpy as np  # noqa: PLC0415  # late, because --help and start-up must not pay for it

        self._operations = operations
        self._known = operations.astype(np.int64)
        self._order = np.argsort(self._known, kind="stable")
        self._known = self._known[self._order]

    def of(self, operations: Sequence[int]) -> Ints:
        """The row of each, -1 for one that is not known; each of 63 bits."""
        import numpy as np  # noqa: PLC0415  # as above

        named = np.array(operations, dtype=np.int64)
        if not len(self._known):
            return np.full(len(named), -1)
        at = np.maximum(np.searchsorted(self._known, named, side="right") - 1, 0)
        return np.where(self._known[at] == named, self._order[at], -1)

    @cached_property
    def one_by_one(self) -> dict[int, int]:
        """The row of each operation; made only when it is asked for, because it takes 100 MB for a million."""
        return {int(operation): row for row, operation in enumerate(self._operations)}


class _Reader:
    """Fills the columns from whole lines.

    Errors and marks are few, and the same for most: a row holds the place of its own among all that were met.
    """

    def __init__(self, n: int, rows: _Rows) -> None:
        import numpy as np  # noqa: PLC0415  # as above

        self._into = Texts([], [], [()] * n, [()] * n)
        self._rows = rows
        self._told = np.zeros(n, dtype=bool)
        self._error, self._marks = np.zeros(n, dtype=np.int32), np.zeros(n, dtype=np.int32)
        self._errors: dict[str, int] = {"": 0}
        self._marked: dict[tuple[str, ...], int] = {(): 0}
        self._heads: dict[bytes, int] = {}  # of all that stands before the prints: its place in `_said`
        self._said: list[tuple[int, int]] = []  # places of its error and marks

    def texts(self) -> Texts:
        """What all lines said."""
        self._into.error = _spread(list(self._errors), self._error)
        self._into.marks = _spread(list(self._marked), self._marks)
        self._into.lost = int((~self._told).sum())
        return self._into

    def take(self, lines: bytes) -> None:
        """Read these lines, quickly where all are as the driver writes them."""
        import numpy as np  # noqa: PLC0415  # as above

        found = _LINE.findall(lines)
        try:
            if len(found) != lines.count(b"\n") or not lines.endswith(b"\n"):
                raise ValueError("a line of another form")
            operations, heads, prints, gaps = zip(*found, strict=True) if found else ((), (), (), ())
            for head in dict.fromkeys(heads).keys() - self._heads.keys():
                self._said.append(self._head(head))
                self._heads[head] = len(self._heads)
            more = [
                (place, printed, _gaps(_DECODE(f"[{gap.decode()}]")) if gap else ())
                for place, (printed, gap) in enumerate(zip(prints, gaps, strict=True))
                if printed or gap
            ]
        except ValueError:
            self._slowly(lines)
            return
        rows = self._rows.of([*map(int, operations)])
        places = np.fromiter(map(self._heads.__getitem__, heads), dtype=np.int64, count=len(heads))
        error, marks = np.array(self._said, dtype=np.int32).reshape(-1, 2)[places].T
        known = rows >= 0
        self._told[rows[known]] = True
        self._error[rows[known]] = error[known]
        marked = known & (marks > 0)
        self._marks[rows[marked]] = marks[marked]
        for place, printed, gap in more:
            if (row := int(rows[place])) >= 0:
                self._put(row, printed, gap)

    def _put(self, row: int, prints: Any, gaps: Sequence[int]) -> None:
        if prints:
            self._into.prints[row] = _prints(prints)
        if gaps:
            self._into.gaps[row] = gaps

    def _head(self, text: bytes) -> tuple[int, int]:
        """Places of the error and the marks in the part that lines have in common; ValueError when it is no JSON."""
        stored = _DECODE(f"{{{text.decode()}}}")
        return self._place_of_error(stored["error"]), self._place_of_marks(stored["marks"])

    def _place_of_error(self, text: str) -> int:
        return self._errors.setdefault(sys.intern(text), len(self._errors))

    def _place_of_marks(self, stored: Any) -> int:
        marks = tuple(word for word in stored if isinstance(word, str)) if isinstance(stored, list) else ()
        return self._marked.setdefault(marks, len(self._marked))

    def _slowly(self, lines: bytes) -> None:
        """Line by line, whatever each holds."""
        into = self._into
        for line in _objects(BytesIO(lines)):
            operation = line.get("operation")
            row = self._rows.one_by_one.get(operation) if isinstance(operation, int) else None
            if row is None or not isinstance(operation, int):
                continue
            self._told[row] = True
            self._error[row] = self._place_of_error(str(line.get("error", "")))
            if marks := self._place_of_marks(line.get("marks")):
                self._marks[row] = marks
            self._put(row, line.get("prints"), _gaps(line.get("gaps")))
            if traces := line.get("traces"):
                named = [one for one in traces if isinstance(one, str)] if isinstance(traces, list) else []
                into.traces |= dict.fromkeys(named, operation)


def _spread[T](distinct: Sequence[T], places: np.ndarray[Any, np.dtype[np.int32]]) -> list[T]:
    """What stands at each place."""
    return [*map(distinct.__getitem__, places.tolist())]


def _gaps(stored: Any) -> Sequence[int]:
    if not isinstance(stored, list) or len(stored) % 2 or not all(count(one) and one < 1 << 31 for one in stored):
        return ()
    return stored if all(one <= MOST for one in stored[::2]) else ()


def _prints(stored: Any) -> array[int]:
    """Little-endian numbers of 32 bits in base64; none of what is no base64."""
    found = array("I")
    try:
        raw = base64.b64decode(stored)
    except (ValueError, TypeError):
        return found
    found.frombytes(raw[: len(raw) - len(raw) % 4])
    if sys.byteorder == "big":
        found.byteswap()
    return found
