"""Agents: apps whose model calls a tool before it answers."""

from __future__ import annotations

import json
import uuid
from typing import Any, ClassVar

from starlette.responses import JSONResponse, Response
from zoo_app import MODEL, BadAnswerError, Expected, Right

TOOL: Any = {
    "type": "function",
    "function": {
        "name": "book_table",
        "description": "Book a table.",
        "parameters": {
            "type": "object",
            "properties": {"guests": {"type": "integer"}, "day": {"type": "string"}},
            "required": ["guests", "day"],
        },
    },
}


class TooManyTurnsError(BadAnswerError):
    """The model asks for its tool again and again; asking it for more is what a cap is for."""


class Agent(Right):
    """A tool loop of at most three turns, arguments looked at, and a retry goes on where the call failed."""

    turns = 3
    timeout = 1.2

    def __init__(self) -> None:
        super().__init__()
        self.histories: dict[str, list[Any]] = {}

    def history(self, text: str) -> list[Any]:
        """What one user's model has been told so far."""
        return self.histories.setdefault(text, [{"role": "user", "content": f"{text} Use the tool book_table."}])

    async def answer(self, text: str) -> Response:
        try:
            return await super().answer(text)
        finally:
            self.histories.pop(text, None)

    async def ask(self, text: str) -> str:
        history = self.history(text)
        for _ in range(self.turns):
            choice = (await self.first.chat.completions.create(model=MODEL, messages=history, tools=[TOOL])).choices[0]
            if choice.finish_reason != "tool_calls":
                return self.read(choice.message.content, choice.finish_reason)
            history += self.used(choice.message)
        raise TooManyTurnsError(self.turns)

    def retryable(self, error: Exception) -> bool:
        return not isinstance(error, TooManyTurnsError) and super().retryable(error)

    def used(self, message: Any) -> list[Any]:
        """What the history gains by the calls of one turn."""
        try:
            asked = [json.loads(call.function.arguments) for call in message.tool_calls]
        except ValueError:
            return [{"role": "user", "content": "The arguments were no JSON. Use the tool book_table again."}]
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": self.book(one)}
            for call, one in zip(message.tool_calls, asked, strict=True)
        ]
        return [message.model_dump(exclude_none=True), *results]

    def book(self, asked: Any) -> str:
        """The tool: each run of it is another booking."""
        return f"booked for {asked.get('guests')}, receipt {uuid.uuid4().hex}"


class BeginsAgain(Agent):
    """Forgets its tool's results when a call fails, and books once more."""

    must: ClassVar[Expected] = {"away": {"duplicate_side_effect"}}
    may: ClassVar[Expected] = {"garbled": {"duplicate_side_effect"}}

    def history(self, text: str) -> list[Any]:
        self.histories.pop(text, None)
        return super().history(text)


class BeginsAgainSafely(BeginsAgain):
    """Forgets its tool's results too, but the tool knows the booking by its arguments and gives its receipt again."""

    must: ClassVar[Expected] = {}
    # On the wire a tool that ran again and said the same looks like this one: told as major, never as critical.
    may: ClassVar[Expected] = {phase: {"duplicate_side_effect"} for phase in ("away", "garbled")}

    def book(self, asked: Any) -> str:
        return f"booked for {asked.get('guests')}"


class RunawayLoop(Agent):
    """No cap: it asks until the arguments are right."""

    turns = 200
    deadline = 60.0
    must: ClassVar[Expected] = {"garbled": {"cost_runaway"}}
    may: ClassVar[Expected] = {"garbled": {"hang", "no_fallback", "metastable", "retry_storm"}}


class ArgumentsUnchecked(Agent):
    """Hands broken arguments to its tool, which takes what it gets, and tells the user that all is well."""

    must: ClassVar[Expected] = {"garbled": {"malformed_accepted"}}

    def told(self, text: str) -> Response:
        return JSONResponse({"answer": text})

    async def ask(self, text: str) -> str:
        asked: Any = self.history(text)
        choice = (await self.first.chat.completions.create(model=MODEL, messages=asked, tools=[TOOL])).choices[0]
        if choice.finish_reason == "tool_calls":
            return f"Done: {choice.message.tool_calls[0].function.arguments}"
        return self.read(choice.message.content, choice.finish_reason)
