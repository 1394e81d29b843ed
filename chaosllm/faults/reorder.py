"""Reorder: two events of a stream change places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import Place
from chaosllm.script import Position, Reorder, Script, Unit


@dataclass(frozen=True)
class ReorderFault:
    """One event of a stream comes after the one that should follow it; calls that do not stream are left alone."""

    name: ClassVar[str] = "reorder"
    summary: ClassVar[str] = "one event of a stream comes after the next one"
    about: ClassVar[Mapping[str, str]] = {
        "at": "which event comes after its successor",
    }
    example: ClassVar[str] = "{fault: reorder, at: 50%}"
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
        return f"one event of a stream, {where(self.at)}, comes after the next one"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        return (Reorder(self.at),)


MEMBER = ReorderFault
