"""The steps that a fault may ask for; data only. An adapter plays them, a fault never acts (law 1).

A Script is a tuple of steps. The scripts of several rules on one call are joined in the order
written: waits add up, and a step that answers or breaks the call before an answer (`Reply`,
`Hang`, `Reset` before the body) ends the list. No step means: forward, untouched.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from chaosllm.call import Call


class Unit(enum.StrEnum):
    """What a position in an answer is counted in."""

    SHARE = "share"  # 0..1 of the answer's text
    TOKENS = "tokens"  # of text delivered, see units.estimate_tokens
    EVENTS = "events"  # stream events delivered whole (of any kind)
    BYTES = "bytes"  # of the (decoded) body
    FINISH = "finish"  # after the event that says the finish reason; the value means nothing


@dataclass(frozen=True, slots=True)
class Position:
    """A place in an answer: 50 % of the text, after 20 tokens, 3 events or 200 bytes."""

    value: float
    unit: Unit


class Shape(enum.StrEnum):
    """How a cut answer ends; the same words as in PROVIDERS section 3 and the scenario language."""

    HONEST = "honest"  # less text, and the finish reason says length
    CLEAN = "clean"  # events stop, no end event, the body ends properly
    ABRUPT = "abrupt"  # the connection breaks (no last chunk; Content-Length too long)
    EVENT = "event"  # inside an event, then a proper end
    TOOL = "tool"  # inside tool arguments, then a proper end


class Place(enum.StrEnum):
    """When in a call a step applies."""

    ACCEPT = "accept"  # the connection was accepted, nothing read
    REQUEST = "request"  # the request was read, nothing answered
    HEADERS = "headers"  # the answer's headers were sent, nothing of its body


@dataclass(frozen=True, slots=True)
class Wait:
    """Hold the call for `seconds` before the answer begins.

    `Place.REQUEST`: before anything is answered (as providers do). `Place.HEADERS`: after the
    headers, before the first body byte; later bytes keep their distances.
    """

    seconds: float
    place: Place = Place.REQUEST


@dataclass(frozen=True, slots=True)
class Headers:
    """Set these headers on the upstream's answer (lower-case names; None removes one)."""

    set: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """Answer with this in place of the provider; the upstream is never asked."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    reason: str = ""  # "rate_limit/requests", "quota/exhausted", "error/500" ...: for the log
    retry_after: float | None = None  # seconds the client was asked to wait, None when not told
    retryable: bool = True  # False: trying again cannot help (quota, 400, 401 ...)


@dataclass(frozen=True, slots=True)
class Pace:
    """Deliver text at `tokens_per_second`; each gap is scaled by 1 +/- `jitter`, drawn from `seed`."""

    tokens_per_second: float
    jitter: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Stall:
    """Send nothing for `seconds` at this place of the body (None: for ever); the connection stays open."""

    at: Position
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Cut:
    """End the answer early at this place, in this shape.

    `finish` is what an honest cut says: length, filter or refusal (`Completion.finish`). `body` is how the
    cut body is delimited towards the client (PROVIDERS section 3): "" as usual (chunked for a stream,
    Content-Length for a whole answer), or "chunked", "length" (Content-Length longer than what comes, for an
    abrupt cut) or "close" (by the end of the connection: FIN, and RST for an abrupt cut).
    """

    at: Position
    shape: Shape
    finish: str = "length"
    body: str = ""


class Breach(enum.StrEnum):
    """By which sign a client sees that its connection breaks."""

    RST = "rst"  # TCP RST: of the whole connection
    FIN = "fin"  # the whole connection closes, with no proper end before it
    RST_STREAM = "rst_stream"  # HTTP/2: this stream alone
    GOAWAY = "goaway"  # HTTP/2: the server says that it goes, and closes the whole connection


@dataclass(frozen=True, slots=True)
class Reset:
    """Break the connection at a place of the call or of the body; those of HTTP/2 mean nothing on HTTP/1.1."""

    at: Place | Position
    how: Breach = Breach.RST


@dataclass(frozen=True, slots=True)
class Linger:
    """Send a whole answer that only the connection's end delimits, and end it `seconds` after its last byte."""

    seconds: float


class Door(enum.StrEnum):
    """Where a connection is met before its first request."""

    LISTENER = "listener"  # a reverse listener has accepted it
    TUNNEL = "tunnel"  # the explicit listener: the client begins TLS with a provider's own host
    PORT = "port"  # a reverse listener's port, for one second: whoever comes then


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No connection comes about: `how` is refused, dns, tls_handshake or certificate."""

    how: str


@dataclass(frozen=True, slots=True)
class Hang:
    """Answer nothing for `seconds`, then close (None: until the client leaves)."""

    seconds: float | None


@dataclass(frozen=True, slots=True)
class Insert:
    """Put raw events into the stream at a place of the body; `end` then ends it properly."""

    at: Position
    events: tuple[bytes, ...]
    end: bool = False


class Piece(enum.StrEnum):
    """A part of an answer that a step may drop or replace; `providers.Slots` says where it stands."""

    END = "end"  # the event that ends a whole stream
    USAGE = "usage"
    FINISH = "finish"
    TEXT = "text"
    TOOL = "tool"  # tool arguments
    TOOL_NAME = "tool_name"
    MODEL = "model"
    VECTORS = "vectors"  # embeddings


@dataclass(frozen=True, slots=True)
class Drop:
    """Leave this out wherever the answer has it: END, USAGE or FINISH."""

    what: Piece


@dataclass(frozen=True, slots=True)
class Replace:
    """Say this otherwise, wherever the answer says it; the answer is whole and well formed but for it.

    `how` by piece. USAGE: inflated (`value` times as many tokens) | contradictory (the total is not the sum; where
    there is no total, no output was counted).
    MODEL: named (`value` is the name). VECTORS: fewer (the last input has none) | shorter (half the
    dimensions) | nan. TOOL: cut (half of the arguments) | invalid (not JSON) | wrong_types | repeated
    (the same call once more); arguments that are a JSON object, not a text, are cut to their first pairs, and
    invalid as a text in the object's place. TOOL_NAME: unknown (`value` is the name).
    TEXT: before | after (`value` is said before or after the answer's own text, in which it counts).
    """

    what: Piece
    how: str
    value: float | str | None = None


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Send the event at this place twice."""

    at: Position


@dataclass(frozen=True, slots=True)
class Reorder:
    """Send the event at this place after the one that follows it."""

    at: Position


@dataclass(frozen=True, slots=True)
class Spoil:
    """Damage one event of a stream, the one at this place, or a whole answer's body.

    `how`: json (cut inside, the framing whole) | utf8 (bytes that are none, inside the text) |
    missing_field (without the field that every client reads) | unknown_field (fields and, in a stream, an
    event that no client knows). An event that has nothing to be damaged so is passed over for the next. A stream
    that is one JSON array (Gemini's) is none any more when an object of it is cut.
    """

    how: str
    at: Position


@dataclass(frozen=True, slots=True)
class Repeat:
    """From this place on say the last words again and again for `tokens` more; the answer then ends by its length."""

    at: Position
    tokens: int


type Edit = Drop | Replace | Duplicate | Reorder | Spoil | Repeat
type Step = Wait | Headers | Reply | Pace | Stall | Cut | Reset | Linger | Unreachable | Hang | Insert | Edit
type Script = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """One rule's part in a decision, as the event log keeps it.

    Counts of law 4: every Applied is *eligible*; `planned` says the draw said yes; `fired` that
    no limit held it back (`why` says which one did). `delivered` is known after the play only.
    """

    rule: str
    fault: str
    planned: bool
    fired: bool
    why: str = ""
    steps: Script = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be done with one call: the joined script, and each eligible rule's part in it."""

    call: Call
    phase: str
    script: Script = ()
    applied: tuple[Applied, ...] = ()
    #: Limit headers for a good answer; None takes one away.
    headers: tuple[tuple[str, str | None], ...] = field(default=())
