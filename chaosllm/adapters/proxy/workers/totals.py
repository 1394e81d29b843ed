"""One status of several: whole numbers are counts and add up, fractions are levels of which the highest holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def total(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The status of all; of a text the last that says something, objects field by field."""
    found: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            found[name] = _both(found[name], value) if name in found else value
    return found


def _both(one: Any, two: Any) -> Any:
    match one, two:
        case dict(), dict():
            return total([one, two])
        case int(), int():
            return one + two
        case ((int() | float()), (int() | float())):
            return max(one, two)
        case _:
            return two or one
