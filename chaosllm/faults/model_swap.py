"""Model swap: another model answers than the one that was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from chaosllm.faults import Context
from chaosllm.script import Piece, Replace, Script


@dataclass(frozen=True)
class ModelSwap:
    """The answer names another model, as routers and gateways do that fall back in silence."""

    name: ClassVar[str] = "model_swap"
    summary: ClassVar[str] = "another model answers than the one that was asked"
    about: ClassVar[Mapping[str, str]] = {
        "to": "the model that the answer names; `<model asked>-mini` unless said otherwise",
    }
    example: ClassVar[str] = "{fault: model_swap, to: gpt-4o-mini, match: {model: gpt-4o}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    to: Annotated[str, Field(min_length=1, max_length=200)] | None = None

    def needs(self) -> tuple[str, ...]:
        """A provider whose answers name their model."""
        return ("replace/model",)

    def says(self) -> str:
        """What happens to a call, in words."""
        return f"the answer comes from {self.to or 'a smaller model'}, not from the model that was asked"

    def script(self, context: Context) -> Script:
        """One edit; without `to` the small sister of the model that was asked."""
        return (Replace(Piece.MODEL, "named", self.to or f"{context.call.model}-mini"),)


MEMBER = ModelSwap
