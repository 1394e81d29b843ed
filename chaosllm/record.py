"""What is recorded of a run: an Event for each call (proxy), a Sample for each operation (driver).

Laws:
1. Neither holds a prompt, an answer's text, a key or a cookie.
2. All times are seconds from the run's start on one monotonic clock; None means it never happened.
3. An unknown key in a stored form is passed over, a missing one has its default, so that an older
   or newer run folder can be read.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, fields
from typing import Any

from chaosllm.canaries import CANARIES, mark_of

SCHEMA = 1
#: The `reason` of a call that HTTP/2's GOAWAY sent away: its client may ask once more at once (RFC 9113, section 6.8).
GOAWAY = "connection/goaway"
#: Why a fault was not played to its end: a stop, a pause or a switch ended it, and the call passed.
LET_GO = "let go"
#: Upper bounds, in seconds, of the classes that the lateness of paced events is counted in; one more class is above.
LATE = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1)


class Did(enum.StrEnum):
    """What the proxy did with a call."""

    PASSED = "passed"  # no rule touched it
    INJECTED = "injected"  # at least one rule was played
    SKIPPED = "skipped"  # a rule fired but could not be played here; `why` says it
    FAILED = "failed"  # our own code broke; makes the verdict INCONCLUSIVE


class Origin(enum.StrEnum):
    """Where what the app saw came from (blame is exact)."""

    UPSTREAM = "upstream"  # the provider's own answer or error
    INJECTED = "injected"
    PROXY = "proxy"  # our own failure
    CLIENT = "client"  # the app left first


class Ended(enum.StrEnum):
    """How the answer ended for the app."""

    WHOLE = "whole"  # all of it, properly
    CUT = "cut"  # by us, with a proper end (honest, clean, event, tool)
    BROKEN = "broken"  # the connection broke: by us or by the upstream, `origin` says
    CLIENT_LEFT = "client_left"
    NO_ANSWER = "no_answer"  # the upstream could not be reached, or we closed after a hang
    IN_FLIGHT = "in_flight"  # still open when the run ended


@dataclass(slots=True)
class RulePart:
    """One eligible rule's part in one call (law 4's counts are sums over these)."""

    rule: str  # "storm.0"
    fault: str
    planned: bool
    fired: bool
    delivered: bool
    why: str = ""  # why it was held back or not delivered


@dataclass(frozen=True, slots=True)
class Effect:
    """A run of a tool that the scenario declares a side effect, as the call with its result shows.

    The last three are prints: `arguments` and `result` are the same for equal JSON, `id` for the same call of the
    model's. History is sent again with each call, so one run stands in several events.
    """

    tool: str
    arguments: int
    id: int
    result: int


@dataclass(slots=True)
class Event:
    """One call as the proxy saw it; a line of events.jsonl."""

    call: str  # "op-17/call-2", or "call-123" when the operation is unknown
    t: float  # the request was read
    operation: int | None = None
    index: int = 0
    attempt: int = 0
    ordinal: int = 0  # which attempt of the operation, over all its calls, from 0
    provider: str = ""
    endpoint: str = ""
    model: str = ""
    stream: bool = False
    phase: str = ""  # "" outside the phases, "preflight" before them
    did: Did = Did.PASSED
    why: str = ""
    origin: Origin = Origin.UPSTREAM
    rules: list[RulePart] = field(default_factory=list)
    status: int | None = None  # sent to the app
    reason: str = ""  # of an injected or recognised refusal: "rate_limit/requests", "quota/exhausted" ...
    retry_after: float | None = None  # seconds the app was asked to wait
    retryable: bool | None = None  # of a refusal: False when trying again cannot help
    ended: Ended = Ended.WHOLE
    shape: str = ""  # of a cut: honest, clean, abrupt, event, tool
    end_seen: bool = False  # the stream's end event reached the app
    finish: str | None = None  # finish reason that reached the app
    bytes: int = 0  # of body sent to the app
    events: int | None = None  # of a stream, sent to the app; the last of a cut one may be half
    tokens_in: int = 0
    tokens_out: int = 0  # billed: what the upstream produced, delivered or not
    tokens_estimated: bool = False
    t_answer: float | None = None  # headers to the app
    t_first: float | None = None  # first text to the app
    t_end: float | None = None  # the call was over
    asked: dict[str, float] = field(default_factory=dict)  # seconds asked for: {"wait": .., "stall": ..}
    done: dict[str, float] = field(default_factory=dict)  # seconds measured, without what the upstream took
    late: list[int] = field(default_factory=list)  # paced events by how late they left, in the classes of LATE
    late_max: float | None = None  # the latest of them, seconds behind its schedule
    head: list[int] = field(default_factory=list)  # prints of a cut answer: first delivered
    tail: list[int] = field(default_factory=list)  # last delivered
    withheld: list[int] = field(default_factory=list)  # first withheld
    client_timeout: float | None = None  # the SDK's own timeout, where its headers say it
    effects: list[Effect] = field(default_factory=list)  # declared side effects whose results this call brought
    traces: list[str] = field(default_factory=list)  # of a call of no known operation: see `trace_ids`
    body: str = ""  # of the same: a keyed hash of where it went and what it asked; the same for each try of one call
    declared: int | None = None  # of the same: the number that the SDK gave this attempt, from 0
    path: str = ""  # of a stream through the proxy: "fast", or "layers" (mitmproxy's own, for what is unusual)

    @property
    def billed(self) -> int:
        """Tokens that a provider bills for the call: none for a refused one, all for a cut or late one."""
        served = self.tokens_out > 0 or (self.status is not None and 200 <= self.status < 300)
        return self.tokens_in + self.tokens_out if served else 0

    def to_json(self) -> dict[str, Any]:
        """The stored form: empty fields left out."""
        said = {}
        for key in _EVENT_FIELDS:  # not asdict, which copies all it meets, and one is written for each call
            value = getattr(self, key)
            if value or value not in (None, [], {}, ""):
                said[key] = value
        if self.rules:
            said["rules"] = [{key: getattr(part, key) for key in _PART_FIELDS} for part in self.rules]
        if self.effects:
            said["effects"] = [{key: getattr(one, key) for key in _EFFECT_FIELDS} for one in self.effects]
        return said

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Event:
        """Raises ValueError, KeyError or TypeError when it is no event at all."""
        known = {ours: value for key, value in stored.items() if (ours := _OURS.get(key)) is not None}
        if "rules" in known:
            known["rules"] = [RulePart(**part) for part in known["rules"]]
        if "effects" in known:
            known["effects"] = [Effect(**one) for one in known["effects"]]
        for key, members in _MEMBERS:
            if key in known:
                known[key] = members[known[key]]
        return cls(**known)


_PART_FIELDS = tuple(item.name for item in fields(RulePart))
_EFFECT_FIELDS = tuple(item.name for item in fields(Effect))
_EVENT_FIELDS = tuple(item.name for item in fields(Event))
#: The name of each field as the class itself spells it, because Python matches keyword arguments by identity first:
#: of equal strings that a parser made, each is compared with all 45 names, which takes longer than all the rest.
_OURS = {name: name for name in _EVENT_FIELDS}
#: By a dictionary, because asking the class of an enumeration for a member takes three times as long.
_MEMBERS: tuple[tuple[str, dict[str, Any]], ...] = tuple(
    (key, {str(member): member for member in kind})
    for key, kind in (("did", Did), ("origin", Origin), ("ended", Ended))
)


class Outcome(enum.StrEnum):
    """What the user got."""

    GOOD = "good"
    DEGRADED = "degraded"  # a declared fallback answer
    WRONG = "wrong"  # an answer that says it is fine and fails the `good` conditions
    ERROR = "error"
    HANG = "hang"  # nothing whole within the user's deadline
    DROPPED = "dropped"  # never sent: the in-flight cap was reached


OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)  # the code of an outcome is its place here


@dataclass(slots=True)
class Sample:
    """One operation as its user saw it."""

    operation: int
    t_due: float
    t_sent: float | None = None
    t_first: float | None = None  # first non-empty answer text
    t_last: float | None = None  # last answer text
    t_end: float | None = None
    outcome: Outcome = Outcome.DROPPED
    status: int = 0  # 0: no status line came
    chunks: int = 0  # pieces of answer text
    gap_max: float = 0.0  # longest gap between two of them, seconds
    chars: int = 0
    error: str = ""  # short kind: "HTTP 500", "ConnectionRefusedError", "no end event" ...
    prints: list[int] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)  # see MARKS
    gaps: list[int] = field(default_factory=list)  # between pieces of text: class (`chunk_gaps`), count, class, ...


@dataclass(frozen=True, slots=True)
class Control:
    """One request to a route of the app that needs no LLM; a line of control.jsonl."""

    route: str
    t_due: float
    t_end: float
    status: int = 0  # 0: nothing whole came within the user's deadline

    @property
    def failed(self) -> bool:
        """Whether it was not answered, or with an error."""
        return not 0 < self.status < 400

    def to_json(self) -> dict[str, Any]:
        """The stored form."""
        return {
            "route": self.route,
            "t_due": round(self.t_due, 6),
            "t_end": round(self.t_end, 6),
            "status": self.status,
        }


#: What the driver notes about an answer while it holds it.
MARKS = {
    "end_seen": "the declared end of the stream came",
    "error_event": "an error event came inside the stream",
    "provider_error": "the provider's own error text, request id, organisation or key fragment",
    "stack_trace": "a stack trace or a framework's debug page",
    "html": "an HTML page where an answer was expected",
    "retry_after": "an error answer with Retry-After",
    "json_error": "an error answer with a JSON body",
    **{mark_of(kind): f"a canary that a fault had the model say: {kind}" for kind in (*CANARIES, "text")},
}
