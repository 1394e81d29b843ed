"""Providers: how each one's traffic looks, and how it spells what goes wrong. One file each.

A provider recognises its requests, reads answers and events, and renders refusals and cuts in its
own wire format. It never sleeps, opens a socket, reads a clock or prints. A new one: write
`providers/<name>.py` with a class that satisfies `Provider`, and `MEMBER = TheClass()`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from chaosllm.call import Call, Request
from chaosllm.framing import Splitter
from chaosllm.script import Reply
from chaosllm.wish import Wish

type Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that an answer says were billed."""

    input_tokens: int
    output_tokens: int


class Part(NamedTuple):  # as Slots: made anew for every event, and built in a quarter of a frozen dataclass's time
    """What one stream event says. `raw` is the event as it came, delimiter included."""

    raw: bytes
    text: str = ""  # output text in this event
    tool: str = ""  # fragment of tool arguments in this event
    finish: str | None = None  # the provider's own finish value ("stop", "end_turn", "length" ...)
    usage: Usage | None = None  # the count so far; of several events the larger of each number holds
    end: bool = False  # the event that ends a whole stream ([DONE], message_stop, response.completed)
    error: bool = False  # an in-band error event


class ToolRun(NamedTuple):
    """A tool that the app has run, as a request with its result shows; arguments and result in one spelling of JSON."""

    name: str
    arguments: str
    id: str  # of the model's call; where the wire gives none, its number among those with these arguments
    result: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a whole (non-streaming) answer says."""

    text: str = ""
    tool: str = ""
    finish: str | None = None
    usage: Usage | None = None
    error: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is refused, in words that no provider owns (law 6).

    `kind`: rate_limit, quota, overload, error. `detail` by kind:
    rate_limit: requests | tokens | output_tokens | day | tokens_day | concurrency | too_large;
    quota: exhausted | credit | spend;
    overload: status;  error: auth | permission | model_not_found | context_length | content_filter |
    too_large | bad_request | timeout | server | gateway | model | not_ready | flex | "" (then `status` decides).
    `retry_after`: seconds, None when the provider should not say. `retry_after_text`: a literal
    header value that replaces the number (dates, garbage); `retry_after_ms_text` one that stands
    beside it. `retry_after_ms`: send the milliseconds header alone. `asked`: the scenario itself
    asks for the wait, so its header is sent even where this provider would send none.
    `should_retry`: the value of x-should-retry, None = as the provider has it. `limit`, `used`,
    `requested`: numbers for the message and headers, None = the provider's own plausible default.
    """

    kind: str
    detail: str = ""
    status: int | None = None
    html: bool = False
    retry_after: float | None = None
    retry_after_text: str | None = None
    retry_after_ms_text: str | None = None
    retry_after_ms: bool = False
    asked: bool = False
    should_retry: bool | None = None
    limit: int | None = None
    used: int | None = None
    requested: int | None = None
    form: str = ""  # of an in-band error: "" the usual one; OpenAI Responses also flat, failed
    message: str = ""  # these words in place of the provider's own, so that the simulator can say what is wrong


@dataclass(frozen=True, slots=True)
class Budget:
    """The state of one live limit, for the headers of a good answer or of a refusal."""

    name: str  # requests | tokens | input_tokens | output_tokens | day (requests) | tokens_day
    limit: int
    remaining: int
    reset: float  # seconds until the bucket is full again


@dataclass(frozen=True, slots=True)
class Completion:
    """What the simulator wants said; the provider puts it on the wire."""

    id: str
    model: str
    chunks: tuple[str, ...]  # the text, in the pieces a stream sends it in; empty when a tool is called
    tool: tuple[str, str] | None = None  # (name, JSON arguments)
    finish: str = "stop"  # stop | length | tool | filter | refusal
    usage: Usage = field(default=Usage(0, 0))
    created: int = 0  # UNIX seconds
    vectors: tuple[tuple[float, ...], ...] = ()  # embeddings


class Slots(NamedTuple):
    """Where in one JSON document, an event's payload or a whole answer, each thing stands.

    Only places that exist in the document are named. `essential` is the field without which no client
    can read the document ("choices", "content", "candidates" ...), () where there is none.
    """

    text: tuple[Path, ...] = ()  # strings of output text
    tool: tuple[Path, ...] = ()  # tool arguments: strings, or JSON values
    tool_name: tuple[Path, ...] = ()
    tool_calls: Path | None = None  # the list whose items are whole tool calls (those that `tool` paths lead into)
    text_again: tuple[Path, ...] = ()  # strings of an event that repeat, whole, the text that earlier events brought
    tool_again: tuple[Path, ...] = ()  # and those that repeat tool arguments (OpenAI's Responses)
    finish: tuple[Path, ...] = ()  # finish values that are said (not null)
    usage: tuple[Path, ...] = ()  # objects of token counts
    model: tuple[Path, ...] = ()
    vectors: tuple[Path, ...] = ()  # embeddings: each a list of numbers, or base64 of 32-bit floats
    vector_list: Path | None = None  # the list whose items hold the vectors
    essential: Path = ()


@dataclass(slots=True)
class View:
    """One event or one whole answer, opened to be changed: change `document` at the `slots`, then `close`."""

    document: dict[str, Any]
    slots: Slots
    close: Callable[[], bytes]  # the bytes again, as the provider would have sent them


class Provider(Protocol):
    """One provider's wire format; see the module docstring for the laws."""

    name: str
    summary: str  # one line, for `list providers`
    title: str  # "OpenAI", for people
    hosts: tuple[str, ...]  # globs, for the explicit proxy
    env: tuple[tuple[str, str], ...]  # (base-URL variable, path its SDK wants appended): ("OPENAI_BASE_URL", "/v1")
    keys: tuple[str, ...]  # variables that hold an API key, for placeholders with simulated upstreams
    base_path: str  # what the ready line appends to the origin: "/v1" for openai, "" for anthropic
    settings: tuple[tuple[str, str], ...]  # (variable, placeholder) beside keys, without which its SDK does not start
    paths: tuple[str, ...]  # the paths of its model calls, for people
    attempt_headers: tuple[str, ...]  # headers that say which attempt this is, from 0
    leaks: tuple[str, ...]  # regular expressions of this provider's error text and ids that no end user should see
    refusals: tuple[str, ...]  # what `refuse` can spell: "rate_limit/requests", "quota/credit" ...
    #: All that faults may ask for: the refusals, and "drop/end", "retry_after/ms", "bucket/tokens", "form/flat" ...
    abilities: frozenset[str]

    def read(self, request: Request) -> Call | None:
        """The call in a request, or None when it is not this provider's traffic or no model call.

        Fills provider, endpoint, model, stream, prompt_tokens (estimate), max_tokens, tools, path;
        leaves id, identity, operation, index, attempt, fingerprint and key_hash alone.
        """

    def prompt(self, request: Request) -> str:
        """All text the user or app wrote into the request, for the nonce and for matching; never stored."""

    def tool_runs(self, call: Call, body: dict[str, Any], tools: Collection[str]) -> Iterator[ToolRun]:
        """Which of these tools the app has run, by the results in a request's JSON; never stored as they are."""

    def splitter(self, call: Call) -> Splitter:
        """A new splitter for this call's stream framing."""

    def part(self, call: Call, raw: bytes) -> Part:
        """What one raw event says; an unknown event is a Part with nothing but `raw`."""

    def clip(self, call: Call, raw: bytes, keep: int) -> bytes:
        """The event with only the first `keep` characters of its text (or tool arguments)."""

    def honest_tail(self, call: Call, raw: bytes, delivered: str, finish: str = "length") -> bytes:
        """A later event of a stream that is honestly cut after the text `delivered`.

        Text events become b"", events that repeat the whole text repeat `delivered`, the finish
        reason says `finish` (length, filter or refusal) in the provider's word, the rest pass.
        """

    def view(self, call: Call, raw: bytes, *, whole: bool = False) -> View | None:
        """One event (or a whole answer's body) opened to be changed; None where it holds no JSON object."""

    def payload(self, call: Call, raw: bytes) -> bytes:
        """The payload of one raw event, as bytes."""

    def reframe(self, call: Call, raw: bytes, data: bytes) -> bytes:
        """The raw event with another payload, valid or not; its name and framing stay."""

    def event(self, call: Call, raw: bytes, data: bytes, name: str = "") -> bytes:
        """Another event, of this payload, that follows `raw`; named as `raw` is, or `name`, where that has a name."""

    def words(self, call: Call) -> Mapping[str, str]:
        """The provider's finish value for each of stop, length, tool, filter and refusal."""

    def answer(self, call: Call, body: bytes) -> Answer:
        """What a whole answer says; an unreadable body is an Answer with nothing in it."""

    def shorten(self, call: Call, body: bytes, keep: int, finish: str = "length") -> bytes:
        """The whole answer as valid JSON with the first `keep` characters of its text; its reason says `finish`."""

    def text_offset(self, call: Call, body: bytes, keep: int) -> int:
        """The byte offset inside `body` where the character `keep` of the text (or tool arguments) stands."""

    def refuse(
        self, refusal: Refusal, call: Call, *, now: float, token: int, budgets: tuple[Budget, ...] = ()
    ) -> Reply:
        """The refusal on this provider's wire. `now` is UNIX seconds, `token` seeds request ids."""

    def limit_headers(self, budgets: tuple[Budget, ...], *, now: float) -> tuple[tuple[str, str], ...]:
        """The rate-limit headers of a good answer."""

    def stream_error(self, refusal: Refusal, call: Call, *, token: int) -> tuple[bytes, ...]:
        """The raw in-band events with which this provider breaks off a 200 stream."""

    def wish(self, call: Call, body: dict[str, Any]) -> Wish:
        """Simulator: what a request's JSON asks for beyond prose, and the fields that it lacks."""

    def listing(self, path: str) -> Any:
        """Simulator: the JSON that a GET of this path lists (models), None where it lists nothing."""

    def complete(self, completion: Completion, call: Call, request: Any) -> tuple[tuple[tuple[str, str], ...], bytes]:
        """Simulator: headers and body of a whole answer. `request` is the request's JSON."""

    def stream_headers(self, completion: Completion, call: Call) -> tuple[tuple[str, str], ...]:
        """Simulator: headers of a streamed answer."""

    def stream(self, completion: Completion, call: Call, request: Any) -> Iterator[bytes]:
        """Simulator: the raw events of a streamed answer, one chunk of text per text event."""
