"""Duplicate: an event of a stream comes twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import Place
from chaosllm.script import Duplicate, Position, Script, Unit


@dataclass(frozen=True)
class DuplicateFault:
    """One event of a stream comes twice; calls that do not stream are left alone."""

    name: ClassVar[str] = "duplicate"
    summary: ClassVar[str] = "one event of a stream comes twice"
    about: ClassVar[Mapping[str, str]] = {
        "at": "which event comes twice",
    }
    example: ClassVar[str] = "{fault: duplicate, at: 3 events}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    at: Place = field(default=Position(0.5, Unit.SHARE))

    def applies(self, call: Call) -> bool:
        """Streams only."""
        return call.stream

    def needs(self) -> tuple[str, ...]:
        """A provider that streams."""
        return ("stream",)

    def says(self) -> str:
        """What happens to a call, in words."""
        return f"one event of a stream, {where(self.at)}, comes twice"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        return (Duplicate(self.at),)


MEMBER = DuplicateFault
