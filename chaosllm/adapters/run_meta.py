"""What meta.json must hold, because a file that was damaged or made up must not end in a traceback or a PASS.

Laws:
1. A value of another kind than its name asks for is taken out, and named: the judge counts it as a lost record.
2. Names that are not known here are left alone, so that a newer run can be read.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

#: Kind of each value at the top: text, a number, a list, a part of its own.
_TOP: Mapping[str, type] = {
    **dict.fromkeys(("version", "name", "scenario", "started", "stopped", "app", "target", "loop", "app_ended"), str),
    "source": str,
    "access_log": dict,
    **dict.fromkeys(("schema", "seed"), int),
    **dict.fromkeys(("failures", "vitals"), list),
    **dict.fromkeys(
        (
            "driver",
            "proxy",
            "calibration",
            "clock",
            "preflight",
            "bypass",
            "machine",
            "versions",
            "ports",
            "stop",
            "steering",
        ),
        dict,
    ),
}
#: Inside parts each value is a number, but for these.
_TEXTS = {
    "system",
    "architecture",
    "last_upstream_error",
    "error",
    "tried",
    "outcome",
    "name",
    "what",
    "hint",
    "newest",
    "file",
    "time_is",
    "kind",
    "text",
    "who",
}
#: Parts of parts in which every value is a number, whatever it is called: an outcome is called `error`.
_COUNTS = {"outcomes", "by_rule", "paths", "tokens", "delay", "share"}
#: Shown only, or read by code that takes whatever it finds.
_FREE = {"versions", "ports", "preflight", "steering"}
#: Above every count and time that a run can have: Python's integers know no end, floats and NumPy's do.
_MOST = 1 << 53
#: A tuple, because the union of both is made anew each time, and this is asked of each number of each call.
_NUMBERS = (int, float)


def digest(scenario: bytes) -> str:
    """What `scenario` of meta.json says of scenario.yaml, so that nobody judges a run by other objectives unawares."""
    return hashlib.sha256(scenario).hexdigest()[:16]


def sound(meta: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """(meta without what is of a wrong kind, the names of that, such as `driver.lag_p99`)."""
    kept: dict[str, Any] = {}
    lost: list[str] = []
    for name, value in meta.items():
        kind = _TOP.get(name)
        if kind is None or value is None:
            kept[name] = value
        elif not isinstance(value, kind) or (kind is int and not number(value)):
            lost.append(name)
        elif isinstance(value, dict) and name not in _FREE:
            kept[name] = {key: inner for key, inner in value.items() if _fits(key, inner)}
            lost += _wrong(name, value)
        else:
            kept[name] = value
    if meta.get("failures", ()) is None:
        lost.append("failures")  # an account that was given has a list, be it an empty one
    if kept.get("stop") is not None and not kept.get("stopped"):
        lost.append("stopped")  # else what was ended by hand could be judged as whole
    return kept, sorted(lost)


def _wrong(part: str, value: Mapping[str, Any]) -> Iterator[str]:
    for key, inner in value.items():
        if not _fits(key, inner):
            yield f"{part}.{key}"


def _fits(key: str, value: Any) -> bool:
    if value is None:
        return True
    if key in _TEXTS:
        return isinstance(value, str)
    if key in _COUNTS:
        return isinstance(value, dict) and all(map(_counts, value.values()))
    if key == "workers":  # of a proxy with several: its newest second, by worker
        return isinstance(value, list) and all(isinstance(one, dict) and _counts(one) for one in value)
    if key == "tasks":
        return isinstance(value, dict) and all(_fits(str(name), inner) for name, inner in value.items())
    return number(value)


def _counts(value: Any) -> bool:
    """A number, or a part of numbers."""
    return all(map(number, value.values())) if isinstance(value, dict) else value is None or number(value)


def number(value: Any) -> bool:
    """Whether it is a number that can be reckoned with; true and false are, too."""
    return isinstance(value, _NUMBERS) and abs(value) < _MOST and math.isfinite(value)
