"""The stream of mitmproxy's HTTP layer, one request and its answer, driven by a player.

Laws:
1. The stream is never paused to wait: it asks for a wake-up, so a client that leaves is seen at once.
2. A body may go past the layers (`relay`); whatever ends an answer always goes through them.

Written against mitmproxy 12.2; PRIVATE lists every name used that its docs do not promise (see `contract`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from functools import partial
from typing import TYPE_CHECKING, Any

from mitmproxy import flow
from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.layers import http
from mitmproxy.proxy.layers.http import _events, _hooks

from chaosllm.adapters.proxy.fast.brake import ALONE, DELAYED, SHARED, Brake
from chaosllm.adapters.proxy.fast.relay import Relay
from chaosllm.adapters.proxy.fast.route import Route
from chaosllm.adapters.proxy.layers.drive import Kick
from chaosllm.adapters.proxy.layers.unusual import allow_trailers, without_page
from chaosllm.adapters.proxy.layers.visit import KEY, Visit
from chaosllm.adapters.proxy.players.actions import Action, Begin, End, Finish, Player, Send

if TYPE_CHECKING:
    from chaosllm.adapters.proxy.layers.http_layer import PlayedLayer

#: (owner, names): see `contract`.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (layer.Layer, ("handle_event", "_handle_event")),
    (http, ("SendHttp", "DropStream", "HttpStream")),
    (
        http.HttpStream,
        (
            "_handle_event", "start_response_stream", "state_stream_response_body", "state_consume_response_body",
            "state_errored", "state_done", "send_response", "handle_protocol_error", "check_killed", "check_invalid",
        ),
    ),
    (
        _events,
        (
            "ErrorCode", "RequestProtocolError", "ResponseData", "ResponseEndOfMessage", "ResponseHeaders",
            "ResponseProtocolError", "ResponseTrailers",
        ),
    ),
    (_events.ErrorCode, ("CANCEL", "KILL", "CONNECT_FAILED")),
    (_hooks, ("HttpErrorHook", "HttpRequestHeadersHook")),
    (events, ("HookCompleted", "Wakeup")),
    (commands, ("RequestWakeup",)),
    (flow.Error, ("KILLED_MESSAGE",)),
)  # fmt: skip
#: Attributes that exist on instances only, by the class whose `__init__` must set them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (layer.Layer, ("_paused",)),
    (http.HttpStream, ("response_body_buf", "client_state", "server_state", "stream_id")),
)

_ANSWERS = (
    _events.ResponseHeaders,
    _events.ResponseData,
    _events.ResponseTrailers,
    _events.ResponseEndOfMessage,
    _events.ResponseProtocolError,
)

type Commands = Generator[commands.Command, Any, None]


class PlayedStream(http.HttpStream):
    """One request and its answer; the answer's body goes through the visit's player."""

    layer: PlayedLayer
    over = False  # we ended the answer: whatever the upstream still says is not wanted
    upstream_over = False
    timer: commands.RequestWakeup | None = None
    timer_at = 0.0
    freed: Kick | None = None  # calls back when what the player holds is let go
    held = b""  # by a player that was let go
    relay: Relay | None = None
    brake: Brake | None = None

    @property
    def visit(self) -> Visit | None:
        """What our addon attached to the flow; None for traffic that is none of ours."""
        return self.flow.metadata.get(KEY) if hasattr(self, "flow") else None

    @property
    def player(self) -> Player | None:
        """The player of the answer's body, once its headers came."""
        visit = self.visit
        return visit.player if visit is not None else None

    def handle_event(self, event: events.Event) -> Commands:
        """See the client leave even while an addon hook holds this stream."""
        if isinstance(event, _events.RequestProtocolError) and (visit := self.visit) is not None:
            visit.leaves()
        course = self.layer.course if hasattr(self, "layer") else None
        if course is None:
            yield from super().handle_event(event)
            return
        following: events.Event | None = event
        while following is not None:
            event, following = following, None
            for command in super().handle_event(event):
                # A tunnel's stream sees those of the streams inside go by.
                if not isinstance(command, commands.StartHook) or getattr(command, "flow", self) is not self.flow:
                    yield command
                    continue
                rest = course.dispatch.run(command)
                if rest is None and self.layer.answering and isinstance(command, _hooks.HttpRequestHeadersHook):
                    rest = _nothing()  # a pipelined request: the answer before it must be over first
                if rest is not None:
                    command.rest = rest  # type: ignore[attr-defined]  # for the driver, which waits for it
                    yield command
                elif command.blocking:
                    following = events.HookCompleted(command)

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.Wakeup):
            if self.relay is not None and event.command is self.relay.ended and self.relay.end is not None:
                yield from self.come_back(self.relay.end)
            elif event.command is self.freed and not self.over:
                yield from self._let_go()
            elif event.command is self.timer and not self.over and (player := self.player) is not None:
                self.timer = None
                yield from self._play(player.wake, ())
        elif not (self.over and isinstance(event, _ANSWERS)):
            if isinstance(event, _events.ResponseHeaders):
                allow_trailers(self.layer, self.flow.server_conn)
                yield from self._be_freed()
            yield from super()._handle_event(event)

    def check_invalid(self, request: bool) -> Generator[commands.Command, Any, bool]:
        """An upstream's invalid headers are its own failure, and end without a page of mitmproxy's."""
        work = super().check_invalid(request)
        visit = self.visit if not request else None
        if visit is None:
            return (yield from work)
        refused = partial(visit.upstream_failed, "the upstream's headers contradict each other or are no headers")
        return (yield from without_page(work, refused))

    def check_killed(self, emit_error_hook: bool) -> Generator[commands.Command, Any, bool]:
        """Say GOAWAY first, where a rule asks for it before the answer: this call was not begun."""
        visit = self.visit
        if visit is not None and visit.goes_away:
            visit.goes_away = False
            yield from self.layer.go_away(max(0, self.stream_id - 2))  # clients number theirs by odd numbers
        return (yield from super().check_killed(emit_error_hook))

    def start_response_stream(self) -> Commands:
        """Send the headers, then whatever the player has to send first."""
        yield from super().start_response_stream()
        visit = self.visit
        if visit is not None:
            visit.began(time.monotonic())
            if visit.player is not None:
                yield from self._shorten(visit)
                yield from self._play(visit.player.start, ())

    def state_stream_response_body(self, event: events.Event) -> Commands:
        """Hand the body to the player."""
        player = self.player
        if player is None:
            yield from super().state_stream_response_body(event)
        elif isinstance(event, _events.ResponseData):
            yield from self._play(player.data, (event.data,))
            if self.relay is not None:
                self.relay.soon()
        elif isinstance(event, _events.ResponseTrailers) and self.flow.response is not None:
            self.flow.response.trailers = event.trailers
        elif isinstance(event, _events.ResponseEndOfMessage):
            self.upstream_over = True
            yield from self._play(player.end, ())

    def state_consume_response_body(self, event: events.Event) -> Commands:
        """A held answer: its headers are sent when the player says so."""
        player = self.player
        if player is None:
            yield from super().state_consume_response_body(event)
        elif isinstance(event, _events.ResponseData):
            yield from self._play(player.data, (event.data,))
        elif isinstance(event, _events.ResponseEndOfMessage):
            self.upstream_over = True
            yield from self._play(player.end, ())

    def handle_protocol_error(self, event: _events.RequestProtocolError | _events.ResponseProtocolError) -> Commands:
        """Tell a client that left from an upstream that broke, and send no page of mitmproxy's."""
        visit, player = self.visit, self.player
        if isinstance(event, _events.ResponseProtocolError):
            if visit is not None and (visit.left.is_set() or not self.context.client.connected):
                visit.client_left()  # mitmproxy gives up upstream connections when their client goes
            elif visit is not None:
                visit.upstream_failed(_why(event))
            if player is not None and not self.over:
                self.upstream_over = True
                yield from self._play(player.broken, ())
                return
            # Without a status code mitmproxy closes the connection in place of sending its own HTML page.
            event.code = _events.ErrorCode.KILL
        elif visit is not None and not self.over:
            visit.client_left()
            if player is not None:
                yield from self._break(None)
                return
        yield from super().handle_protocol_error(event)

    def _play(self, method: Any, args: tuple[bytes, ...]) -> Commands:
        """Ask the player, do what it says, then let it read what was sent; guard against its mistakes."""
        visit, player = self.visit, self.player
        if visit is None or player is None or self.over:
            return
        now = time.monotonic()
        for action in self.ask(method, args, now):
            match action:
                case Send(data=data) if self.relay is not None:
                    self.relay.send(data)
                case Send(data=data):
                    yield http.SendHttp(_events.ResponseData(self.stream_id, data), self.context.client)
                case Begin():
                    visit.headers(self.flow)
                    yield from self.start_response_stream()
                case Finish(end=end):
                    self.observe(now)
                    yield from self._finish(visit, end)
                    return
        self.observe(now)
        if self.relay is None:
            yield from self._arm(now)
        else:
            self.relay.wake()
        if self.brake is not None and (player := self.player) is not None:  # another, where the first broke
            self.brake.press(player.held)

    def broke(self, error: Exception) -> None:
        """Our own code broke."""
        if (visit := self.visit) is not None:
            visit.failed(error)

    def ask(self, method: Callable[..., list[Action]], args: tuple[bytes, ...], now: float) -> list[Action]:
        """What the player wants done."""
        try:
            return method(*args, now)
        except Exception as error:  # whatever breaks in our code must not cost the app its answer
            return self.rescue(error)

    def observe(self, now: float) -> None:
        """Let the player read what was sent."""
        if (player := self.player) is None:
            return
        try:
            player.observe(now)
        except Exception as error:  # the bytes have gone; only our own record suffers
            self.broke(error)

    def _shorten(self, visit: Visit) -> Commands:
        """Take the body past the layers, where that can be done."""
        course = self.layer.course
        if not visit.streams or self.server_state == self.state_consume_response_body:
            return
        route = Route.of(self, course.driver) if course is not None else None
        visit.path = "fast" if route is not None else "layers"
        wire = course.driver.wires.get(self.flow.server_conn) if course is not None else None
        if wire is not None:
            shared = self.flow.server_conn.alpn == b"h2"
            self.brake = Brake(wire, DELAYED if visit.delayed else SHARED if shared else ALONE)
        if course is not None and route is not None:
            self.relay = Relay(self, route, course)
            yield self.relay.back
            yield self.relay.ended
            self.relay.soon()

    def come_back(self, end: End) -> Commands:
        """Play an end that the relay met."""
        visit = self.visit
        if visit is not None and not self.over:
            self.observe(time.monotonic())
            yield from self._finish(visit, end)

    def _be_freed(self) -> Commands:
        """Have the answer called back, should a stop let go what its fault holds."""
        visit, course = self.visit, self.layer.course
        if visit is None or course is None or not visit.touches_body:
            return
        kick = self.freed = Kick()
        yield kick

        def free(held: bytes) -> None:
            self.held = held
            course.driver.deliver(events.Wakeup(kick))

        visit.freed = free

    def _let_go(self) -> Commands:
        """Send what was held; a player that passes the rest is in its place."""
        actions = self._rest(self.held)
        if self.relay is not None:
            self.relay.pass_on(actions)
        else:
            yield from self._play(lambda _: actions, ())

    def rescue(self, error: Exception) -> list[Action]:
        """Our player broke: send what it held back, and let the rest pass."""
        broken = self.player
        self.broke(error)  # puts a passing player in its place
        return self._rest(broken.abandon() if broken is not None else b"")

    def _rest(self, held: bytes) -> list[Action]:
        """What is to be done with what a player held that plays no more."""
        actions: list[Action] = [Send(held)] if held else []
        if self.server_state == self.state_consume_response_body:
            actions.insert(0, Begin())
        if self.upstream_over:
            actions.append(Finish(End.PROPER))
        return actions

    def _arm(self, now: float) -> Commands:
        """Ask for a wake-up, unless one that is soon enough is on its way."""
        player = self.player
        if self.over or player is None or player.next_wake is None:
            return
        if self.timer is None or player.next_wake < self.timer_at:
            self.timer = commands.RequestWakeup(max(0.0, player.next_wake - now))
            self.timer_at = player.next_wake
            yield self.timer

    def _finish(self, visit: Visit, end: End) -> Commands:
        visit.ended(end)
        if end is not End.PROPER:
            yield from self._break(end)
            return
        self._leave()
        yield from self._cancel_upstream()
        yield from self.send_response(already_streamed=True)

    def _break(self, end: End | None) -> Commands:
        """End the answer without a proper end; `end` None: the client has gone already."""
        self._leave()
        visit = self.visit
        if end is End.RESET and visit is not None:
            visit.reset()  # everything before it was written to the socket when it was yielded
        yield from self._cancel_upstream()
        self.flow.error = flow.Error(flow.Error.KILLED_MESSAGE if end is not None else "the client left")
        yield _hooks.HttpErrorHook(self.flow)
        if end is End.GOAWAY:
            yield from self.layer.go_away(None)
        if end is End.BROKEN:
            killed = _events.ResponseProtocolError(self.stream_id, "killed", _events.ErrorCode.KILL)
            yield http.SendHttp(killed, self.context.client)
        self.flow.live = False
        self.client_state = self.server_state = self.state_errored
        yield http.DropStream(self.stream_id)

    def _leave(self) -> None:
        """Nothing more is taken from the upstream, nor played."""
        self.over = True
        kicks = [self.freed] if self.freed is not None else []
        if self.relay is not None:
            self.relay.forget()
            kicks += [self.relay.back, self.relay.ended]
        for one in self.layer.context.layers if kicks else ():  # all of them note who has asked to be called back
            if isinstance(one, http.HttpLayer):
                for kick in kicks:
                    one.command_sources.pop(kick, None)
        if (visit := self.visit) is not None:
            visit.freed = None
        if self.brake is not None:
            self.brake.release()

    def _cancel_upstream(self) -> Commands:
        if not self.upstream_over:
            self.upstream_over = True
            cancel = _events.RequestProtocolError(self.stream_id, "not wanted", _events.ErrorCode.CANCEL)
            yield http.SendHttp(cancel, self.context.server)


async def _nothing() -> None:
    """A wait that is over once the event that is being carried out is."""


def _why(event: _events.ResponseProtocolError) -> str:
    """Why the upstream gave no whole answer; never its own bytes, which mitmproxy may quote in the message."""
    if event.code is _events.ErrorCode.CONNECT_FAILED:
        return f"the upstream could not be reached: {event.message}"
    return "the upstream broke its answer off"
