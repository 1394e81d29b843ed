"""JSON as it lies in bytes: tolerant reading, compact writing, and where a value stands in the text."""

from __future__ import annotations

import json
import re
from typing import Any

type Path = tuple[str | int, ...]

_DECODER = json.JSONDecoder()
# Made once, because json.dumps makes an encoder at each call that is not all defaults.
_WRITTEN = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
_ESCAPED = json.JSONEncoder(separators=(",", ":")).encode
_SPACE = re.compile("[ \t\r\n\ufeff]*")
# One character of a JSON string as it is written: a surrogate pair is one character, written as two escapes.
_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.|[^\\\"]", re.DOTALL
)


def load(data: bytes | str) -> Any:
    """The JSON value, or None when it is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def load_object(data: bytes | str) -> dict[str, Any]:
    """The JSON object, or an empty one when it is something else."""
    value = load(data)
    return value if isinstance(value, dict) else {}


def dump(value: Any) -> bytes:
    """Compact JSON in UTF-8, as providers send it."""
    try:
        return _WRITTEN(value).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can say
        return _ESCAPED(value).encode()


def at(value: Any, *path: str | int) -> Any:
    """What stands at a path, or None when the path leads nowhere."""
    for step in path:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, dict) else None
        else:
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
    return value


def text_at(value: Any, *path: str | int) -> str:
    """The string at a path, or ""."""
    found = at(value, *path)
    return found if isinstance(found, str) else ""


def list_at(value: Any, *path: str | int) -> list[Any]:
    """The list at a path, or an empty one."""
    found = at(value, *path)
    return found if isinstance(found, list) else []


def objects_at(value: Any, *path: str | int) -> list[dict[str, Any]]:
    """The objects in the list at a path; what is no object is left out."""
    return [item for item in list_at(value, *path) if isinstance(item, dict)]


def whole_number(value: Any) -> int:
    """The count, or 0 for what is none: JSON can say any number, and a float of a report only those below 2**53."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else 0


def locate(text: str, path: Path, start: int = 0) -> tuple[int, int]:
    """The span of the value at `path` in JSON text; raises ValueError when it is not there.

    Of a key that comes twice the last one counts, as for `json.loads`.
    """
    start = _after_space(text, start)
    if not path:
        return start, _DECODER.raw_decode(text, start)[1]
    step, inner = path[0], path[1:]
    keyed = isinstance(step, str)
    if text[start : start + 1] != ("{" if keyed else "["):
        raise ValueError(f"no {step!r} at {start}")
    found: int | None = None
    number = 0
    start = _after_space(text, start + 1)
    while text[start : start + 1] not in ("}", "]", ""):
        key: Any = number
        if keyed:
            key, start = _DECODER.raw_decode(text, start)
            start = _after_space(text, start) + 1  # the colon
            start = _after_space(text, start)
        if key == step:
            found = start
        start = _after_space(text, _DECODER.raw_decode(text, start)[1])
        if text[start : start + 1] == ",":
            start = _after_space(text, start + 1)
        number += 1
    if found is None:
        raise ValueError(f"no {step!r}")
    return locate(text, inner, found)


def string_offset(text: str, start: int, keep: int) -> int:
    """Where character `keep` of the JSON string that opens at `start` is written; its end for a shorter one."""
    place = start + 1
    for _ in range(keep):
        match = _CHARACTER.match(text, place)
        if match is None:
            break
        place = match.end()
    return place


def whole_pairs(text: str, keep: int) -> dict[str, Any]:
    """The pairs of a JSON object that are whole within its first `keep` characters.

    What a cut leaves of tool arguments that must be an object: the argument being written is lost
    (measured on anthropic's `messages.stream()`, PROVIDERS section 0, fact 3).
    """
    pairs: dict[str, Any] = {}
    place = _after_space(text, 0) + 1
    while place < len(text) and text[place] not in "}":
        try:
            key, place = _DECODER.raw_decode(text, _after_space(text, place))
            value, place = _DECODER.raw_decode(text, _after_space(text, _after_space(text, place) + 1))
        except ValueError:
            break
        if place > keep:
            break
        pairs[key] = value
        place = _after_space(text, place)
        if text[place : place + 1] == ",":
            place = _after_space(text, place + 1)
    return pairs


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
