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
from chaosllm.adapters.proxy.fate import Fate
from chaosllm.adapters.proxy.players.actions import End, Notes, Player
from chaosllm.adapters.proxy.players.decoded import DecodedPlayer
from chaosllm.adapters.proxy.players.decoding import is_known
from chaosllm.adapters.proxy.players.lingering import LingeringPlayer
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.adapters.proxy.printing import put_prints
from chaosllm.providers import Provider, Usage
from chaosllm.record import GOAWAY, LET_GO, Effect, Event
from chaosllm.script import (
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
    Stall,
    Step,
    Unreachable,
    Wait,
)

#: What HTTP/1.1 has no word for.
_OF_HTTP2 = (Breach.RST_STREAM, Breach.GOAWAY)
#: Headers in which SDKs tell their own timeout, in seconds (PROVIDERS section 1).
_TIMEOUTS = ("x-stainless-read-timeout", "x-stainless-timeout", "x-server-timeout")

#: What takes time on an answer's body.
_HOLDS = (Wait, Pace, Stall, Linger)


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
        self.freed: Callable[[bytes], None] | None = None  # takes what a player held that is let go
        self._ordinal = ordinal
        self._fate = Fate()
        self._stir = asyncio.Event()  # whoever holds the call must look again
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
        """Hold the call for `seconds` (None: for ever), or until it is let go; True when the client left meanwhile."""
        if seconds is not None:
            self._fate.before.ask(kind, seconds)
        begun = time.monotonic()
        more = seconds
        try:
            while not (self.left.is_set() or self._fate.let_go) and (more is None or more > 0):
                self._stir.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(more):
                        await self._stir.wait()
                # A timer may be early by the millisecond that uvloop rounds to; a call that is held is never early.
                more = None if seconds is None else begun + seconds - time.monotonic()
        finally:
            self._fate.before.did(kind, time.monotonic() - begun)
        return self.left.is_set()

    def played(self, step: Step) -> None:
        """A step before the body took effect."""
        self._fate.before.played.add(step)
        if isinstance(step, Reply | Hang | Reset | Unreachable | Headers):
            self._fate.before.ours = True
        if isinstance(step, Hang):
            self._fate.hung = True
        if isinstance(step, Reset) and step.how is Breach.GOAWAY:
            self._fate.sent_away = True

    def skip(self, step: Step, why: str) -> None:
        """A step could not be played."""
        self._fate.before.skipped[step] = why

    def fit(self, *, http2: bool) -> None:
        """Leave out what the client's protocol has no word for."""
        for step in self.decision.script:
            if isinstance(step, Reset) and step.how in _OF_HTTP2 and not http2:
                self.skip(step, f"the app speaks HTTP/1.1 here, which has no {step.how.value.upper()}")
            elif isinstance(step, Cut) and step.body and http2:
                self.skip(step, "HTTP/2 frames bodies by itself, so none can be delimited otherwise")
            elif isinstance(step, Linger) and http2:
                self.skip(step, "HTTP/2 does not end an answer by closing the connection")
        script = tuple(step for step in self.decision.script if step not in self._fate.before.skipped)
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
                    self._fate.before.played.add(step)  # an error has no tokens to pace
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
        player = self._inner
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
        self._fate.upstream_why = self._fate.upstream_why or why

    def leaves(self) -> None:
        """The client goes, even while a hook holds its call."""
        self.left.set()
        self._stir.set()

    def client_left(self) -> None:
        """The client went before the answer was over."""
        self._fate.gone = self._fate.gone or (not self.over and self._fate.end is None)
        self.leaves()

    def ended(self, end: End) -> None:
        """The answer ends as its player asked."""
        self._fate.end = end
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
        self._fate.swept = "the fault of another call broke their common HTTP/2 connection"
        self._fate.sent_away = how is Breach.GOAWAY

    def failed(self, error: Exception) -> None:
        """Our own code broke: the rest passes, and the record says so."""
        self._fate.failure = self._fate.failure or f"{type(error).__name__} in the proxy"
        if self.player is not None and not isinstance(self._inner, PassPlayer):
            notes = self.player.notes
            notes.shape, notes.cut, notes.ours = "", False, False
            self._pass_rest()
        self._broke(error)

    def let_go(self) -> None:
        """Play no more of the script: what was held leaves, and the rest passes as the upstream says it."""
        fate, player = self._fate, self.player
        if self.over or fate.end is not None or fate.failure or fate.let_go or (player and player.ending):
            return
        # A player may count what holds as played when it begins; while the answer is not over, it holds still.
        self.notes.played.difference_update([step for step in self.decision.script if isinstance(step, _HOLDS)])
        played = fate.before.played | self.notes.played
        rest = [step for step in self.decision.script if step not in played]
        if not rest:
            return
        fate.let_go = True
        self.decision = replace(self.decision, script=())
        for step in rest:
            self.skip(step, LET_GO)
        self._stir.set()
        if player is not None and not isinstance(self._inner, PassPlayer):
            held = player.abandon()
            self._pass_rest()
            if self.freed is not None:
                self.freed(held)

    def passes(self) -> bool:
        """Whether it was let go, so that nothing more of its script is played."""
        return self._fate.let_go

    @property
    def _inner(self) -> Player | None:
        """What plays the body, whatever coding it comes in."""
        return self.player.inner if isinstance(self.player, DecodedPlayer) else self.player

    def _pass_rest(self) -> None:
        """Put a player that passes everything in the place of the one there is, with its notes."""
        assert self.player is not None  # noqa: S101  # whoever calls has looked
        passing = PassPlayer(self.decision.call, self.provider, streamed=self.decision.call.stream)
        passing.notes = self.player.notes
        self.player = self.player.passing_to(passing) if isinstance(self.player, DecodedPlayer) else passing

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
        call, notes, fate = self.decision.call, self.notes, self._fate
        reply = next((step for step in fate.before.played if isinstance(step, Reply)), None)
        ended = fate.ended(notes, answered=self.t_answer is not None, left=self.left.is_set(), in_flight=in_flight)
        event = Event(
            call.id, round(self.t - t0, 6), call.operation, call.index, call.attempt, self._ordinal, call.provider,
            call.endpoint, call.model, call.stream, self.decision.phase,
        )  # fmt: skip
        event.rules = [fate.part(applied, notes, ended) for applied in self.decision.applied]
        event.did, event.why = fate.did(event.rules)
        event.origin = fate.origin(notes, ended)
        event.status = self.status
        event.ended, event.shape = ended, notes.shape
        event.client_timeout = self.client_timeout
        event.path, event.effects = self.path, self.effects
        if call.operation is None:  # who asked is for the judge to find
            event.traces, event.body, event.declared = list(call.traces), call.fingerprint, call.declared
        event.retry_after = self.retry_after
        if reply is not None:
            event.reason, event.retry_after, event.retryable = reply.reason, reply.retry_after, reply.retryable
        elif fate.sent_away:
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
        event.asked, event.done = _sums(fate.before.asked, notes.asked), _sums(fate.before.done, notes.done)
        put_prints(event, notes, reply, call=call, provider=self.provider, key=key)
        return event


def _since(moment: float | None, t0: float) -> float | None:
    return None if moment is None else round(moment - t0, 6)


def _sums(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    return {kind: round(one.get(kind, 0.0) + other.get(kind, 0.0), 6) for kind in {**one, **other}}
