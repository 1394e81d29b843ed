"""Agents: apps whose model calls a tool before it answers."""

from __future__ import annotations

import json
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


class Agent(Right):
    """A tool loop of at most three turns, arguments looked at; a good one."""

    turns = 3
    timeout = 1.2

    async def ask(self, text: str) -> str:
        history: list[Any] = [{"role": "user", "content": f"{text} Use the tool book_table."}]
        for _ in range(self.turns):
            choice = (await self.first.chat.completions.create(model=MODEL, messages=history, tools=[TOOL])).choices[0]
            if choice.finish_reason != "tool_calls":
                return self.read(choice.message.content, choice.finish_reason)
            history += self.used(choice.message)
        raise BadAnswerError("too many turns")

    def used(self, message: Any) -> list[Any]:
        """What the history gains by the calls of one turn."""
        try:
            asked = [json.loads(call.function.arguments) for call in message.tool_calls]
        except ValueError:
            return [{"role": "user", "content": "The arguments were no JSON. Use the tool book_table again."}]
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"booked for {one.get('guests')}"}
            for call, one in zip(message.tool_calls, asked, strict=True)
        ]
        return [message.model_dump(exclude_none=True), *results]


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
        history: list[Any] = [{"role": "user", "content": f"{text} Use the tool book_table."}]
        choice = (await self.first.chat.completions.create(model=MODEL, messages=history, tools=[TOOL])).choices[0]
        if choice.finish_reason == "tool_calls":
            return f"Done: {choice.message.tool_calls[0].function.arguments}"
        return self.read(choice.message.content, choice.finish_reason)
