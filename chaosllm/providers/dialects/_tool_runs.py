"""Reads out of a request which tools the app has run: a tool's result in it is the proof.

Laws:
1. A result belongs to the call that has its id; where the wire has no ids, to the oldest call of its name still open.
2. A call without an id is told from its like by its number among them in this request, because its place in the
   conversation moves when an app leaves out what is old.
3. What is not shaped as the provider says is passed over: a result whose call is gone tells no tool.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from chaosllm.providers import ToolRun
from chaosllm.providers._json import at, objects_at, text_at


class Asked(NamedTuple):
    """The model's call of a tool, as the app sends it back."""

    id: Any  # what is no text, or empty, is no id
    name: Any
    arguments: Any  # JSON, or the same written as a string


class Answered(NamedTuple):
    """The result of a tool."""

    id: Any
    name: Any  # None where the wire does not repeat it
    result: Any


type Step = Asked | Answered


def runs_of(steps: Iterable[Step], tools: Collection[str]) -> Iterator[ToolRun]:
    """The runs of these tools, in the order of their results."""
    still_open: list[Asked] = []
    alike: Counter[tuple[str, str]] = Counter()
    for step in steps:
        if isinstance(step, Asked):
            still_open.append(step)
        elif (asked := _asked(step, still_open)) is not None:
            still_open.remove(asked)
            if isinstance(asked.name, str) and asked.name in tools:
                arguments = canonical(asked.arguments)
                id = asked.id if _is_id(asked.id) else f"number {alike[asked.name, arguments]}"
                alike[asked.name, arguments] += 1
                yield ToolRun(asked.name, arguments, id, canonical(_text(step.result)))


def _asked(answer: Answered, still_open: list[Asked]) -> Asked | None:
    if _is_id(answer.id) and (named := [one for one in still_open if one.id == answer.id]):
        return named[0]
    rest = [one for one in still_open if not (_is_id(answer.id) and _is_id(one.id))]
    return next((one for one in rest if answer.name in (None, one.name)), None)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _text(result: Any) -> Any:
    """A result that is written as parts as one text, so that it is the same however an app splits it."""
    parts = result if isinstance(result, list) else []
    texts = [part if isinstance(part, str) else at(part, "text") for part in parts]
    return "".join(texts) if texts and all(isinstance(text, str) for text in texts) else result


def canonical(value: Any) -> str:
    """JSON in one spelling: of equal values equal, whatever their spaces and the order of their names."""
    try:
        read = json.loads(value) if isinstance(value, str) else value
        return json.dumps(read, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return value if isinstance(value, str) else ""


def chat_steps(body: dict[str, Any]) -> Iterator[Step]:
    """The spelling of OpenAI's chat completions and of its imitators.

    Source: platform.openai.com/docs/api-reference/chat/create; Cohere's v2 has the same. Ollama's results name
    their tool, and its older versions give no ids (docs.ollama.com/api/chat).
    """
    for message in objects_at(body, "messages"):
        if message.get("role") == "tool":
            name = message.get("tool_name") or message.get("name")
            yield Answered(message.get("tool_call_id"), name, message.get("content"))
        for call in objects_at(message, "tool_calls"):
            yield Asked(call.get("id"), at(call, "function", "name"), at(call, "function", "arguments"))


def responses_steps(body: dict[str, Any]) -> Iterator[Step]:
    """The items of OpenAI's Responses, function tools and custom ones (/docs/api-reference/responses/create).

    With `previous_response_id` the request holds results without their calls, which tell no tool.
    """
    for item in objects_at(body, "input"):
        match item.get("type"):
            case "function_call":
                yield Asked(item.get("call_id"), item.get("name"), item.get("arguments"))
            case "custom_tool_call":
                yield Asked(item.get("call_id"), item.get("name"), item.get("input"))
            case "function_call_output" | "custom_tool_call_output":
                yield Answered(item.get("call_id"), None, item.get("output"))


def messages_steps(body: dict[str, Any]) -> Iterator[Step]:
    """The blocks of Anthropic's Messages (docs.anthropic.com/en/api/messages)."""
    for message in objects_at(body, "messages"):
        for block in objects_at(message, "content"):
            match block.get("type"):
                case "tool_use":
                    yield Asked(block.get("id"), block.get("name"), block.get("input"))
                case "tool_result":
                    yield Answered(block.get("tool_use_id"), None, block.get("content"))


def converse_steps(body: dict[str, Any]) -> Iterator[Step]:
    """The blocks of Bedrock's Converse (API_runtime_ContentBlock)."""
    for message in objects_at(body, "messages"):
        for block in objects_at(message, "content"):
            if use := block.get("toolUse"):
                yield Asked(at(use, "toolUseId"), at(use, "name"), at(use, "input"))
            if result := block.get("toolResult"):
                yield Answered(at(result, "toolUseId"), None, at(result, "content"))


def gemini_steps(body: dict[str, Any]) -> Iterator[Step]:
    """The parts of Gemini's contents (ai.google.dev/api/caching#FunctionCall).

    Only newer models give ids; the signature of its thoughts, which the app must send back, tells a call as well.
    """
    for content in objects_at(body, "contents"):
        for part in objects_at(content, "parts"):
            if call := part.get("functionCall") or part.get("function_call"):
                signature = part.get("thoughtSignature") or part.get("thought_signature")
                yield Asked(text_at(call, "id") or signature, at(call, "name"), at(call, "args"))
            if result := part.get("functionResponse") or part.get("function_response"):
                yield Answered(at(result, "id"), at(result, "name"), at(result, "response"))
