"""OpenAI's Responses: whole answers, and typed events up to response.completed, .incomplete or .failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chaosllm.call import Call
from chaosllm.framing.sse import format_event, parse_event
from chaosllm.providers import Completion, Refusal, Slots
from chaosllm.providers._json import Path, at, dump, list_at, load_object, objects_at, text_at
from chaosllm.providers.dialects import Dialect, Json, clip_strings, content_text, pieces, resume
from chaosllm.providers.dialects._tool_runs import Step, responses_steps
from chaosllm.providers.dialects._wishes import chat_wish, offered, schema_or_any
from chaosllm.wish import Wish

_TEXT_DELTA = "response.output_text.delta"
_TOOL_DELTAS = ("response.function_call_arguments.delta", "response.custom_tool_call_input.delta")
_TERMINAL = ("response.completed", "response.incomplete", "response.failed")
#: Items that call a tool of the app, and the field of their arguments.
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_INCOMPLETE = {"length": "max_output_tokens", "filter": "content_filter"}


class Responses(Dialect):
    """POST /v1/responses."""

    required: ClassVar[tuple[str, ...]] = ("input",)
    max_tokens_fields: ClassVar[tuple[str, ...]] = ("max_output_tokens",)
    #: Of `incomplete_details.reason` where the status is incomplete; a whole answer says completed.
    words: ClassVar[Mapping[str, str]] = {
        "stop": "completed", "tool": "completed", "length": "max_output_tokens", "filter": "content_filter",
        "refusal": "content_filter",
    }  # fmt: skip
    usage_keys: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (("input_tokens",), ("output_tokens",))
    abilities: ClassVar[frozenset[str]] = frozenset(
        {"stream", "drop/end", "drop/usage", "drop/finish", "replace/usage", "replace/model",
         "replace/tool", "replace/tool_name", "repeat/tool", "filter/answer", "refusal/answer",
         "form/nested", "form/flat", "form/failed"}
    )  # fmt: skip

    def __init__(self, form: str = "nested") -> None:
        """`form` is the usual one of an in-band error: nested, flat or failed."""
        self._form = form

    def prompt(self, body: Json) -> Iterator[str]:
        """The instructions, then the input: a string, or items with content or a tool's output."""
        yield from content_text(body.get("instructions"))
        items = body.get("input")
        if isinstance(items, str):
            yield items
        for item in objects_at(items):
            yield from content_text(item.get("content"))
            yield from content_text(item.get("output"))

    def slots(self, name: str | None, document: Json, *, whole: bool) -> Slots:  # noqa: ARG002  # the type in the data says it too
        """Of a whole answer, all of its items; of an event, what its type brings, and what it repeats."""
        if whole:
            return self._response_slots(document, ())
        kind = document.get("type")
        response = document.get("response")
        if isinstance(response, dict):
            inner = self._response_slots(response, ("response",))
            if kind not in _TERMINAL:
                return Slots(model=inner.model, essential=("response",))
            return inner._replace(
                text=(), tool=(), text_again=inner.text, tool_again=inner.tool, essential=("response",)
            )
        delta = (("delta",),) if isinstance(document.get("delta"), str) else ()
        if kind == _TEXT_DELTA:
            return Slots(text=delta, essential=("delta",) if "delta" in document else ())
        if kind in _TOOL_DELTAS:
            return Slots(tool=delta, essential=("delta",) if "delta" in document else ())
        return _done_slots(document)

    def _response_slots(self, response: Json, root: Path) -> Slots:
        """Slots of a response object, which stands at `root`."""
        calls = [number for number, item in enumerate(list_at(response, "output")) if text_at(item, "type") in _CALLS]
        # A response that is incomplete says why in the reason; else the status is all it says.
        ends: Path = (
            ("incomplete_details", "reason") if text_at(response, "incomplete_details", "reason") else ("status",)
        )
        said = [("model",)] if text_at(response, "model") else []
        return Slots(
            text=tuple(
                (*root, "output", number, "content", place, "text")
                for number, item in enumerate(list_at(response, "output"))
                if at(item, "type") == "message"
                for place, part in enumerate(list_at(item, "content"))
                if at(part, "type") == "output_text" and isinstance(at(part, "text"), str)
            ),
            tool=tuple(
                (*root, "output", number, field)
                for number in calls
                for field in _CALLS.values()
                if isinstance(at(response, "output", number, field), str)
            ),
            tool_name=tuple(
                (*root, "output", number, "name") for number in calls if text_at(response, "output", number, "name")
            ),
            tool_calls=(*root, "output") if calls else None,
            finish=((*root, *ends),) if text_at(response, *ends) else (),
            usage=((*root, "usage"),) if isinstance(response.get("usage"), dict) else (),
            model=tuple((*root, *path) for path in said),
            essential=("output",) if not root and "output" in response else (),
        )

    def _finish(self, document: Json, slots: Slots) -> str | None:
        """The status of a whole or an ended response, and after a slash the reason where it is incomplete."""
        if not slots.finish:
            return None
        response = document.get("response", document)
        status = text_at(response, "status") or None
        reason = text_at(response, "incomplete_details", "reason")
        return f"{status}/{reason}" if status == "incomplete" and reason else status

    def failed(self, document: Json) -> bool:
        """An error object (a good answer says `"error": null`), or the status failed."""
        return document.get("error") is not None or document.get("status") == "failed"

    def shorten(self, body: bytes, keep: int, finish: str) -> bytes:
        """Less text, no later item, status incomplete."""
        document = load_object(body)
        if not document:
            return body
        self._shorten(document, keep, finish)
        return dump(document)

    def _shorten(self, response: Json, keep: int, finish: str) -> None:
        slots = self._response_slots(response, ())
        texts = [path for path in slots.text if at(response, *path)]
        last = clip_strings(response, texts or list(slots.tool), keep)
        if last is not None:
            number = int(last[1])
            del response["output"][number + 1 :]
            response["output"][number]["status"] = "incomplete"
            if texts:
                del response["output"][number]["content"][int(last[3]) + 1 :]
        response["status"] = "incomplete"
        response["incomplete_details"] = {"reason": self.words[finish]}
        if "output_text" in response:  # some gateways send the SDK's convenience field on the wire
            response["output_text"] = "".join(at(response, *path) for path in self._response_slots(response, ()).text)

    def plain(self, document: Json) -> str | None:
        """A delta of text."""
        return text_at(document, "delta") if document.get("type") == _TEXT_DELTA else None

    def ends(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the type in the data says it too
        """The three terminal events."""
        return document.get("type") in _TERMINAL

    def errs(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the type in the data says it too
        """An error event, nested or flat, and response.failed."""
        kind = document.get("type")
        return kind in ("error", "response.failed") or (kind is None and document.get("error") is not None)

    def forget(self, document: Json) -> None:
        """No log probabilities: they hold the tokens."""
        if document.get("logprobs"):
            document["logprobs"] = []

    def honest_tail(self, raw: bytes, delivered: str, finish: str) -> bytes:
        """Deltas and items that were not begun fall out, what repeats the text is cut, the end is incomplete."""
        event = parse_event(raw)
        document = load_object(event.data)
        kind = document.get("type")
        if kind in _TERMINAL:
            response = document.get("response")
            if not isinstance(response, dict) or kind == "response.failed":
                return raw
            self._shorten(response, len(delivered), finish)
            document["type"] = "response.incomplete"
            return format_event("response.incomplete", dump(document))
        place, field = _REPEATS.get(str(kind), ((), ""))
        if field:
            holder = at(document, *place)
            whole = text_at(holder, field)
            kept = resume(delivered, whole)
            if whole and not kept:
                return b""
            if isinstance(holder, dict) and field in holder:
                holder[field] = kept
                self.forget(holder)
            return format_event(event.name, dump(document))
        if kind == "response.output_item.done":
            return self._item_done(event.name, document, delivered)
        falls_out = isinstance(kind, str) and (kind.endswith((".delta", ".added")))
        return b"" if falls_out else raw

    def _item_done(self, name: str | None, document: Json, delivered: str) -> bytes:
        item = document.get("item")
        if not isinstance(item, dict) or item.get("type") == "reasoning":
            return format_event(name, dump(document))
        begun = False
        for holder, field in [*((part, "text") for part in objects_at(item, "content")), (item, "arguments")]:
            if isinstance(holder.get(field), str):
                holder[field] = resume(delivered, holder[field])
                begun = begun or bool(holder[field])
        if delivered and not begun:
            return b""
        item["status"] = "incomplete"
        return format_event(name, dump(document))

    def tool_steps(self, body: Json) -> Iterator[Step]:
        """Items of the input."""
        return responses_steps(body)

    def wish(self, body: Json) -> Wish:
        """Responses' spelling: flat tools, `text.format`, results of tools as items of the input."""
        wanted = at(body, "text", "format")
        schema: Json | None = {} if at(wanted, "type") == "json_object" else None
        if at(wanted, "type") == "json_schema":
            schema = schema_or_any(at(wanted, "schema"))
        choice = body.get("tool_choice")
        named = at(choice, "name")
        return Wish(
            tools=offered((at(tool, "name"), at(tool, "parameters")) for tool in list_at(body, "tools")),
            choice=chat_wish(body).choice,
            named=named if isinstance(named, str) else None,
            answered=at(body, "input", -1, "type") == "function_call_output",
            schema=schema,
        )

    def complete(self, completion: Completion, request: Any) -> bytes:
        """A response object."""
        return dump(_response(completion, request, [_item(completion)], _status(completion)))

    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:
        """Events from response.created to the terminal one, numbered from 0."""
        number = 0

        def event(kind: str, **fields: Any) -> bytes:
            nonlocal number
            raw = format_event(kind, dump({"type": kind, "sequence_number": number, **fields}))
            number += 1
            return raw

        item = _item(completion)
        here: Json = {"item_id": item["id"], "output_index": 0}
        begun = _response(completion, request, [], "in_progress")
        yield event("response.created", response=begun)
        yield event("response.in_progress", response=begun)
        if completion.tool is not None:
            opening = {**item, "arguments": "", "status": "in_progress"}
            yield event("response.output_item.added", output_index=0, item=opening)
            for piece in pieces(completion.tool[1]):
                yield event("response.function_call_arguments.delta", **here, delta=piece)
            yield event(
                "response.function_call_arguments.done", **here, arguments=completion.tool[1], name=item["name"]
            )
        else:
            opening = {**item, "content": [], "status": "in_progress"}
            yield event("response.output_item.added", output_index=0, item=opening)
            whole = item["content"][0]
            refused = completion.finish == "refusal"
            field, word = ("refusal", "refusal") if refused else ("text", "output_text")
            here["content_index"] = 0
            yield event("response.content_part.added", **here, part={**whole, field: ""})
            logprobs: Json = {} if refused else {"logprobs": []}
            for text in completion.chunks:
                yield event(f"response.{word}.delta", **here, delta=text, **logprobs)
            yield event(f"response.{word}.done", **here, **{field: whole[field]}, **logprobs)
            yield event("response.content_part.done", **here, part=whole)
        yield event("response.output_item.done", output_index=0, item=item)
        status = _status(completion)
        yield event(f"response.{status}", response=_response(completion, request, [item], status))

    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:
        """The error event: nested as it is seen today; flat and failed as they are documented.

        The number is that of the capture (Wei-Shaw/sub2api#6631); whoever puts the event into a stream says its own.
        """
        form = refusal.form or self._form
        code = error.get("code") or error.get("type")
        document: Json
        if form == "failed":
            said = {"code": code, "message": error["message"]}
            response = {"id": f"resp_{request_id.removeprefix('req_')}", "object": "response", "status": "failed",
                        "error": said, "output": [], "model": call.model}  # fmt: skip
            document = {"type": "response.failed", "sequence_number": 2, "response": response}
        elif form == "flat":
            document = {"type": "error", "sequence_number": 2, "code": code, "message": error["message"], "param": None}
        else:
            document = {"type": "error", "sequence_number": 2, "error": error}
        return (format_event(document["type"], dump(document)),)


#: Events that repeat text which deltas brought before: where it stands in them.
_REPEATS: dict[str, tuple[Path, str]] = {
    "response.output_text.done": ((), "text"),
    "response.content_part.done": (("part",), "text"),
    "response.function_call_arguments.done": ((), "arguments"),
    "response.custom_tool_call_input.done": ((), "input"),
}


def _done_slots(document: Json) -> Slots:
    """Slots of the events that open an item, and of those that repeat it when it is done."""
    place, field = _REPEATS.get(str(document.get("type")), ((), ""))
    again: tuple[Path, ...] = ((*place, field),) if isinstance(at(document, *place, field), str) else ()
    item = document.get("item")
    field_of_call = _CALLS.get(text_at(item, "type"))
    if field_of_call:
        again = (("item", field_of_call),) if text_at(item, field_of_call) else ()
        return Slots(tool_name=(("item", "name"),) if text_at(item, "name") else (), tool_again=again)
    if isinstance(item, dict):
        parts = enumerate(list_at(item, "content"))
        texts = tuple(("item", "content", n, "text") for n, part in parts if isinstance(at(part, "text"), str))
        return Slots(text_again=texts)
    if field in _CALLS.values():
        return Slots(tool_name=(("name",),) if text_at(document, "name") else (), tool_again=again)
    return Slots(text_again=again)


def _status(completion: Completion) -> str:
    return "incomplete" if completion.finish in _INCOMPLETE else "completed"


def _item(completion: Completion) -> Json:
    status = _status(completion)
    if completion.tool is not None:
        name, arguments = completion.tool
        return {
            "id": f"fc_{completion.id}", "type": "function_call", "status": status, "arguments": arguments,
            "call_id": f"call_{completion.id}", "name": name,
        }  # fmt: skip
    text = "".join(completion.chunks)
    part: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": text}
    if completion.finish == "refusal":
        part = {"type": "refusal", "refusal": text}
    return {"id": f"msg_{completion.id}", "type": "message", "status": status, "content": [part], "role": "assistant"}


def _response(completion: Completion, request: Any, output: list[Json], status: str) -> Json:
    usage = completion.usage
    tools, wanted = at(request, "tools"), at(request, "text")
    return {
        "id": f"resp_{completion.id}",
        "object": "response",
        "created_at": completion.created,
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": {"reason": _INCOMPLETE[completion.finish]} if status == "incomplete" else None,
        "instructions": at(request, "instructions"),
        "max_output_tokens": at(request, "max_output_tokens"),
        "model": completion.model,
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": at(request, "previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": True,
        "temperature": 1.0,
        "text": wanted if isinstance(wanted, dict) else {"format": {"type": "text"}},
        "tool_choice": at(request, "tool_choice") or "auto",
        "tools": tools if isinstance(tools, list) else [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": None if status == "in_progress" else {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.input_tokens + usage.output_tokens,
        },
        "user": None,
        "metadata": {},
    }  # fmt: skip
