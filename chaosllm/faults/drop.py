"""Drop: a part of the answer never comes: the end event, the usage or the finish reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.script import Drop, Piece, Script


@dataclass(frozen=True)
class DropFault:
    """The answer lacks its end event ([DONE], message_stop ...), its usage or its finish reason; all else is whole."""

    name: ClassVar[str] = "drop"
    summary: ClassVar[str] = "the end event, the usage or the finish reason never comes"
    about: ClassVar[Mapping[str, str]] = {
        "what": "the part that never comes; `end` means streams alone",
    }
    example: ClassVar[str] = "{fault: drop, what: finish}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    what: Literal["end", "usage", "finish"] = "end"

    def applies(self, call: Call) -> bool:
        """Only streams have an end event; vectors have a usage alone, and not every stream has one."""
        if self.what == "usage":
            return call.counted
        return not call.embeds and (call.stream or self.what == "finish")

    def needs(self) -> tuple[str, ...]:
        """A provider whose answers have it."""
        return (f"drop/{self.what}",)

    def says(self) -> str:
        """What happens to a call, in words."""
        part = {"end": "end event", "usage": "usage", "finish": "finish reason"}[self.what]
        return f"the answer is whole, but its {part} never comes"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a drop needs none
        """One drop."""
        return (Drop(Piece(self.what)),)


MEMBER = DropFault
