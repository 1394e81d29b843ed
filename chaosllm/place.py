"""Places in an answer and lengths of time as a fault's fields spell them: 50%, 20 tokens, ever."""

from __future__ import annotations

from typing import Annotated, Any

from chaosllm.script import Position, Unit
from chaosllm.units import parse_counted, parse_duration, spelt


def parse_position(value: object) -> Position:
    """A Position from "50%", "20 tokens", "3 events" or "200 bytes"."""
    if isinstance(value, Position):
        return value
    number, unit = parse_counted(value)
    return Position(number, Unit(unit))


def parse_span(value: object) -> float | None:
    """Seconds, or None for "ever"."""
    if value is None or value == "ever":
        return None
    try:
        return parse_duration(value)
    except ValueError as error:
        raise ValueError(f"{error}, or ever") from None


type Place = Annotated[
    Any,  # a Position; Any, because pydantic would validate it a second time
    *spelt(
        parse_position,
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(%|tokens?|events?|bytes?)$", "examples": ["50%", "20 tokens"]},
    ),
]
type Span = Annotated[
    float | None,
    *spelt(parse_span, {"type": "string", "examples": ["30s", "ever"]}),
]
