"""The fast path of a stream: its body goes from the upstream's wire through the player onto the client's wire.

mitmproxy keeps TLS, routing, headers, ends and errors; only body bytes go past its layers, which cost several
times as much for each event. The relay begins once the headers have gone, and comes back into the layers at the
body's end or at anything that is not plain.

Laws:
1. The client gets the bytes that the layers would have sent.
2. A body that the relay has left is the layers' for good; what its player still holds goes on from here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mitmproxy.proxy import events
from OpenSSL import SSL

from chaosllm.adapters.proxy.fast.brake import ALONE, Brake
from chaosllm.adapters.proxy.fast.inlet import Chunks, Inlet
from chaosllm.adapters.proxy.fast.lanes import PaceLane, PassLane
from chaosllm.adapters.proxy.fast.outlet import Http2Outlet, flush
from chaosllm.adapters.proxy.fast.route import Route
from chaosllm.adapters.proxy.fast.ticker import STEP, Alarm, Ticker
from chaosllm.adapters.proxy.layers.dispatch import Dispatch
from chaosllm.adapters.proxy.layers.drive import Driver, Kick
from chaosllm.adapters.proxy.players.actions import Action, End, Finish, Player, Send
from chaosllm.adapters.proxy.players.paced import PacedPlayer
from chaosllm.adapters.proxy.players.passing import PassPlayer

_READ = 65535
#: Seconds between two looks at whether a slow HTTP/2 client has caught up.
_LOOK = 0.02


@dataclass(frozen=True, slots=True)
class Course:
    """What lets the streams of one client run past mitmproxy's own machinery."""

    driver: Driver
    dispatch: Dispatch
    ticker: Ticker


class Relayed(Protocol):
    """What a relay needs of its stream."""

    over: bool
    brake: Brake | None

    @property
    def player(self) -> Player | None:
        """The player of the answer's body."""

    def ask(self, method: Callable[..., list[Action]], args: tuple[bytes, ...], now: float) -> list[Action]:
        """What the player wants done; its mistakes are caught."""

    def observe(self, now: float) -> None:
        """Let the player read what was sent."""

    def broke(self, error: Exception) -> None:
        """Our own code broke."""

    def rescue(self, error: Exception) -> list[Action]:
        """What is still to be done for a player that broke."""


@dataclass(slots=True)
class Relay:
    """Plays one stream on its route."""

    stream: Relayed
    route: Route
    course: Course
    back: Kick = field(default_factory=Kick)  # brings what is `left` of the body into the layers
    ended: Kick = field(default_factory=Kick)  # brings the `end` that the player asks for
    left: bytes = b""
    end: End | None = None
    _inlet: Inlet | None = None
    _over: bool = False
    _ticking: float | None = None  # when it is called back next
    _waiting: bool = False  # for the windows of an HTTP/2 client
    _alarm: Alarm = field(init=False)

    def __post_init__(self) -> None:
        self._alarm = Alarm(self._tick)
        if isinstance(outlet := self.route.outlet, Http2Outlet):
            outlet.on_wait = self._wait

    def send(self, data: bytes) -> None:
        """Body bytes onto the client's wire."""
        self.route.outlet.send(data)

    def soon(self) -> None:
        """Take the upstream's wire over once no event is under way."""
        if self._inlet is None and not self._over:
            self.course.driver.afterwards(self._switch)

    def stop(self) -> None:
        """Nothing more of the upstream is wanted here."""
        self._over = True
        if self._inlet is not None:
            self._general(None)

    def forget(self) -> None:
        """The answer is over: nothing calls back any more, however far ahead it was due."""
        self.stop()
        self._alarm.call = None

    def wake(self) -> None:
        """See to it that the player is woken when it wants to be."""
        player = self.stream.player
        if player is not None and not self.stream.over:
            self.later(player)

    def later(self, player: Player) -> None:
        """See to what a player holds back, if anything: when it goes on, and that it does not become too much."""
        if (due := player.next_wake) is not None and (self._ticking is None or due < self._ticking):
            self._ticking = due
            self.course.ticker.at(due, self._alarm)
        if (brake := self.stream.brake) is not None and (brake.on or player.held > brake.most):
            brake.press(player.held)

    def rescue(self, error: Exception) -> None:
        """A player broke here: what it held is sent, and the rest passes."""
        self.pass_on(self.stream.rescue(error))

    def pass_on(self, actions: list[Action]) -> None:
        """Another player is in the place of the first, and first of all there is this to do."""
        if self._inlet is not None and not self._over:
            self._general(self.plain if self.route.tls is None else self._sealed)
        if self._act(actions):
            self.wake()  # the brake lets go, too, because nothing is held any more

    def _switch(self) -> None:
        if self._over or self.stream.over or self._inlet is not None:
            return
        inlet = self._inlet = self.route.inlet()
        if inlet is None:
            return
        wire, outlet, player = self.route.wire, self.route.outlet, self.stream.player
        wire.tap = self.plain if self.route.tls is None else self._sealed
        if self.route.tls is None and isinstance(inlet, Chunks):
            if type(player) is PassPlayer and outlet.chunked:
                wire.transport.set_protocol(PassLane(wire, self, inlet, player, outlet.raw))
            elif type(player) is PacedPlayer:
                wire.transport.set_protocol(PaceLane(wire, self, inlet, player, outlet.send))

    def _wait(self) -> None:
        """An HTTP/2 client takes no more: read no further while much waits for it. No event tells when that is over."""
        outlet = self.route.outlet
        if not self._waiting and isinstance(outlet, Http2Outlet) and outlet.waiting > ALONE:
            self._waiting = True
            self.route.wire.hold(outlet)
            self.course.ticker.at(time.monotonic() + _LOOK, self._look)

    def _look(self, now: float) -> None:
        outlet = self.route.outlet
        if isinstance(outlet, Http2Outlet) and not self.stream.over and outlet.waiting > ALONE // 2:
            self.course.ticker.at(now + _LOOK, self._look)
        else:
            self._waiting = False
            self.route.wire.release(outlet)

    def _general(self, tap: Callable[[bytes], None] | None) -> None:
        """Leave the lane."""
        self.route.wire.tap = tap
        if not self.route.wire.transport.is_closing():
            self.route.wire.transport.set_protocol(self.route.wire)

    def plain(self, data: bytes) -> None:
        """Bytes as they came off the wire."""
        inlet = self._inlet
        if inlet is None or self._over:
            return
        try:
            taken = inlet.take(data)
            self._take(taken.body, taken.raw if inlet.chunked == self.route.outlet.chunked else None)
        except Exception as error:
            self._fail(error)
            return
        if taken.left is not None and not self._over:
            self.stop()
            self.route.all_has_come()
            self.left = taken.left
            self.course.driver.deliver(events.Wakeup(self.back))

    def _fail(self, error: Exception) -> None:
        """Nobody knows how much of some bytes was sent, so the answer must break."""
        self.stop()
        self.stream.broke(error)
        self.end = End.BROKEN
        self.course.driver.deliver(events.Wakeup(self.ended))

    def _sealed(self, data: bytes) -> None:
        session: Any = self.route.tls
        session.bio_write(data)
        plain, ended = b"", False
        while True:
            try:
                plain += session.recv(_READ)
            except SSL.WantReadError:
                break
            except SSL.Error:  # the upstream's alert or end, which mitmproxy's layer meets again
                ended = True
                break
        flush(session, self.route.wire.transport)  # a key update may want an answer (RFC 8446, section 4.6.3)
        if plain:
            self.plain(plain)
        if ended:
            self.stop()
            self.route.wire.data_received(b"")

    def _take(self, body: list[bytes], raw: bytes | None) -> None:
        player = self.stream.player
        if player is None or self.stream.over or not (body or raw):
            return
        now = time.monotonic()
        if raw is not None and type(player) is PassPlayer:
            self.route.outlet.raw(raw)  # which may be framing alone, where the upstream sends that by itself
            try:
                if body:
                    player.sent(body, now)
            except Exception as error:  # the bytes have gone; only our own record suffers
                self.stream.broke(error)
        elif type(player) is PassPlayer:  # the pieces stay apart, as their chunks were
            for piece in body:
                self._play(player.data, (piece,), now)
        elif body:
            self._play(player.data, (body[0] if len(body) == 1 else b"".join(body),), now)

    def _tick(self, now: float) -> None:
        if self._ticking is not None and self._ticking - now > STEP:  # a step may begin a hair before its moment
            return  # an earlier wish that a later one has taken the place of
        self._ticking = None
        player = self.stream.player
        if player is None or self.stream.over:
            return
        try:
            if type(player) is PacedPlayer and not player.ended:
                self._release(player, now)
            else:
                self._play(player.wake, (), now)
        except Exception as error:
            self._fail(error)

    def _release(self, player: PacedPlayer, now: float) -> None:
        """As `_play`, for what most streams are."""
        try:
            due = player.release(now)
        except Exception as error:
            self.rescue(error)
            return
        if due:
            self.route.outlet.send(due)
        if player.next_wake is not None or (self.stream.brake is not None and self.stream.brake.on):
            self.later(player)

    def _play(self, method: Callable[..., list[Action]], args: tuple[bytes, ...], now: float) -> None:
        if not self._act(self.stream.ask(method, args, now)):
            return
        self.stream.observe(now)
        self.wake()

    def _act(self, actions: list[Action]) -> bool:
        """Do what a player wants done; False when that is the answer's end."""
        for action in actions:
            if isinstance(action, Send):
                self.route.outlet.send(action.data)
            elif isinstance(action, Finish):
                self.stop()
                self.end = action.end
                self.course.driver.deliver(events.Wakeup(self.ended))
                return False
        return True
