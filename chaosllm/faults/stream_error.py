"""Stream error: the provider breaks a 200 stream off with an error event of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._answers import token_of
from chaosllm.faults._words import where
from chaosllm.place import parse_position
from chaosllm.providers import Refusal
from chaosllm.script import Insert, Position, Script, Unit

_REFUSALS = {
    "overload": Refusal("overload", "status"),
    "server": Refusal("error", "server"),
    "rate_limit": Refusal("rate_limit", "requests"),
}


def parse_at(value: object) -> Position:
    """A place in the stream, or "finish": after the event that says why the answer ends."""
    if value == "finish":
        return Position(0, Unit.FINISH)
    try:
        return parse_position(value)
    except ValueError as error:
        raise ValueError(f"{error}, or finish") from None


@dataclass(frozen=True)
class StreamError:
    """An error event inside a 200 stream, which then ends; calls that do not stream are left alone.

    `at: finish` puts it after the finish reason, as Gemini does (captured: vercel/ai#5217). `form` chooses
    among the spellings that a provider has: OpenAI's Responses nested, flat and failed; Gemini bare (outside
    the framing) and framed; Bedrock error, unmodelled and crc. Without it, the one that is seen today.
    """

    name: ClassVar[str] = "stream_error"
    summary: ClassVar[str] = "an error event breaks a 200 stream off"
    about: ClassVar[Mapping[str, str]] = {
        "at": "where the error stands, or `finish` for after the finish reason",
        "kind": "what the error says",
        "form": "which of its spellings the provider uses; without it, the one seen today",
    }
    example: ClassVar[str] = "{fault: stream_error, kind: overload, at: 50%}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    at: Annotated[
        Any,  # a Position; Any, because pydantic would validate it a second time
        BeforeValidator(parse_at),
        WithJsonSchema({"type": "string", "examples": ["50%", "20 tokens", "finish"]}),
    ] = field(default=Position(0.5, Unit.SHARE))
    kind: Literal["overload", "server", "rate_limit"] = "overload"
    form: str = ""

    def applies(self, call: Call) -> bool:
        """Streams only."""
        return call.stream

    def needs(self) -> tuple[str, ...]:
        """An in-band error of this kind, in this form."""
        return (f"stream_error/{self.kind}", *((f"form/{self.form}",) if self.form else ()))

    def says(self) -> str:
        """What happens to a call, in words."""
        said = {"overload": "overloaded", "server": "broken", "rate_limit": "at its rate limit"}[self.kind]
        return f"the stream breaks off {where(self.at)} with an error event: the provider is {said}"

    def script(self, context: Context) -> Script:
        """The provider's events, then the end."""
        said = _REFUSALS[self.kind]
        refusal = Refusal(said.kind, said.detail, form=self.form)
        events = context.provider.stream_error(refusal, context.call, token=token_of(context))
        return (Insert(self.at, events, end=True),)


MEMBER = StreamError
