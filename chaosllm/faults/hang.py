"""Hang: the call is taken and never answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from chaosllm.faults import Context
from chaosllm.faults._words import how_long
from chaosllm.place import Span
from chaosllm.script import Hang, Script


@dataclass(frozen=True)
class HangFault:
    """The call is taken and nothing comes back: for a while, then the connection closes, or for ever."""

    name: ClassVar[str] = "hang"
    summary: ClassVar[str] = "the call is taken and nothing comes back"
    about: ClassVar[Mapping[str, str]] = {
        "for": "how long nothing comes back, or `ever`",
    }
    example: ClassVar[str] = "{fault: hang, for: ever, when: {share: 5%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", validate_by_name=True, validate_by_alias=True
    )

    for_: Annotated[Span, Field(alias="for")] = None

    def says(self) -> str:
        """What happens to a call, in words."""
        return (
            f"the call is taken, and nothing comes back {how_long(self.for_)}"
            if self.for_ is not None
            else "the call is taken, and nothing ever comes back"
        )

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a hang needs none
        """One hang."""
        return (Hang(self.for_),)


MEMBER = HangFault
