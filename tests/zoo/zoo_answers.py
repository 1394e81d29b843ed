"""Apps that differ in what they let through to their users."""

from __future__ import annotations

import asyncio
import traceback
from typing import Any, ClassVar

from starlette.responses import JSONResponse, PlainTextResponse, Response
from zoo_app import MODEL, BadAnswerError, Expected, Right
from zoo_retries import ERRORS, SPARSE, NoRetry, everywhere


class FinishIgnored(Right):
    """Never looks at the finish reason."""

    must: ClassVar[Expected] = {"cut": {"truncated_accepted"}}

    def read(self, text: str | None, finish: str | None) -> str:
        return super().read(text, "stop")


class StreamEndIgnored(Right):
    """Streams, and takes the end of the bytes for the end of the answer."""

    must: ClassVar[Expected] = everywhere({"truncated_accepted"}, "cut", "snapped")

    async def ask(self, text: str) -> str:
        asked: Any = [{"role": "user", "content": text}]
        said = ""
        async for chunk in await self.first.chat.completions.create(model=MODEL, messages=asked, stream=True):
            said += "".join(choice.delta.content or "" for choice in chunk.choices)
        return self.read(said, "stop")


class StreamChecked(Right):
    """Streams, and looks at how the answer ended."""

    async def ask(self, text: str) -> str:
        asked: Any = [{"role": "user", "content": text}]
        said, finish = "", None
        async for chunk in await self.first.chat.completions.create(model=MODEL, messages=asked, stream=True):
            for choice in chunk.choices:
                said += choice.delta.content or ""
                finish = choice.finish_reason or finish
        return self.read(said, finish)


class CutButSaid(Right):
    """Hands a cut answer on and says that it is one: it does right."""

    async def ask(self, text: str) -> str:
        asked: Any = [{"role": "user", "content": text}]
        choice = (await self.first.chat.completions.create(model=MODEL, messages=asked)).choices[0]
        if choice.finish_reason == "length":
            return (choice.message.content or "") + " [cut]"
        return self.read(choice.message.content, choice.finish_reason)

    def told(self, text: str) -> Response:
        said = super().told(text)
        if text.endswith(" [cut]"):
            said.headers["x-degraded"] = "cut"
        return said


class EmptyAccepted(Right):
    """Hands on whatever text there is, also none."""

    must: ClassVar[Expected] = {"blank": {"malformed_accepted"}}
    may: ClassVar[Expected] = {"blank": {"silent_failure"}}

    def read(self, text: str | None, finish: str | None) -> str:
        if finish != "stop":
            raise BadAnswerError(finish)
        return text or ""


class Unfiltered(Right):
    """Shows the model's words as they are: secrets, scripts and all."""

    must: ClassVar[Expected] = {"leaky": {"sensitive_data_leaked", "unsafe_markup_passed"}}

    def told(self, text: str) -> Response:
        return JSONResponse({"answer": text})


class StackTrace(NoRetry):
    """Shows its users the stack trace."""

    must: ClassVar[Expected] = NoRetry.must | {
        phase: {*NoRetry.must.get(phase, set()), "stack_trace"} for phase in (*ERRORS, "spent", "wrong")
    }
    may: ClassVar[Expected] = everywhere({"no_fallback", "stack_trace", "error_leaked"}, *ERRORS, *SPARSE) | everywhere(
        {"stack_trace", "error_leaked"}, "spent", "wrong", "held"
    )

    async def failed(self, text: str, error: Exception) -> Response:
        return PlainTextResponse("".join(traceback.format_exception(error)), 500)


class ErrorLeaked(NoRetry):
    """Shows its users the provider's own words."""

    must: ClassVar[Expected] = NoRetry.must | {
        phase: {*NoRetry.must.get(phase, set()), "error_leaked"} for phase in (*ERRORS, "spent", "wrong")
    }
    may: ClassVar[Expected] = everywhere({"no_fallback", "error_leaked"}, *SPARSE)

    async def failed(self, text: str, error: Exception) -> Response:
        return JSONResponse({"error": str(error)}, 500)


class NoTimeout(Right):
    """Waits for ever: no timeout, no deadline."""

    timeout = None
    deadline = 3600.0
    must: ClassVar[Expected] = {"held": {"hang", "no_timeout"}}
    # Without a deadline of its own it waits out each Retry-After before its default.
    may: ClassVar[Expected] = everywhere({"slow_fallback"}, *ERRORS, *SPARSE) | {"held": {"no_fallback"}}


class LongTimeout(Right):
    """Waits for 6 s, when users wait for 4."""

    timeout = 6.0
    deadline = 60.0
    must: ClassVar[Expected] = {"held": {"hang", "no_timeout"}}
    may: ClassVar[Expected] = everywhere({"slow_fallback"}, *ERRORS, *SPARSE) | {
        "held": {"no_fallback", "slow_recovery"}
    }

    async def answer(self, text: str) -> Response:
        return await asyncio.shield(super().answer(text))
