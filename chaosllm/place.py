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


_PLACE_SCHEMA: dict[str, Any] = {
    "type": "string",
    "pattern": r"^\d+(\.\d+)?\s*(%|tokens?|events?|bytes?)$",
    "examples": ["50%", "20 tokens"],
}
type Place = Annotated[
    Any,  # a Position; Any, because pydantic would validate it a second time
    *spelt(parse_position, _PLACE_SCHEMA),
]


def parse_places(value: object) -> tuple[Position, ...]:
    """Positions of one unit in rising order, from one of them or from a list."""
    listed = value if isinstance(value, list | tuple) else [value]
    if not listed:
        raise ValueError("found no place, expected one such as 50%, or several such as [20%, 80%]")
    places = sorted((parse_position(one) for one in listed), key=lambda place: place.value)
    if len({place.unit for place in places}) > 1:
        raise ValueError("found places in different units, expected one unit, such as [20%, 50%, 80%]")
    if len({place.value for place in places}) < len(places):
        raise ValueError("found the same place twice")
    return tuple(places)


type Places = Annotated[
    Any,  # a tuple of Position
    *spelt(parse_places, {"anyOf": [_PLACE_SCHEMA, {"type": "array", "items": _PLACE_SCHEMA, "minItems": 1}]}),
]
type Span = Annotated[
    float | None,
    *spelt(parse_span, {"type": "string", "examples": ["30s", "ever"]}),
]
