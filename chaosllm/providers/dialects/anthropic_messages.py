"""Anthropic's Messages: whole answers, and named events up to message_stop."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chaosllm.call import Call
from chaosllm.providers import Completion, Refusal, Slots
from chaosllm.providers._json import (
    Path,
    at,
    dump,
    list_at,
    load_object,
    locate,
    objects_at,
    text_at,
    whole_pairs,
)
from chaosllm.providers.dialects import Dialect, Json, content_text, pieces
from chaosllm.providers.dialects._tool_runs import Step, messages_steps
from chaosllm.providers.dialects._wishes import offered, schema_or_any
from chaosllm.wish import Wish

WORDS = {"stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "refusal", "refusal": "refusal"}
#: Where a delta event keeps what it brings.
_DELTAS = {"text_delta": "text", "input_json_delta": "partial_json"}
#: The field without which an event says nothing, by its type.
_ESSENTIAL: dict[Any, Path] = {
    "message_start": ("message",),
    "content_block_start": ("content_block",),
    "content_block_delta": ("delta",),
    "message_delta": ("delta",),
}
#: anthropic/types/refusal_stop_details.py of SDK 2.12; the category is null where none is named.
_REFUSED: Json = {"type": "refusal", "category": None, "explanation": None}


class Messages(Dialect):
    """POST /v1/messages; also what Vertex and Bedrock's InvokeModel speak for Claude, in framings of their own."""

    words: ClassVar[Mapping[str, str]] = WORDS
    required: ClassVar[tuple[str, ...]] = ("messages", "max_tokens")
    usage_keys: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens"),
        ("output_tokens",),
    )
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"stream", "drop/end", "drop/usage", "drop/finish", "replace/usage", "replace/model",
         "replace/tool", "replace/tool_name", "repeat/tool", "refusal/answer", "refusal/partial",
         "filter/answer"}
    )  # fmt: skip

    def prompt(self, body: Json) -> Iterator[str]:
        """The system prompt, then the content of every message, tool results included."""
        yield from content_text(body.get("system"))
        for message in objects_at(body, "messages"):
            yield from content_text(message.get("content"))

    def tool_steps(self, body: Json) -> Iterator[Step]:
        """Blocks of the messages."""
        return messages_steps(body)

    def wish(self, body: Json) -> Wish:
        """Tools with `input_schema`, `tool_choice` an object, JSON by `output_config` (in its beta `output_format`)."""
        choice = body.get("tool_choice")
        named = at(choice, "name") if at(choice, "type") == "tool" else None
        wanted = at(body, "output_config", "format") or body.get("output_format")
        answered = any(at(part, "type") == "tool_result" for part in list_at(body, "messages", -1, "content"))
        return Wish(
            tools=offered((at(tool, "name"), at(tool, "input_schema")) for tool in list_at(body, "tools")),
            choice={"any": "any", "none": "none"}.get(str(at(choice, "type")), "auto"),
            named=named if isinstance(named, str) else None,
            answered=answered,
            schema=schema_or_any(at(wanted, "schema")) if at(wanted, "type") == "json_schema" else None,
        )

    def slots(self, name: str | None, document: Json, *, whole: bool) -> Slots:  # noqa: ARG002  # the type in the data says as much
        """By the blocks of a message, or by the type in an event's data.

        Tool inputs are objects in a message and partial JSON in a stream. `tool_calls` is the whole content, because
        tool calls stand among its other blocks.
        """
        if whole:
            return self._message_slots(document)
        kind, delta = document.get("type"), at(document, "delta")
        brings = _DELTAS.get(str(at(delta, "type"))) if kind == "content_block_delta" else None
        text: list[Path] = []
        if isinstance(at(document, "content_block", "text"), str) and kind == "content_block_start":
            text.append(("content_block", "text"))
        tool: list[Path] = []
        if brings is not None and isinstance(at(delta, brings), str):
            (text if brings == "text" else tool).append(("delta", brings))
        usage: Path = ("message", "usage") if kind == "message_start" else ("usage",)
        names = kind == "content_block_start" and isinstance(at(document, "content_block", "name"), str)
        ends = kind == "message_delta" and isinstance(at(delta, "stop_reason"), str)
        says_model = kind == "message_start" and isinstance(at(document, "message", "model"), str)
        essential = _ESSENTIAL.get(kind, ()) if isinstance(kind, str) else ()
        return Slots(
            text=tuple(text),
            tool=tuple(tool),
            tool_name=(("content_block", "name"),) if names else (),
            finish=(("delta", "stop_reason"),) if ends else (),
            usage=(usage,) if isinstance(at(document, *usage), dict) else (),
            model=(("message", "model"),) if says_model else (),
            essential=essential if essential and essential[0] in document else (),
        )

    def _message_slots(self, document: Json) -> Slots:
        blocks = list(enumerate(list_at(document, "content")))
        calls = [(number, block) for number, block in blocks if at(block, "type") == "tool_use"]
        return Slots(
            text=tuple(
                ("content", number, "text")
                for number, block in blocks
                if at(block, "type") == "text" and isinstance(at(block, "text"), str)
            ),
            tool=tuple(("content", number, "input") for number, block in calls if isinstance(at(block, "input"), dict)),
            tool_name=tuple(
                ("content", number, "name") for number, block in calls if isinstance(at(block, "name"), str)
            ),
            tool_calls=("content",) if calls else None,
            finish=(("stop_reason",),) if isinstance(document.get("stop_reason"), str) else (),
            usage=(("usage",),) if isinstance(document.get("usage"), dict) else (),
            model=(("model",),) if isinstance(document.get("model"), str) else (),
            essential=("content",) if "content" in document else (),
        )

    def plain(self, document: Json) -> str | None:
        """A delta of text, with nothing of a gateway's beside it."""
        delta = document.get("delta")
        if document.get("type") != "content_block_delta" or at(delta, "type") != "text_delta":
            return None
        return None if "error" in document or "usage" in document else text_at(delta, "text")

    def ends(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the type in the data says as much
        """message_stop."""
        return document.get("type") == "message_stop"

    def errs(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the type in the data says as much
        """An error event, or an error object of some gateway."""
        return document.get("type") == "error" or document.get("error") is not None

    def shorten(self, body: bytes, keep: int, finish: str) -> bytes:
        """Less text and no later block; without text, the tool input with its whole pairs only."""
        document = load_object(body)
        if not document:
            return body
        slots = self.slots(None, document, whole=True)
        paths = [path for path in slots.text if at(document, *path)]
        last_block = None
        for path in paths or slots.tool:
            value: Any = at(document, *path)
            length = len(value) if isinstance(value, str) else 0
            if isinstance(value, str):
                value = value[:keep]
            else:
                start, end = locate(body.decode(), path)
                length = end - start
                if keep < length:
                    value = whole_pairs(body.decode()[start:end], keep)
            at(document, *path[:-1])[path[-1]] = value
            last_block = int(path[1])
            if keep <= length:
                break
            keep -= length
        if last_block is not None:
            document["content"] = document["content"][: last_block + 1]
        document.update(self._ending(finish))
        return dump(document)

    def honest_tail(self, raw: bytes, delivered: str, finish: str) -> bytes:  # noqa: ARG002  # no event repeats the text
        """Deltas fall out, the stop reason says `finish`.

        A block that starts after the cut becomes an empty text block: its stop event passes, and the
        SDKs look the block up by its index then. The API itself would have begun no further block;
        to leave it out too, this would have to know which block was cut.
        """
        _, document = self.open(raw)
        kind = document.get("type")
        if kind == "content_block_delta":
            return b""
        if kind == "content_block_start":
            document["content_block"] = {"type": "text", "text": ""}
        elif kind == "message_delta" and isinstance(document.get("delta"), dict):
            document["delta"].update(self._ending(finish))
        else:
            return raw
        return self.close(raw, document)

    def _ending(self, finish: str) -> Json:
        """What says why an answer ended; a refusal comes with its details."""
        word = self.words[finish]
        details: Json = {"stop_details": _REFUSED} if word == "refusal" else {}
        return {"stop_reason": word, "stop_sequence": None, **details}

    def complete(self, completion: Completion, request: Any) -> bytes:  # noqa: ARG002  # nothing in it changes the answer
        """A message object."""
        text = "".join(completion.chunks)
        content: list[Json] = [{"type": "text", "text": text}] if text else []
        if completion.tool is not None:
            name, arguments = completion.tool
            content.append(
                {"type": "tool_use", "id": _tool_id(completion), "name": name, "input": load_object(arguments)}
            )
        usage = _usage_object(completion, completion.usage.output_tokens)
        return dump(_message(completion, content, self._ending(completion.finish), usage))

    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:  # noqa: ARG002  # the signature of every dialect
        """Events from message_start to message_stop, with one ping after the first block's start."""

        def event(kind: str, **fields: Any) -> bytes:
            return self.framing.write(kind, dump({"type": kind, **fields}))

        # Output tokens start at 1 and grow (captured streams); input tokens are known from the start.
        begun = _usage_object(completion, min(1, completion.usage.output_tokens))
        yield event(
            "message_start", message=_message(completion, [], {"stop_reason": None, "stop_sequence": None}, begun)
        )
        blocks: list[tuple[Json, str, str, Iterator[str]]] = []
        if completion.chunks or completion.tool is None:
            blocks.append(({"type": "text", "text": ""}, "text_delta", "text", iter(completion.chunks)))
        if completion.tool is not None:
            name, arguments = completion.tool
            block: Json = {"type": "tool_use", "id": _tool_id(completion), "name": name, "input": {}}
            blocks.append((block, "input_json_delta", "partial_json", pieces(arguments)))
        for index, (block, kind, field, deltas) in enumerate(blocks):
            yield event("content_block_start", index=index, content_block=block)
            if index == 0:
                yield self.framing.write("ping", b'{"type": "ping"}')
            for delta in deltas:
                yield event("content_block_delta", index=index, delta={"type": kind, field: delta})
            yield event("content_block_stop", index=index)
        usage = _usage_object(completion, completion.usage.output_tokens)
        yield event("message_delta", delta=self._ending(completion.finish), usage=usage)
        yield event("message_stop")

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:  # noqa: ARG002  # the signature of every dialect
        """One error event; no message_stop follows (captured: karthink/gptel#1512)."""
        document = {"type": "error", "error": {"details": None, **error}, "request_id": request_id}
        return (self.framing.write("error", dump(document)),)


def _usage_object(completion: Completion, output_tokens: int) -> Json:
    return {
        "input_tokens": completion.usage.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }


def _message(completion: Completion, content: list[Json], ending: Json, usage: Json) -> Json:
    return {
        "id": f"msg_{completion.id[:24]}",
        "type": "message",
        "role": "assistant",
        "model": completion.model,
        "content": content,
        **ending,
        "usage": {**usage, "service_tier": "standard"},
    }


def _tool_id(completion: Completion) -> str:
    return f"toolu_{completion.id[:24]}"
