"""Overload: the provider as a whole cannot keep up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.faults import Context
from chaosllm.faults._answers import token_of
from chaosllm.faults._retrying import ABOUT_RETRYING, RetryAfter, refuse, retry_needs
from chaosllm.faults._words import coming_back
from chaosllm.providers import Refusal
from chaosllm.script import Insert, Position, Script, Unit

#: Where an overload breaks into a stream: early, while a client still could start afresh.
_AT = Position(0.3, Unit.SHARE)


@dataclass(frozen=True)
class Overload:
    """The provider is overloaded: as a status (503, 529), or as an error event inside a 200 stream.

    A call that does not stream gets the status in either shape. `retry_after` and `should_retry` are
    headers, and so of the status alone.
    """

    name: ClassVar[str] = "overload"
    summary: ClassVar[str] = "the provider is overloaded, by status or inside a stream"
    about: ClassVar[Mapping[str, str]] = {
        "shape": "a status, or an error event inside a 200 stream",
        **ABOUT_RETRYING,
    }
    example: ClassVar[str] = "{fault: overload, shape: stream, when: {share: 30%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    shape: Literal["status", "stream"] = "status"
    retry_after: RetryAfter | None = None
    should_retry: bool | None = None

    def needs(self) -> tuple[str, ...]:
        """The status, and in a stream the event."""
        event = ("stream_error/overload",) if self.shape == "stream" else ()
        return ("overload/status", *event, *retry_needs(self.retry_after, self.should_retry))

    def says(self) -> str:
        """What happens to a call, in words."""
        if self.shape == "stream":
            return "the provider says inside the stream that it is overloaded"
        return f"the provider refuses because it is overloaded{coming_back(self.retry_after, self.should_retry)}"

    def script(self, context: Context) -> Script:
        """A refusal, or an error event that ends the stream."""
        refusal = Refusal("overload", "status")
        if self.shape == "stream" and context.call.stream:
            events = context.provider.stream_error(refusal, context.call, token=token_of(context))
            return (Insert(_AT, events, end=True),)
        return (refuse(context, refusal, self.retry_after, self.should_retry),)


MEMBER = Overload
