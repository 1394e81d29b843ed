"""One call in flight: its decision, its player and its times; becomes one Event when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable
from dataclasses import replace

from mitmproxy.http import HTTPFlow, Response

from chaosllm.adapters.proxy import bodies
from chaosllm.adapters.proxy.players.actions import End, Notes, Player
from chaosllm.adapters.proxy.players.decoded import DecodedPlayer
from chaosllm.adapters.proxy.players.decoding import is_known
from chaosllm.adapters.proxy.players.lingering import LingeringPlayer
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.adapters.proxy.printing import put_prints
from chaosllm.providers import Provider, Usage
from chaosllm.record import GOAWAY, Did, Effect, Ended, Event, Origin, RulePart
from chaosllm.script import (
    Applied,
    Breach,
    Cut,
    Decision,
    Hang,
    Headers,
    Linger,
    Pace,
    Place,
    Reply,
    Reset,
    Step,
    Unreachable,
    Wait,
)

#: What HTTP/1.1 has no word for.
_OF_HTTP2 = (Breach.RST_STREAM, Breach.GOAWAY)
#: Headers in which SDKs tell their own timeout, in seconds (PROVIDERS section 1).
_TIMEOUTS = ("x-stainless-read-timeout", "x-stainless-timeout", "x-server-timeout")


class Exchange:
    """What the proxy knows of one call; `left` is set when the client goes."""

    def __init__(
        self,
        decision: Decision,
        provider: Provider,
        *,
        ordinal: int,
        now: float,
        broke: Callable[[Exception], None],
        reset: Callable[..., object],  # takes a Breach; none means RST
        client: str,
    ) -> None:
        self.decision = decision
        self.client = client  # mitmproxy's id of the connection
        self.provider = provider
        self.player: Player | None = None
        self.left = asyncio.Event()
        self.t = now
        self.t_answer: float | None = None
        self.status: int | None = None
        self.answered_by_upstream = False
        self.retry_after: float | None = None
        self.client_timeout: float | None = None
        self.effects: list[Effect] = []
        self.over = False
        self.path = ""  # which way the body took: "fast" or "layers"; "" when it was no stream
        self.goes_away = False
        self.breaks = False  # its fault breaks the whole connection
        self._ordinal = ordinal
        self._notes = Notes()  # of what is played before an answer's body
        self._end: End | None = None
        self._upstream_why = ""
        self._failure = ""
        self._hung = False
        self._gone = False
        self._swept = ""
        self._sent_away = False  # by GOAWAY, which leaves it to the client to ask once more at once
        self._body = ""  # how the body of a cut answer is delimited, where a step says so
        self._broke = broke
        self._reset = reset

    @property
    def is_call(self) -> bool:
        """False for a connection that a rule struck before any request was read."""
        return self.decision.call.endpoint != "connection"

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""
        good = self.status is not None and self.status < 300
        return self.decision.call.stream and good and not isinstance(self.player, WholePlayer)

    @property
    def delayed(self) -> bool:
        """Whether the whole body comes later than the upstream sends it."""
        return any(isinstance(step, Wait) and step.place is Place.HEADERS for step in self.decision.script)

    @property
    def touches_body(self) -> bool:
        """Whether the script holds, changes or breaks the answer's body."""
        return any(bodies.in_body(step) for step in self.decision.script)

    @property
    def needs_plain(self) -> bool:
        """Whether the upstream must answer without a content-encoding, to be read or for a header to be a lie."""
        return self.touches_body or any(bodies.says_coding(step) for step in self.decision.script)

    async def wait(self, seconds: float | None, kind: str) -> bool:
        """Hold the call for `seconds` (None: for ever); True when the client left meanwhile."""
        if seconds is not None:
            self._notes.ask(kind, seconds)
        begun = time.monotonic()
        more = seconds
        try:
            while not self.left.is_set() and (more is None or more > 0):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(more):
                        await self.left.wait()
                # A timer may be early by the millisecond that uvloop rounds to; a call that is held is never early.
                more = None if seconds is None else begun + seconds - time.monotonic()
        finally:
            self._notes.did(kind, time.monotonic() - begun)
        return self.left.is_set()

    def played(self, step: Step) -> None:
        """A step before the body took effect."""
        self._notes.played.add(step)
        if isinstance(step, Reply | Hang | Reset | Unreachable | Headers):
            self._notes.ours = True
        if isinstance(step, Hang):
            self._hung = True
        if isinstance(step, Reset) and step.how is Breach.GOAWAY:
            self._sent_away = True

    def skip(self, step: Step, why: str) -> None:
        """A step could not be played."""
        self._notes.skipped[step] = why

    def fit(self, *, http2: bool) -> None:
        """Leave out what the client's protocol has no word for."""
        for step in self.decision.script:
            if isinstance(step, Reset) and step.how in _OF_HTTP2 and not http2:
                self.skip(step, f"the app speaks HTTP/1.1 here, which has no {step.how.value.upper()}")
            elif isinstance(step, Cut) and step.body and http2:
                self.skip(step, "HTTP/2 frames bodies by itself, so none can be delimited otherwise")
            elif isinstance(step, Linger) and http2:
                self.skip(step, "HTTP/2 does not end an answer by closing the connection")
        script = tuple(step for step in self.decision.script if step not in self._notes.skipped)
        self.decision = replace(self.decision, script=script)

    def read_timeout(self, headers: dict[str, str]) -> None:
        """Note the SDK's own timeout, where its headers say it."""
        for name in _TIMEOUTS:
            try:
                seconds = float(headers[name])
            except (KeyError, ValueError):
                continue
            if math.isfinite(seconds):
                self.client_timeout = seconds
                return

    def take_answer(self, flow: HTTPFlow) -> None:
        """The upstream's headers came: choose the player of the body."""
        response = flow.response
        if response is None:
            return
        self.answered_by_upstream = True
        self.status = response.status_code
        call, script = self.decision.call, self.decision.script
        coding = response.headers.get("content-encoding", "")
        plain = coding.lower() in ("", "identity")
        good = response.status_code < 300
        shaped = self.touches_body and good and is_known(coding)
        if shaped and not plain:
            del response.headers["content-encoding"]  # because the body is decoded to be shaped
        for step in script:
            if isinstance(step, Headers) and response.status_code >= 300:
                self.skip(step, f"the upstream answered {response.status_code}")
            elif isinstance(step, Headers):
                self._set(step, response, "" if plain or shaped else coding)
        if response.status_code >= 400 and response.headers.get("retry-after", "").isdecimal():
            self.retry_after = float(response.headers["retry-after"])
        response.stream = True
        if not shaped:
            self.player = PassPlayer(call, self.provider, coding=coding, streamed=call.stream and good)
            why = "" if not self.touches_body else f"the upstream answered {response.status_code}"
            for step in script if why else ():
                if isinstance(step, Pace) and not good:
                    self._notes.played.add(step)  # an error has no tokens to pace
                elif bodies.in_body(step):
                    self.skip(step, why if not good else bodies.coded(coding))
        else:
            self._body = next((step.body for step in script if isinstance(step, Cut) and step.body), "")
            bodies.frame(flow.request, response, self._body, stream=call.stream)
            self.player = bodies.player(call, self.provider, script)
            if not plain:
                self.player = DecodedPlayer(self.player, coding)
            response.stream = call.stream

    def _set(self, step: Headers, response: Response, coding: str) -> None:
        """Play a step on the headers; `coding` is the one that the body really has."""
        if coding and bodies.says_coding(step):
            self.skip(step, bodies.coded(coding))
            return
        bodies.say(response, step.set)
        self.played(step)

    def began(self, now: float) -> None:
        """The answer's headers went to the app."""
        self.t_answer = now

    def headers(self, flow: HTTPFlow) -> None:
        """Announce a held answer's length."""
        player = self.player.inner if isinstance(self.player, DecodedPlayer) else self.player
        if flow.response is not None and isinstance(player, WholePlayer):
            if player.length is None:
                bodies.frame(flow.request, flow.response, "chunked", stream=False)
            elif self._body not in ("chunked", "close"):
                flow.response.headers.pop("transfer-encoding", None)
                flow.response.headers["content-length"] = str(player.length)
        elif flow.response is not None and isinstance(player, LingeringPlayer):
            for name in ("transfer-encoding", "content-length"):
                flow.response.headers.pop(name, None)
            flow.response.headers["connection"] = "close"  # which alone ends it then (RFC 9112, section 6.3)

    def upstream_failed(self, why: str) -> None:
        """The upstream could not be reached, or broke off."""
        self._upstream_why = self._upstream_why or why

    def client_left(self) -> None:
        """The client went before the answer was over."""
        self._gone = self._gone or (not self.over and self._end is None)
        self.left.set()

    def ended(self, end: End) -> None:
        """The answer ends as its player asked."""
        self._end = end
        if end is End.BROKEN and isinstance(self.player, DecodedPlayer) and self.player.why:
            self.upstream_failed(self.player.why)
        if end is End.GOAWAY:
            self.breaks = True
            self._reset(Breach.GOAWAY)  # which is on its way; the other calls on the connection are told

    def reset(self, how: Breach = Breach.RST) -> None:
        """Break the client's connection; a call that says GOAWAY before its answer has the stream say it."""
        self.breaks = True
        self.goes_away = how is Breach.GOAWAY
        self._reset(how) if how is not Breach.RST else self._reset()

    def swept(self, how: Breach) -> None:
        """Another call's fault broke the connection that this one shares: neither the app did, nor the upstream."""
        self._swept = "the fault of another call broke their common HTTP/2 connection"
        self._sent_away = how is Breach.GOAWAY

    def failed(self, error: Exception) -> None:
        """Our own code broke: the rest passes, and the record says so."""
        self._failure = self._failure or f"{type(error).__name__} in the proxy"
        coded = self.player if isinstance(self.player, DecodedPlayer) else None
        player = coded.inner if coded is not None else self.player
        if player is not None and not isinstance(player, PassPlayer):
            notes = player.notes
            notes.shape, notes.cut, notes.ours = "", False, False
            passing = PassPlayer(self.decision.call, self.provider, streamed=self.decision.call.stream)
            passing.notes = notes
            self.player = coded.passing_to(passing) if coded is not None else passing
        self._broke(error)

    @property
    def notes(self) -> Notes:
        """The notes of the answer's body; empty ones before it."""
        return self.player.notes if self.player is not None else Notes()

    @property
    def usage(self) -> Usage | None:
        """Tokens billed: as the upstream said, else estimated; None when it produced nothing."""
        notes = self.notes
        if notes.usage is None:
            return Usage(self.decision.call.prompt_tokens, notes.tokens) if notes.tokens else None
        if notes.complete:
            return notes.usage
        # Some streams begin with a usage that counts hardly any output yet (Anthropic's message_start).
        return Usage(notes.usage.input_tokens, max(notes.usage.output_tokens, notes.tokens))

    def to_event(self, t0: float, now: float, key: bytes, *, in_flight: bool = False) -> Event:
        """The record of the call; times become seconds since `t0`."""
        call, notes = self.decision.call, self.notes
        reply = next((step for step in self._notes.played if isinstance(step, Reply)), None)
        ended = Ended.IN_FLIGHT if in_flight else self._ended(notes)
        event = Event(
            call.id, round(self.t - t0, 6), call.operation, call.index, call.attempt, self._ordinal, call.provider,
            call.endpoint, call.model, call.stream, self.decision.phase,
        )  # fmt: skip
        event.rules = [self._part(applied, notes, ended) for applied in self.decision.applied]
        event.did, event.why = self._did(event.rules)
        event.origin = self._origin(notes, ended)
        event.status = self.status
        event.ended, event.shape = ended, notes.shape
        event.client_timeout = self.client_timeout
        event.path, event.effects = self.path, self.effects
        event.retry_after = self.retry_after
        if reply is not None:
            event.reason, event.retry_after, event.retryable = reply.reason, reply.retry_after, reply.retryable
        elif self._sent_away:
            event.reason = GOAWAY
        event.end_seen, event.finish = notes.end_seen, notes.finish
        event.bytes = len(reply.body) if reply is not None else notes.bytes
        event.events = notes.events if call.stream else None
        if notes.late:
            event.late = notes.late[: 1 + max(place for place, count in enumerate(notes.late) if count)]
            event.late_max = round(notes.late_max, 6)
        if (usage := self.usage) is not None:
            event.tokens_in, event.tokens_out = usage.input_tokens, usage.output_tokens
            event.tokens_estimated = notes.usage is None or not notes.complete
        event.t_answer = _since(self.t_answer, t0)
        event.t_first = _since(notes.t_first, t0)
        event.t_end = None if in_flight else round(now - t0, 6)
        event.asked, event.done = _sums(self._notes.asked, notes.asked), _sums(self._notes.done, notes.done)
        put_prints(event, notes, reply, call=call, provider=self.provider, key=key)
        return event

    def _ended(self, notes: Notes) -> Ended:
        if any(isinstance(step, Unreachable) for step in self._notes.played):
            return Ended.NO_ANSWER
        if any(isinstance(step, Reset) for step in (*self._notes.played, *notes.played)):
            return Ended.BROKEN
        if self._swept:
            return Ended.BROKEN if self.t_answer is not None else Ended.NO_ANSWER
        if self._gone or (self.left.is_set() and self._end is None and self.t_answer is None):
            return Ended.CLIENT_LEFT
        if self._hung:
            return Ended.NO_ANSWER
        if self._end in (End.BROKEN, End.RESET, End.GOAWAY):
            return Ended.BROKEN if self.t_answer is not None else Ended.NO_ANSWER
        if self._upstream_why:
            return Ended.BROKEN if self.t_answer is not None else Ended.NO_ANSWER
        return Ended.CUT if notes.cut else Ended.WHOLE

    def _origin(self, notes: Notes, ended: Ended) -> Origin:
        if self._failure:
            return Origin.PROXY
        if self._notes.ours or notes.ours or self._swept:
            return Origin.INJECTED
        return Origin.CLIENT if ended is Ended.CLIENT_LEFT else Origin.UPSTREAM

    def _did(self, parts: list[RulePart]) -> tuple[Did, str]:
        if self._failure:
            return Did.FAILED, self._failure
        fired = [part for part in parts if part.fired]
        if any(part.delivered for part in fired):
            return Did.INJECTED, self._upstream_why
        if fired:
            return Did.SKIPPED, next((part.why for part in fired if part.why), "")
        return Did.PASSED, self._swept or self._upstream_why

    def _part(self, applied: Applied, notes: Notes, ended: Ended) -> RulePart:
        """Law 4's counts of one rule: delivered is played to the end, or until the client left."""
        played = self._notes.played | notes.played
        skipped = self._notes.skipped | notes.skipped
        whole = all(step in played for step in applied.steps)
        if ended is Ended.CLIENT_LEFT:
            whole = not any(step in skipped for step in applied.steps)
        delivered = applied.fired and whole and ended is not Ended.IN_FLIGHT and not self._failure
        why = applied.why
        if applied.fired and not delivered and not why:
            why = next((skipped[step] for step in applied.steps if step in skipped), "")
            why = (
                why
                or self._failure
                or self._swept
                or self._upstream_why
                or ("in flight" if ended is Ended.IN_FLIGHT else "")
            )
        return RulePart(applied.rule, applied.fault, applied.planned, applied.fired, delivered, why)


def _since(moment: float | None, t0: float) -> float | None:
    return None if moment is None else round(moment - t0, 6)


def _sums(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {kind: round(one.get(kind, 0.0) + other.get(kind, 0.0), 6) for kind in {**one, **other}}
