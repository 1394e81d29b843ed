"""Stall: bytes stop in the middle of an answer, the connection stays open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from chaosllm.faults import Context
from chaosllm.faults._words import how_long, where
from chaosllm.place import Places, Span
from chaosllm.script import Position, Script, Stall, Unit


@dataclass(frozen=True)
class StallFault:
    """Bytes stop in the middle of an answer, once or at several places, for a while or for ever.

    The connection stays open meanwhile.
    """

    name: ClassVar[str] = "stall"
    summary: ClassVar[str] = "bytes stop in the middle of an answer, the connection stays open"
    about: ClassVar[Mapping[str, str]] = {
        "at": "where bytes stop: one place, or several such as [20%, 50%, 80%]",
        "for": "how long they stop, or `ever`",
    }
    example: ClassVar[str] = "{fault: stall, at: 20 tokens, for: 30s}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", validate_by_name=True, validate_by_alias=True
    )

    at: Places = field(default=(Position(0.5, Unit.SHARE),))
    for_: Annotated[Span, Field(alias="for")] = 30.0

    def says(self) -> str:
        """What happens to a call, in words."""
        return f"bytes stop {where(self.at)} {how_long(self.for_)}, and the connection stays open"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a stall needs none
        """One stall for each place."""
        return tuple(Stall(place, self.for_) for place in self.at)


MEMBER = StallFault
