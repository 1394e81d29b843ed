"""Truncate: the answer ends early, in one of five shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._words import where
from chaosllm.place import Place
from chaosllm.script import Cut, Position, Script, Shape, Unit


@dataclass(frozen=True)
class Truncate:
    """The answer ends early.

    Shapes: honest (the finish reason says length), clean (events stop and the body ends properly),
    abrupt (the connection breaks), event (inside an event), tool (inside tool arguments). `body` is how the
    cut answer is delimited on HTTP/1.1, because clients notice a cut by that alone (PROVIDERS section 3): chunked,
    length (Content-Length says more than comes) or close (by the connection's end: FIN, RST for abrupt);
    without it, as the provider does. Only streams have events, only calls with tools have tool arguments, and
    vectors have no finish reason.
    """

    name: ClassVar[str] = "truncate"
    summary: ClassVar[str] = "the answer ends early: honest, clean, abrupt, inside an event or inside tool arguments"
    about: ClassVar[Mapping[str, str]] = {
        "shape": "how the answer ends",
        "at": "where it ends",
        "body": "how the cut body is delimited on HTTP/1.1; without it, as the provider does",
    }
    example: ClassVar[str] = "{fault: truncate, shape: clean, at: 50%, when: {share: 20%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Shape = Shape.CLEAN
    at: Place = field(default=Position(0.5, Unit.SHARE))
    body: Literal["chunked", "length", "close"] | None = None

    def __post_init__(self) -> None:
        if self.body == "length" and self.shape is not Shape.ABRUPT:
            raise ValueError(f"found body: length with shape: {self.shape.value}, expected shape: abrupt, because a "
                             "length that nothing reaches breaks the answer")  # fmt: skip

    def applies(self, call: Call) -> bool:
        """Calls whose answers can have what is cut."""
        if self.shape is Shape.EVENT:
            return call.stream
        if self.shape is Shape.HONEST:
            return not call.embeds
        return call.tools if self.shape is Shape.TOOL else True

    def says(self) -> str:
        """What happens to a call, in words."""
        return {
            Shape.HONEST: f"the text stops {where(self.at)}, and the finish reason says length",
            Shape.CLEAN: f"the text stops {where(self.at)} without a finish reason, and the body ends properly",
            Shape.ABRUPT: f"the connection breaks {where(self.at)}",
            Shape.EVENT: f"the text stops inside an event, {where(self.at)}",
            Shape.TOOL: f"the text stops inside the arguments of a tool call, {where(self.at)}",
        }[self.shape]

    def script(self, context: Context) -> Script:  # noqa: ARG002  # the protocol's context; a cut needs none
        """One cut."""
        return (Cut(self.at, self.shape, body=self.body or ""),)


MEMBER = Truncate
