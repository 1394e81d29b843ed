"""Reset: the TCP connection breaks with RST."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import parse_position
from chaosllm.script import Door, Place, Position, Reset, Script

_PLACES = tuple(place.value for place in Place)


def parse_reset_at(value: object) -> Place | Position:
    """A Place by its word, else a Position."""
    if isinstance(value, Place) or (isinstance(value, str) and value in _PLACES):
        return Place(value)
    try:
        return parse_position(value)
    except ValueError as error:
        raise ValueError(f"{error}, or one of {', '.join(_PLACES)}") from None


@dataclass(frozen=True)
class ResetFault:
    """The TCP connection is reset: when it is accepted, after the request, after the headers, or inside the body."""

    name: ClassVar[str] = "reset"
    summary: ClassVar[str] = "the TCP connection is reset at a chosen place"
    about: ClassVar[Mapping[str, str]] = {
        "at": "`accept`, `request`, `headers`, or a place in the body",
    }
    example: ClassVar[str] = "{fault: reset, at: 50%, when: {share: 10%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    at: Annotated[
        Any,  # Place | Position; Any, because pydantic would validate it a second time
        BeforeValidator(parse_reset_at),
        WithJsonSchema({"type": "string", "examples": [*_PLACES, "50%"]}),
    ] = Place.REQUEST

    @property
    def at_accept(self) -> bool:
        """Whether it strikes before any request, on the connection itself."""
        return self.at is Place.ACCEPT

    def strike(self, door: Door) -> Script | None:
        """A reset of each connection that was accepted; of one to a provider's own host when it begins TLS."""
        return None if door is Door.PORT else (Reset(Place.ACCEPT),)

    def says(self) -> str:
        """What happens to a call, in words."""
        return f"the TCP connection is reset {where(self.at)}"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a reset needs none
        """One reset."""
        return (Reset(self.at),)


MEMBER = ResetFault
