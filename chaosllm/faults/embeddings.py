"""Embeddings: fewer vectors than inputs, shorter ones, or numbers that are none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.script import Piece, Replace, Script


@dataclass(frozen=True)
class Embeddings:
    """Vectors that would spoil an index in silence: the last input has none, all have half their dimensions, or NaN.

    The official SDKs raise nothing for the first two (PROVIDERS section 3). Calls that ask for text are left alone.
    """

    name: ClassVar[str] = "embeddings"
    summary: ClassVar[str] = "fewer vectors than inputs, shorter vectors, or NaN in them"
    about: ClassVar[Mapping[str, str]] = {
        "shape": "fewer vectors than inputs, vectors of half the length, or NaN in them",
    }
    example: ClassVar[str] = "{fault: embeddings, shape: fewer}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Literal["fewer", "shorter", "nan"] = "fewer"

    def applies(self, call: Call) -> bool:
        """Calls that ask for vectors."""
        return call.embeds

    def needs(self) -> tuple[str, ...]:
        """A provider of embeddings."""
        return ("replace/vectors",)

    def says(self) -> str:
        """What happens to a call, in words."""
        return {
            "fewer": "the last input gets no vector",
            "shorter": "vectors come with half of their dimensions",
            "nan": "vectors come with NaN in them",
        }[self.shape]

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; an edit needs none
        """One edit."""
        return (Replace(Piece.VECTORS, self.shape),)


MEMBER = Embeddings
