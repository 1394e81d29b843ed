"""Dialects: the wire format of each endpoint, one file each; here is what all of them share.

A dialect says where things stand (`slots`) and how its stream is framed (`framing`). Reading, clipping,
cutting honestly and opening for edits follow from that, and are overridden only where a wire format is
more than the sum of its fields.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chaosllm.call import Call
from chaosllm.framing import Framing, Splitter
from chaosllm.framing.sse import SSE
from chaosllm.providers import Answer, Completion, Part, Refusal, Slots, Usage, View
from chaosllm.providers._json import Path, at, dump, load_object, locate, string_offset, whole_number
from chaosllm.providers.dialects._tool_runs import Step, chat_steps
from chaosllm.providers.dialects._wishes import chat_wish
from chaosllm.units import estimate_tokens
from chaosllm.wish import Wish

type Json = dict[str, Any]


class Dialect(ABC):
    """How one endpoint writes prompts, answers and events; a provider is a set of these."""

    #: The request fields that bound the answer, the first one present counts; dots lead into nested objects.
    max_tokens_fields: ClassVar[tuple[str, ...]] = ("max_tokens",)
    #: Whether `"stream": true` in the body means anything here.
    streams: ClassVar[bool] = True
    #: Whether it streams when the body does not say (Ollama).
    streams_by_default: ClassVar[bool] = False
    #: Whether answers are vectors, not text.
    embeds: ClassVar[bool] = False
    #: Request fields that the endpoint cannot do without, beside the model.
    required: ClassVar[tuple[str, ...]] = ()
    framing: ClassVar[Framing] = SSE
    #: The finish value for each of stop, length, tool, filter, refusal.
    words: ClassVar[Mapping[str, str]] = {}
    #: The keys of a usage object that count what went in, and what came out.
    usage_keys: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = ((), ())
    #: What this dialect can do for faults beside refusing; see `Provider.abilities`.
    abilities: ClassVar[frozenset[str]] = frozenset()

    @abstractmethod
    def prompt(self, body: Json) -> Iterator[str]:
        """Each piece of text in the request, the newest last."""

    def tool_steps(self, body: Json) -> Iterator[Step]:
        """The calls and the results of tools in the request; OpenAI chat's spelling, which most others share."""
        return chat_steps(body)

    @abstractmethod
    def slots(self, name: str | None, document: Json, *, whole: bool) -> Slots:
        """Where in an event's document, or in a `whole` answer, each thing stands; `name` is the event's."""

    def wish(self, body: Json) -> Wish:
        """Simulator: what the request asks for beyond prose; OpenAI chat's spelling, which most others share."""
        return chat_wish(body)

    @abstractmethod
    def complete(self, completion: Completion, request: Any) -> bytes:
        """Simulator: the body of a whole answer."""

    @abstractmethod
    def stream(self, completion: Completion, request: Any) -> Iterator[bytes]:
        """Simulator: the raw events of a streamed answer."""

    @abstractmethod
    def stream_error(self, error: Json, refusal: Refusal, call: Call, request_id: str) -> tuple[bytes, ...]:
        """The events that break off a 200 stream; `error` is the provider's error object."""

    def forget(self, document: Json) -> None:  # noqa: B027  # most have nothing of the kind
        """Take out of a cut document what would still hold its text (log probabilities)."""

    def splitter(self) -> Splitter:
        """A new splitter for this endpoint's framing."""
        return self.framing.splitter()

    def open(self, raw: bytes) -> tuple[str | None, Json]:
        """Name and document of a raw event; {} where it holds no JSON object."""
        message = self.framing.read(raw)
        return message.name, load_object(message.data)

    def close(self, raw: bytes, document: Json) -> bytes:
        """The raw event with this document in place of its own."""
        return self.framing.replace(raw, dump(document))

    def view(self, raw: bytes, *, whole: bool) -> View | None:
        """An event or a whole answer, opened to be changed."""
        name, document = (None, load_object(raw)) if whole else self.open(raw)
        if not document:
            return None
        slots = self.slots(name, document, whole=whole)
        return View(document, slots, lambda: dump(document) if whole else self.close(raw, document))

    def says_usage(self, body: Json) -> bool:  # noqa: ARG002  # for those that must be asked
        """Whether the stream that a request asks for will say its usage."""
        return True

    def ends(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # for those that have an end event
        """Whether this event ends a whole stream."""
        return False

    def errs(self, name: str | None, document: Json) -> bool:  # noqa: ARG002  # the name, for those that name errors
        """Whether this event is an in-band error."""
        return document.get("error") is not None

    def usage(self, document: Json) -> Usage | None:
        """What a whole answer says was billed."""
        return self._usage(document, self.slots(None, document, whole=True))

    def plain(self, document: Json) -> str | None:  # noqa: ARG002  # for those that are streamed most
        """The text of an event that says text and nothing else; None of any other, and where slots are quick enough.

        Nearly every event of every stream is that, and without slots it is read in half the time.
        """
        return None

    def part(self, raw: bytes) -> Part:
        """What one raw event says."""
        name, document = self.open(raw)
        if not document:
            return Part(raw, end=self.ends(name, document))
        if (plain := self.plain(document)) is not None:
            return Part(raw, plain)
        slots = self.slots(name, document, whole=False)
        return Part(
            raw,
            text="".join(at(document, *path) for path in slots.text),
            tool="".join(_written(at(document, *path)) for path in slots.tool),
            finish=self._finish(document, slots),
            usage=self._usage(document, slots),
            end=self.ends(name, document),
            error=self.errs(name, document),
        )

    def clip(self, raw: bytes, keep: int) -> bytes:
        """The event with the first `keep` characters of its text, or of its tool arguments where it has no text."""
        name, document = self.open(raw)
        slots = self.slots(name, document, whole=False)
        paths = [path for path in slots.text if at(document, *path)] or [
            path for path in slots.tool if isinstance(at(document, *path), str)
        ]
        if sum(len(at(document, *path)) for path in paths) <= keep:
            return raw
        clip_strings(document, paths, keep)
        self.forget(document)
        return self.close(raw, document)

    def honest_tail(self, raw: bytes, delivered: str, finish: str) -> bytes:  # noqa: ARG002  # no event repeats the text
        """A later event of an honestly cut stream: no text, and `finish` where it says why it ends."""
        name, document = self.open(raw)
        slots = self.slots(name, document, whole=False)
        if not slots.finish:
            return b"" if slots.text or slots.tool else raw
        for path in slots.text:
            _put(document, path, "")
        for path in slots.finish:
            _put(document, path, self.words[finish])
        return self.close(raw, document)

    def shorten(self, body: bytes, keep: int, finish: str) -> bytes:
        """A whole answer with the first `keep` characters of its text and the reason `finish`."""
        document = load_object(body)
        if not document:
            return body
        slots = self.slots(None, document, whole=True)
        texts = [path for path in slots.text if at(document, *path)]
        clip_strings(document, texts or [path for path in slots.tool if isinstance(at(document, *path), str)], keep)
        for path in slots.finish:
            _put(document, path, self.words[finish])
        return dump(document)

    def prompt_tokens(self, body: Json) -> int:
        """An estimate of the prompt's tokens."""
        return estimate_tokens("\n".join(self.prompt(body)))

    def failed(self, document: Json) -> bool:
        """Whether a whole answer says that it is an error, whatever its status."""
        return self.errs(None, document)

    def answer(self, body: bytes) -> Answer:
        """What a whole answer says; an unreadable body is an Answer with nothing in it."""
        document = load_object(body)
        if not document:
            return Answer()
        slots = self.slots(None, document, whole=True)
        return Answer(
            text=_join(body, document, slots.text),
            tool=_join(body, document, slots.tool),
            finish=self._finish(document, slots),
            usage=self.usage(document),
            error=self.failed(document),
        )

    def _finish(self, document: Json, slots: Slots) -> str | None:
        return next((said for path in slots.finish if isinstance(said := at(document, *path), str) and said), None)

    def _usage(self, document: Json, slots: Slots) -> Usage | None:
        """The larger of each count over the usage objects; None where there is none."""
        counts = [at(document, *path) for path in slots.usage]
        counts = [count for count in counts if isinstance(count, dict)]
        if not counts:
            return None
        went_in, came_out = self.usage_keys
        return Usage(
            max(sum(whole_number(count.get(key)) for key in went_in) for count in counts),
            max(sum(whole_number(count.get(key)) for key in came_out) for count in counts),
        )

    def text_offset(self, body: bytes, keep: int) -> int:
        """The byte offset of character `keep` of the text, or of the tool arguments where there is no text.

        A body without either (embeddings, an error) gives its middle, so that a cut there still breaks it.
        """
        document = load_object(body)
        slots = self.slots(None, document, whole=True)
        paths = [path for path in slots.text if at(document, *path)] or slots.tool
        try:
            text = body.decode()
            for number, path in enumerate(paths):
                start, end = locate(text, path)
                value = at(document, *path)
                length = len(value) if isinstance(value, str) else end - start
                if keep > length and number < len(paths) - 1:
                    keep -= length
                    continue
                place = string_offset(text, start, keep) if isinstance(value, str) else min(start + keep, end)
                return len(text[:place].encode())
        except ValueError:  # not UTF-8: no provider sends that
            pass
        return len(body) // 2


def _put(document: Json, path: Path, value: Any) -> None:
    at(document, *path[:-1])[path[-1]] = value


def _written(value: Any) -> str:
    """Tool arguments as text: a string as it is, a JSON value as it is written."""
    return value if isinstance(value, str) else dump(value).decode()


def clip_strings(document: Json, paths: list[Path], keep: int) -> Path | None:
    """Leave the first `keep` characters of the strings at these paths, taken as one text.

    Gives the path of the last string of which something is left (the first, for `keep` 0).
    """
    last = paths[0] if paths else None
    for path in paths:
        text = at(document, *path)
        at(document, *path[:-1])[path[-1]] = text[: max(0, keep)]
        if keep > 0:
            last = path
        keep -= len(text)
    return last


def resume(delivered: str, whole: str) -> str:
    """How much of `whole` was delivered, when all that was delivered in the stream ends with it.

    The longest beginning of `whole` with which `delivered` ends; "" when it was not begun.
    """
    if whole.startswith(delivered):  # nearly always: an answer of one text
        return delivered
    for length in range(min(len(delivered), len(whole)), 0, -1):
        if delivered.endswith(whole[:length]):
            return whole[:length]
    return ""


def pieces(arguments: str, size: int = 8) -> Iterator[str]:
    """Tool arguments in the small pieces that providers stream them in."""
    return (arguments[start : start + size] for start in range(0, len(arguments), size))


def content_text(content: Any) -> Iterator[str]:
    """The text of a message's content: a string, or a list of parts of any nesting that hold `text`."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if isinstance(part, str):
                yield part
            elif isinstance(part, dict):
                yield from content_text(part.get("text"))
                yield from content_text(part.get("content"))  # Anthropic: a tool's result


def _join(body: bytes, document: Json, paths: tuple[Path, ...]) -> str:
    parts: list[str] = []
    for path in paths:
        value = at(document, *path)
        if isinstance(value, str):
            parts.append(value)
            continue
        try:  # a JSON value counts as it is written, so that offsets into it are exact
            text = body.decode()
            start, end = locate(text, path)
        except ValueError:
            continue
        parts.append(text[start:end])
    return "".join(parts)
