"""Repetition: the model cannot stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import Place
from chaosllm.script import Position, Repeat, Script, Unit
from chaosllm.units import Tokens


@dataclass(frozen=True)
class Repetition:
    """From `at` on the model says its last words again and again, for `tokens` more, and ends by its length limit."""

    name: ClassVar[str] = "repetition"
    summary: ClassVar[str] = "runaway output: the last words again and again, until the length limit"
    about: ClassVar[Mapping[str, str]] = {
        "at": "where the model begins to repeat itself",
        "tokens": "how many tokens it repeats",
    }
    example: ClassVar[str] = "{fault: repetition, tokens: 2000 tokens}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    at: Place = field(default=Position(0.5, Unit.SHARE))
    tokens: Tokens = 1000

    def applies(self, call: Call) -> bool:
        """Calls that ask for text."""
        return not call.embeds

    def says(self) -> str:
        """What happens to a call, in words."""
        return f"{where(self.at)} the model begins to repeat itself, for {self.tokens} tokens"

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        return (Repeat(self.at, self.tokens),)


MEMBER = Repetition
