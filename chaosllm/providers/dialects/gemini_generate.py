"""Gemini's generateContent: whole answers, server-sent events without an end, or a JSON array in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

from chaosllm.call import Call
from chaosllm.framing import Framing
from chaosllm.framing.json_array import END, JSON_ARRAY
from chaosllm.framing.sse import Sse
from chaosllm.providers import Completion, Part, Refusal, Slots, View
from chaosllm.providers._json import Path, at, dump, list_at, load_object, locate, objects_at, text_at, whole_pairs
from chaosllm.providers.dialects import Dialect, Json, clip_strings
from chaosllm.providers.dialects._tool_runs import Step, gemini_steps
from chaosllm.providers.dialects._wishes import offered, schema_or_any
from chaosllm.wish import Wish

#: Gemini has no finish reason for a model that declines: it says so in prose, and stops.
WORDS = {"stop": "STOP", "length": "MAX_TOKENS", "tool": "STOP", "filter": "SAFETY", "refusal": "STOP"}
EVENTS = Sse("text/event-stream", newline=b"\r\n")
_PARTS: Path = ("candidates", 0, "content", "parts")
_EDITS = ("drop/finish", "drop/usage", "replace/model", "replace/tool", "replace/tool_name", "replace/usage")
_STREAMS = ("stream", "stream_error/overload", "stream_error/rate_limit", "stream_error/server")


class Generate(Dialect):
    """POST .../models/{model}:generateContent; `stream` has no meaning in its body."""

    max_tokens_fields: ClassVar[tuple[str, ...]] = (
        "generationConfig.maxOutputTokens",
        "generation_config.max_output_tokens",  # Google's JSON takes either case (protobuf.dev/programming-guides/json)
    )
    streams: ClassVar[bool] = False
    required: ClassVar[tuple[str, ...]] = ("contents",)
    framing: ClassVar[Framing] = EVENTS
    words: ClassVar[Mapping[str, str]] = WORDS
    #: Thoughts are billed as output (ai.google.dev/gemini-api/docs/thinking).
    usage_keys: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (
        ("promptTokenCount", "toolUsePromptTokenCount"),
        ("candidatesTokenCount", "thoughtsTokenCount"),
    )
    abilities: ClassVar[frozenset[str]] = frozenset((*_EDITS, "filter/answer", "repeat/tool"))

    def prompt(self, body: Json) -> Iterator[str]:
        """The system instruction, then every text of the contents."""
        system = body.get("systemInstruction") or body.get("system_instruction")
        for content in (system, *objects_at(body, "contents")):
            yield from (text_at(part, "text") for part in objects_at(content, "parts") if text_at(part, "text"))

    def slots(self, name: str | None, document: Json, *, whole: bool) -> Slots:  # noqa: ARG002  # events and answers are shaped alike
        """The first candidate's texts but for thoughts, and its calls; a blocked prompt's reason is its finish."""
        parts = list(enumerate(list_at(document, *_PARTS)))
        calls = [number for number, part in parts if isinstance(at(part, "functionCall"), dict)]
        finish: Path = ("candidates", 0, "finishReason")
        if not list_at(document, "candidates"):
            finish = ("promptFeedback", "blockReason")
        return Slots(
            text=tuple(
                (*_PARTS, number, "text")
                for number, part in parts
                if isinstance(at(part, "text"), str) and at(part, "thought") is not True
            ),
            tool=tuple(
                (*_PARTS, number, "functionCall", "args")
                for number in calls
                if isinstance(at(parts[number][1], "functionCall", "args"), dict)
            ),
            tool_name=tuple(
                (*_PARTS, number, "functionCall", "name")
                for number in calls
                if text_at(parts[number][1], "functionCall", "name")
            ),
            tool_calls=_PARTS if calls and calls[-1] == len(parts) - 1 else None,
            finish=(finish,) if text_at(document, *finish) else (),
            usage=(("usageMetadata",),) if isinstance(document.get("usageMetadata"), dict) else (),
            model=(("modelVersion",),) if text_at(document, "modelVersion") else (),
            essential=("candidates",) if "candidates" in document else (),
        )

    def tool_steps(self, body: Json) -> Iterator[Step]:
        """Parts of the contents."""
        return gemini_steps(body)

    def wish(self, body: Json) -> Wish:
        """functionDeclarations, functionCallingConfig, responseMimeType and responseSchema.

        Source: ai.google.dev/api/generate-content and /api/caching#FunctionCallingConfig.
        """
        tools = [
            declared for tool in list_at(body, "tools") for declared in list_at(_either(tool, "functionDeclarations"))
        ]
        choice = _either(_either(body, "toolConfig"), "functionCallingConfig")
        mode = text_at(choice, "mode").upper()
        allowed = list_at(_either(choice, "allowedFunctionNames"))
        config = _either(body, "generationConfig")
        schema = None
        if _either(config, "responseMimeType") == "application/json":
            schema = schema_or_any(_either(config, "responseSchema") or _either(config, "responseJsonSchema"))
        return Wish(
            tools=offered(
                (at(tool, "name"), at(tool, "parameters") or _either(tool, "parametersJsonSchema")) for tool in tools
            ),
            choice={"ANY": "any", "NONE": "none"}.get(mode, "auto"),
            named=allowed[0] if mode == "ANY" and allowed and isinstance(allowed[0], str) else None,
            answered=any(_either(part, "functionResponse") for part in list_at(body, "contents", -1, "parts")),
            schema=schema,
        )  # fmt: skip

    def close(self, raw: bytes, document: Json) -> bytes:
        """The raw event with this document, written as Gemini writes it."""
        return self.framing.replace(raw, line(document))

    def view(self, raw: bytes, *, whole: bool) -> View | None:
        """An event or a whole answer; a whole one closes over several lines, as Gemini's are."""
        view = super().view(raw, whole=whole)
        if view is not None and whole:
            view.close = lambda: lines(view.document) + b"\n"
        return view

    def clip(self, raw: bytes, keep: int) -> bytes:
        """The event with less text, or fewer arguments, and nothing after it: no call, and no finish reason.

        Arguments are an object, so a cut leaves their whole pairs.
        """
        name, document = self.open(raw)
        if not _cut(
            document, self.slots(name, document, whole=False), keep, lambda path: dump(at(document, *path)).decode()
        ):
            return raw
        document["candidates"][0].pop("finishReason", None)
        return self.close(raw, document)

    def honest_tail(self, raw: bytes, delivered: str, finish: str) -> bytes:  # noqa: ARG002  # no event repeats the text
        """A later event without text and calls; its finish reason says `finish`."""
        _, document = self.open(raw)
        if not list_at(document, *_PARTS) and not text_at(document, "candidates", 0, "finishReason"):
            return raw
        if not text_at(document, "candidates", 0, "finishReason"):
            return self._emptied(raw, document)
        _empty(document)
        document["candidates"][0]["finishReason"] = self.words[finish]
        return self.close(raw, document)

    def _emptied(self, raw: bytes, document: Json) -> bytes:  # noqa: ARG002  # for the array, which keeps it
        """A later event that says no finish reason: it does not come at all."""
        return b""

    def shorten(self, body: bytes, keep: int, finish: str) -> bytes:
        """Less text and no later part; without text, the calls' arguments with their whole pairs only."""
        document = load_object(body)
        if not document:
            return body
        text = body.decode("utf-8", "replace")

        def said(path: Path) -> str:
            start, end = locate(text, path)
            return text[start:end]

        _cut(document, self.slots(None, document, whole=True), keep, said)
        if isinstance(at(document, "candidates", 0), dict):
            document["candidates"][0]["finishReason"] = self.words[finish]
        return lines(document) + b"\n"

    def complete(self, completion: Completion, request: Any) -> bytes:  # noqa: ARG002  # nothing in it changes the answer
        """A GenerateContentResponse over several lines."""
        return lines(_response(completion, _said(completion), completion.finish, last=True)) + b"\n"

    def documents(self, completion: Completion) -> Iterator[Json]:
        """What a stream says, one text to a document; the last holds no text and the finish reason (vercel/ai#5217)."""
        for chunk in completion.chunks:
            yield _response(completion, [{"text": chunk}], None, last=False)
        said: list[Json] = [_call(completion)] if completion.tool is not None else [{"text": ""}]
        yield _response(completion, said if completion.finish != "filter" else [], completion.finish, last=True)

    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:  # noqa: ARG002  # the signature of every dialect
        """Server-sent events; nothing tells their end."""
        return (self.framing.write(None, line(document)) for document in self.documents(completion))

    def alone(self, document: Json) -> bytes:
        """A whole stream of one document."""
        return self.framing.write(None, line(document))

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:  # noqa: ARG002  # the signature of every dialect
        """None: a whole answer has no stream to break off."""
        return ()


class GenerateEvents(Generate):
    """POST ...:streamGenerateContent?alt=sse, which all of Google's SDKs ask for."""

    streams: ClassVar[bool] = True
    abilities: ClassVar[frozenset[str]] = Generate.abilities | {*_STREAMS, "form/bare", "form/framed"}

    def part(self, raw: bytes) -> Part:
        """What one event says; JSON without `data:` is an error outside the framing."""
        if raw.lstrip()[:1] == b"{":
            return Part(raw, error=self.errs(None, load_object(raw)))
        return super().part(raw)

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:  # noqa: ARG002  # the signature of every dialect
        """Bare JSON outside the framing (captured: vercel/ai#5217); `framed`: an event of its own."""
        if refusal.form == "framed":
            return (self.framing.write(None, line({"error": error})),)
        return (lines({"error": error}) + b"\n",)


class GenerateArray(Generate):
    """POST ...:streamGenerateContent without alt=sse: one JSON array of the same documents."""

    streams: ClassVar[bool] = True
    framing: ClassVar[Framing] = JSON_ARRAY
    abilities: ClassVar[frozenset[str]] = Generate.abilities | {*_STREAMS}

    def close(self, raw: bytes, document: Json) -> bytes:
        """The element with this document, over several lines."""
        return self.framing.replace(raw, lines(document))

    def part(self, raw: bytes) -> Part:
        """What one element says; the bracket after the last one is the end."""
        return Part(raw, end=True) if raw.strip() == END else super().part(raw)

    def _emptied(self, raw: bytes, document: Json) -> bytes:
        """Nothing of a later element; the first one without its text, because it has the array's opening."""
        if b"[" not in raw.partition(b"{")[0]:
            return b""
        _empty(document)
        return self.close(raw, document)

    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:  # noqa: ARG002  # the signature of every dialect
        """The elements, the first with the array's opening, and its end."""
        for number, document in enumerate(self.documents(completion)):
            yield JSON_ARRAY.write(None, lines(document)) if number else JSON_ARRAY.first(lines(document))
        yield END

    def alone(self, document: Json) -> bytes:
        """An array of one document."""
        return JSON_ARRAY.first(lines(document)) + END

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:  # noqa: ARG002  # the signature of every dialect
        """One more element, and the end; inferred from refusals, which come wrapped so (continuedev/continue#8308).

        It follows an element: put before the first one, it leaves the array without its opening.
        """
        return (JSON_ARRAY.write(None, lines({"error": error})), END)


def line(document: Json) -> bytes:
    """A document on one line as Gemini's events have it: a space after colons alone (vertexai-sdk-test-data)."""
    return _encoded(document, None)


def lines(document: Json) -> bytes:
    """A document over several lines, as Gemini's whole answers and errors are (vertexai-sdk-test-data)."""
    return _encoded(document, 2)


def _encoded(document: Json, indent: int | None) -> bytes:
    try:
        return json.dumps(document, indent=indent, separators=(",", ": "), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which only an escape can say
        return json.dumps(document, indent=indent, separators=(",", ": ")).encode()


def blocked(model: str, prompt_tokens: int) -> Json:
    """The answer to a prompt that the filter stopped: status 200 and no candidates (google/genai/types.py)."""
    return {
        "promptFeedback": {"blockReason": "PROHIBITED_CONTENT"},
        "usageMetadata": {"promptTokenCount": prompt_tokens, "totalTokenCount": prompt_tokens},
        "modelVersion": model,
    }


def _either(value: Any, name: str) -> Any:
    """A field in camelCase, or in snake_case where it is written so."""
    snake = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
    found = at(value, name)
    return at(value, snake) if found is None else found


def _cut(document: Json, slots: Slots, keep: int, said: Callable[[Path], str]) -> bool:
    """Leave `keep` characters of the text, or of the calls' arguments as `said`; whether anything had to go."""
    texts = [path for path in slots.text if at(document, *path)]
    if texts:
        if sum(len(at(document, *path)) for path in texts) <= keep:
            return False
        cut_in = clip_strings(document, texts, keep)
    else:
        cut_in = next(iter(slots.tool), None)
        for path in slots.tool:
            arguments, cut_in = said(path), path
            if keep < len(arguments):
                at(document, *path[:-1])["args"] = whole_pairs(arguments, keep)
                break
            keep -= len(arguments)
        else:
            return False
    if cut_in is not None:
        del at(document, *_PARTS)[int(cut_in[len(_PARTS)]) + 1 :]
    return True


def _empty(document: Json) -> None:
    content = document["candidates"][0].get("content")
    if isinstance(content, dict):
        content["parts"] = [{"text": ""}]


def _said(completion: Completion) -> list[Json]:
    text = "".join(completion.chunks)
    return [*([{"text": text}] if text else []), *([_call(completion)] if completion.tool is not None else [])]


def _call(completion: Completion) -> Json:
    assert completion.tool is not None  # noqa: S101  # both callers have looked
    name, arguments = completion.tool
    return {"functionCall": {"name": name, "args": load_object(arguments)}}


def _response(completion: Completion, parts: list[Json], finish: str | None, *, last: bool) -> Json:
    """A GenerateContentResponse; output is counted in the last one only (captured: vercel/ai#5217)."""
    candidate: Json = {"content": {**({"parts": parts} if parts else {}), "role": "model"}}
    if finish is not None:
        candidate["finishReason"] = WORDS[finish]
    candidate["index"] = 0
    went_in, came_out = completion.usage.input_tokens, completion.usage.output_tokens
    usage: Json = {"promptTokenCount": went_in, "totalTokenCount": went_in}
    if last:
        usage = {"promptTokenCount": went_in, "candidatesTokenCount": came_out, "totalTokenCount": went_in + came_out}
    usage["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": went_in}]
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": completion.model,
        "responseId": completion.id,
    }
