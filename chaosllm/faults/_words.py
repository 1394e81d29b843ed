"""What faults share when they say in words what they do, for `explain`."""

from __future__ import annotations

from collections.abc import Sequence

from chaosllm.script import Place, Position, Unit
from chaosllm.units import format_duration, format_share

_PLACES = {
    Place.ACCEPT: "as soon as it is accepted",
    Place.REQUEST: "before any answer",
    Place.HEADERS: "after the headers of the answer",
}
_FORMS = {
    "date": "says when to come back as a date",
    "ms": "says when to come back in milliseconds alone",
    "none": "does not say when to come back",
    "zero": "says to come back after 0 s",
    "negative": "says to come back after -1 s",
    "huge": "says to come back in a day",
    "garbage": "says to come back `soon`, which is no time",
    "contradicting": "says three different times to come back",
}


def where(place: Position | Place | Sequence[Position]) -> str:
    """A place in an answer or in a call."""
    if isinstance(place, Place):
        return _PLACES[place]
    if isinstance(place, Position):
        return _position(place)
    return " and ".join(part for part in (", ".join(map(_position, place[:-1])), _position(place[-1])) if part)


def _position(place: Position) -> str:
    match place.unit:
        case Unit.SHARE:
            return f"at {format_share(place.value)} of the answer"
        case Unit.FINISH:
            return "after the finish reason"
    return f"after {place.value:g} {place.unit.value if place.value != 1 else place.unit.value.rstrip('s')}"


def how_long(span: float | None) -> str:
    """A length of time; None is for ever."""
    return "for ever" if span is None else f"for {format_duration(span)}"


def coming_back(retry_after: str | float | None, should_retry: bool | None) -> str:
    """What a refusal says of coming back, as the end of a sentence; "" when it is the provider's own word."""
    told = [f"says to come back after {format_duration(retry_after)}"] if isinstance(retry_after, float) else []
    told += [_FORMS[retry_after]] if isinstance(retry_after, str) else []
    told += [f"says {'' if should_retry else 'not '}to retry"] if should_retry is not None else []
    return f", and {' and '.join(told)}" if told else ""
