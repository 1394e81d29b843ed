"""Usage: the token counts of an answer are missing, inflated or contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.script import Drop, Piece, Replace, Script


@dataclass(frozen=True)
class UsageFault:
    """Token counts that an app must not trust: missing, `factor` times too high, or a total that is not the sum."""

    name: ClassVar[str] = "usage"
    summary: ClassVar[str] = "token counts are missing, inflated or contradictory"
    about: ClassVar[Mapping[str, str]] = {
        "shape": "what is wrong with the token counts",
        "factor": "inflated: how many times too high",
    }
    only_with: ClassVar[Mapping[str, tuple[str, tuple[str, ...]]]] = {"factor": ("shape", ("inflated",))}
    example: ClassVar[str] = "{fault: usage, shape: inflated, factor: 10}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Literal["missing", "inflated", "contradictory"] = "inflated"
    factor: Annotated[float, Field(gt=1, le=1e6)] = 10.0

    def applies(self, call: Call) -> bool:
        """Calls whose answers say what they used."""
        return call.counted

    def needs(self) -> tuple[str, ...]:
        """A provider that says usage."""
        return ("drop/usage",) if self.shape == "missing" else ("replace/usage",)

    def says(self) -> str:
        """What happens to a call, in words."""
        return {
            "missing": "the answer does not say how many tokens it used",
            "inflated": f"the answer says that it used {self.factor:g} times as many tokens",
            "contradictory": "the token counts of the answer contradict each other",
        }[self.shape]

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        if self.shape == "missing":
            return (Drop(Piece.USAGE),)
        return (Replace(Piece.USAGE, self.shape, self.factor),)


MEMBER = UsageFault
