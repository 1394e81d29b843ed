"""Bedrock's Converse: whole answers, and a stream of binary frames from messageStart to metadata.

Shapes: the service model (botocore/data/bedrock-runtime/2023-09-30/service-2.json), ConverseResponse and
ConverseStreamOutput.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chaosllm.call import Call
from chaosllm.framing import Framing, aws
from chaosllm.framing.aws import AWS
from chaosllm.providers import Completion, Part, Refusal, Slots
from chaosllm.providers._json import Path, at, dump, list_at, load, load_object, objects_at, text_at
from chaosllm.providers.dialects import Dialect, Json, content_text, pieces
from chaosllm.providers.dialects._tool_runs import Step, converse_steps
from chaosllm.providers.dialects._wishes import offered, schema_or_any
from chaosllm.wish import Wish

WORDS = {
    "stop": "end_turn", "length": "max_tokens", "tool": "tool_use", "filter": "guardrail_intervened",
    "refusal": "content_filtered",
}  # fmt: skip
#: The exceptions that both streaming operations model (ConverseStreamOutput, ResponseStream), by why a call fails.
_EXCEPTIONS = {
    "rate_limit": "throttlingException", "quota": "throttlingException", "overload": "serviceUnavailableException",
    "error/bad_request": "validationException", "error/context_length": "validationException",
    "error/content_filter": "validationException", "error/timeout": "modelTimeoutException",
}  # fmt: skip
_SERVER = "internalServerException"
_MODEL_STREAM = "modelStreamErrorException"
#: `Refusal.form`: one of these exceptions, or one of the three ways to fail that no model knows.
FORMS = (*dict.fromkeys(_EXCEPTIONS.values()), _SERVER, _MODEL_STREAM, "error", "unmodelled", "crc")

#: What every stream of Bedrock can do; `Provider.abilities` explains the names.
STREAM_ABILITIES = frozenset(
    {
        "stream", "drop/end", "drop/usage", "drop/finish", "replace/usage",
        "replace/tool", "replace/tool_name", "repeat/tool", "refusal/answer", "filter/answer",
        "stream_error/overload", "stream_error/server", "stream_error/rate_limit",
        *(f"form/{form}" for form in FORMS),
    }
)  # fmt: skip


class FrameDialect(Dialect):
    """What all streams of AWS frames share: exceptions, errors, and how they are told from events."""

    framing: ClassVar[Framing] = AWS
    #: An exception that this operation does not model: botocore then raises without code and message (measured).
    unmodelled: ClassVar[str] = "modelTimeoutException"

    def part(self, raw: bytes) -> Part:
        """What one frame says; exceptions and errors end a stream."""
        frame = aws.decode(raw)
        return Part(raw, error=True) if frame is not None and frame.fails else super().part(raw)

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:  # noqa: ARG002  # the signature of every dialect
        """One exception frame in the `form` asked for; `crc` is one whose checksum is wrong.

        The frame of an exception was captured in aws-samples/foundation-model-benchmarking-tool#247.
        """
        if refusal.form == "error":
            return (aws.error("InternalError", str(error["message"])),)
        if refusal.form == "unmodelled":
            return (aws.exception(self.unmodelled, dump(error)),)
        key = f"{refusal.kind}/{refusal.detail}"
        usual = _EXCEPTIONS.get(key) or _EXCEPTIONS.get(refusal.kind) or _SERVER
        name = usual if refusal.form in ("", "crc") else refusal.form
        if name == _MODEL_STREAM:  # the members of the service model's shape
            error = {**error, "originalStatusCode": 500, "originalMessage": error["message"]}
        frame = aws.exception(name, dump(error))
        return (aws.spoil(frame) if refusal.form == "crc" else frame,)


class Converse(FrameDialect):
    """POST /model/{model}/converse and /converse-stream."""

    max_tokens_fields: ClassVar[tuple[str, ...]] = ("inferenceConfig.maxTokens",)
    required: ClassVar[tuple[str, ...]] = ("messages",)
    words: ClassVar[Mapping[str, str]] = WORDS
    #: Tokens from and for the cache are not in inputTokens (Bedrock user guide, "Prompt caching").
    usage_keys: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens"),
        ("outputTokens",),
    )
    abilities: ClassVar[frozenset[str]] = STREAM_ABILITIES

    def prompt(self, body: Json) -> Iterator[str]:
        """The system prompt, then the content of every message, tool results included."""
        yield from content_text(body.get("system"))
        for message in objects_at(body, "messages"):
            for block in objects_at(message, "content"):
                yield from content_text([block])
                yield from content_text(at(block, "toolResult", "content"))
                yield from content_text([at(block, "guardContent", "text")])

    def tool_steps(self, body: Json) -> Iterator[Step]:
        """Blocks of the messages."""
        return converse_steps(body)

    def wish(self, body: Json) -> Wish:
        """Tools are toolSpecs, the choice is an object with one key, a schema is JSON inside a string."""
        specs = [at(tool, "toolSpec") for tool in list_at(body, "toolConfig", "tools")]
        choice = at(body, "toolConfig", "toolChoice")
        wanted = at(body, "outputConfig", "textFormat", "structure", "jsonSchema", "schema")
        newest = objects_at(body, "messages")[-1:]
        return Wish(
            tools=offered((at(spec, "name"), at(spec, "inputSchema", "json")) for spec in specs),
            choice="any" if at(choice, "any") is not None else "auto",
            named=text_at(choice, "tool", "name") or None,
            answered=any("toolResult" in block for message in newest for block in objects_at(message, "content")),
            schema=schema_or_any(load(wanted)) if isinstance(wanted, str) else None,
        )

    def slots(self, name: str | None, document: Json, *, whole: bool) -> Slots:
        """Where things stand; no answer names its model."""
        if whole:
            return _whole(document)
        if name == "contentBlockDelta":
            return Slots(
                text=_present(document, ("delta", "text")),
                tool=_present(document, ("delta", "toolUse", "input")),
                essential=("delta",),
            )
        if name == "contentBlockStart":
            return Slots(tool_name=_present(document, ("start", "toolUse", "name")), essential=("start",))
        if name == "messageStop":
            return Slots(finish=_present(document, ("stopReason",)), essential=("stopReason",))
        if name == "metadata":
            usage: tuple[Path, ...] = (("usage",),) if isinstance(document.get("usage"), dict) else ()
            return Slots(usage=usage, essential=("usage",))
        return Slots(essential=("role",) if name == "messageStart" else ())

    def ends(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the name says it
        """The metadata comes after messageStop, last of all."""
        return name == "metadata"

    def honest_tail(self, raw: bytes, delivered: str, finish: str) -> bytes:
        """As everywhere; and no tool call begins after the cut.

        The stop of a call that never began still passes, because this cannot know which block was cut;
        botocore reads it as any other.
        """
        if self.open(raw)[0] == "contentBlockStart":
            return b""
        return super().honest_tail(raw, delivered, finish)

    def failed(self, document: Json) -> bool:
        """A message in place of an output, which Bedrock sends with other statuses than 200."""
        return "output" not in document and isinstance(document.get("message"), str)

    def complete(self, completion: Completion, request: Any) -> bytes:  # noqa: ARG002  # nothing in it changes the answer
        """A ConverseResponse."""
        text = "".join(completion.chunks)
        content: list[Json] = [{"text": text}] if text else []
        if completion.tool is not None:
            content.append({"toolUse": {"input": load_object(completion.tool[1]), **_tool(completion)}})
        return dump(
            {
                "metrics": _metrics(completion),
                "output": {"message": {"content": content, "role": "assistant"}},
                "stopReason": self.words[completion.finish],
                "usage": _usage(completion),
            }
        )

    def events(self, completion: Completion) -> Iterator[tuple[str, Json]]:
        """Name and payload of each event of a streamed answer; only tool calls have a contentBlockStart."""
        yield "messageStart", {"role": "assistant"}
        blocks: list[Iterator[tuple[str, Json]]] = []
        if completion.chunks or completion.tool is None:
            blocks.append(("contentBlockDelta", {"delta": {"text": chunk}}) for chunk in completion.chunks)
        if completion.tool is not None:
            blocks.append(_tool_events(completion, completion.tool[1]))
        for index, block in enumerate(blocks):
            for name, payload in block:
                yield name, {"contentBlockIndex": index, **payload}
            yield "contentBlockStop", {"contentBlockIndex": index}
        yield "messageStop", {"stopReason": self.words[completion.finish]}
        yield "metadata", {"metrics": _metrics(completion), "usage": _usage(completion)}

    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:  # noqa: ARG002  # the signature of every dialect
        """Event frames, each payload padded as Bedrock does."""
        for number, (name, payload) in enumerate(self.events(completion)):
            yield aws.event(name, dump({**payload, "p": padding(number)}))


def padding(number: int) -> str:
    """Bedrock's filler of varying length, which hides how long a text is (captured: aws/aws-sdk-js-v3#6919)."""
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return alphabet[: number * 37 % len(alphabet) + 1]


def _present(document: Json, path: Path) -> tuple[Path, ...]:
    """The path where a string stands there."""
    return (path,) if isinstance(at(document, *path), str) else ()


def _whole(document: Json) -> Slots:
    """Where things stand in a ConverseResponse."""
    content: Path = ("output", "message", "content")
    blocks = list(enumerate(list_at(document, *content)))
    calls = [number for number, block in blocks if isinstance(at(block, "toolUse"), dict)]
    return Slots(
        text=tuple((*content, number, "text") for number, block in blocks if isinstance(at(block, "text"), str)),
        tool=tuple(
            (*content, number, "toolUse", "input")
            for number in calls
            if "input" in at(document, *content, number, "toolUse")
        ),
        tool_name=tuple(path for number in calls for path in _present(document, (*content, number, "toolUse", "name"))),
        tool_calls=content if calls and calls[-1] == len(blocks) - 1 else None,
        finish=_present(document, ("stopReason",)),
        usage=(("usage",),) if isinstance(document.get("usage"), dict) else (),
        essential=("output",) if "output" in document else (),
    )


def _tool(completion: Completion) -> Json:
    name = "" if completion.tool is None else completion.tool[0]
    return {"name": name, "toolUseId": f"tooluse_{completion.id}"}


def _tool_events(completion: Completion, arguments: str) -> Iterator[tuple[str, Json]]:
    yield "contentBlockStart", {"start": {"toolUse": _tool(completion)}}
    for piece in pieces(arguments):
        yield "contentBlockDelta", {"delta": {"toolUse": {"input": piece}}}


def _usage(completion: Completion) -> Json:
    went_in, came_out = completion.usage.input_tokens, completion.usage.output_tokens
    return {"inputTokens": went_in, "outputTokens": came_out, "totalTokens": went_in + came_out}


def _metrics(completion: Completion) -> Json:
    """A made-up latency that grows with the answer; the core has no clock."""
    return {"latencyMs": 300 + 20 * completion.usage.output_tokens}
