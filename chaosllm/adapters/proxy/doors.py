# mypy: untyped-calls-exclude=mitmproxy
"""Connections before their first request: which are struck, which idle ones are closed so that apps come back.

Laws:
1. What is struck before a request is recorded as an Event of the endpoint "connection", struck or spared.
2. A connection with a request under way is never closed from here.
3. A port that refuses is open again within STEP seconds of the end of what closed it.
4. Workers that share a port look at it at the same moments, and one of them records what befalls it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from mitmproxy import connection
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy.mode_specs import ReverseMode
from mitmproxy.tls import ClientHelloData, TlsData

from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.adapters.proxy.layers import connections
from chaosllm.adapters.proxy.layers.http_layer import PlayedLayer
from chaosllm.adapters.proxy.ledger import Ledger
from chaosllm.adapters.proxy.targets import Targets
from chaosllm.plan import Plan
from chaosllm.script import Decision, Door, Step, Unreachable

#: Seconds between two looks at the phases, as the loop's lag is sampled.
STEP = 0.05

_PLAIN = "a base URL is plain HTTP, without TLS: let the app go through the explicit proxy (HTTPS_PROXY) instead"
_UNCHECKED = "the app does not check whose certificate it is shown"


class Clock(Protocol):
    """The run's clock."""

    def t(self, now: float) -> float | None:
        """Seconds since the run's start; None before it."""


@dataclass(slots=True)
class _Known:
    """A client connection to a provider that is open."""

    client: connection.Client
    provider: str
    since: float
    layer: PlayedLayer | None = None  # None: nothing of HTTP has come on it


@dataclass(slots=True)
class _Closed:
    """A port that refuses; `exchange` records this second of it, None while no app had ever come to it."""

    holder: socket.socket
    exchange: Exchange | None


@dataclass(slots=True)
class Doors:
    """The connections of one proxy. `record` makes an Exchange of a decision on one (None: on a port)."""

    plan: Plan
    targets: Targets
    ledger: Ledger
    clock: Clock
    proxyserver: Callable[[], Proxyserver]
    record: Callable[[Decision, connection.Client | None, float], Exchange]
    broke: Callable[[Exception], None]
    _known: dict[str, _Known] = field(default_factory=dict)
    _misnamed: dict[str, tuple[Exchange, Step]] = field(default_factory=dict)
    _came: set[str] = field(default_factory=set)  # providers whose reverse listener was ever used here
    _on: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # rules on, by provider
    _turned: dict[str, float] = field(default_factory=dict)  # when a rule was last turned on
    _closed: dict[int, _Closed] = field(default_factory=dict)
    _asked: dict[int, tuple[tuple[str, ...], int] | None] = field(default_factory=dict)  # rules and second, by port

    def provider(self, client: connection.Client) -> str | None:
        """The provider whose reverse listener took the connection; None for the explicit one."""
        if not isinstance(client.proxy_mode, ReverseMode):
            return None
        return self.targets.listeners.get(client.sockname[1])

    def accepted(self, client: connection.Client) -> None:
        """A listener took a connection."""
        connections.widen(self.proxyserver(), client)
        if (provider := self.provider(client)) is not None:
            self._come(provider)
            if not self._strike(client, provider, Door.LISTENER):
                self._known[client.id] = _Known(client, provider, time.monotonic())

    def hello(self, data: ClientHelloData) -> None:
        """A client begins TLS, through the explicit listener with the host that it asked for."""
        client, address = data.context.client, data.context.server.address
        if self.provider(client) is not None or address is None or self.targets.is_own(*address[:2]):
            return
        provider = self.targets.provider_at(*address[:2])
        if provider is not None and not self._strike(client, provider, Door.TUNNEL):
            self._known[client.id] = _Known(client, provider, time.monotonic())

    def start_tls(self, data: TlsData) -> None:
        """Show the wrong certificate where that was decided."""
        if data.conn.id in self._misnamed:
            connections.misname(data)

    def adopted(self, client: connection.Client, layers: list[PlayedLayer]) -> None:
        """HTTP is spoken on a connection; of several layers the innermost carries the calls."""
        if layers and (known := self._known.get(client.id)) is not None:
            known.layer = layers[-1]

    def trusted(self, client: connection.Client) -> None:
        """A request came: had the client been shown another host's certificate, it did not look at it."""
        if (found := self._misnamed.pop(client.id, None)) is not None:
            exchange, step = found
            exchange.skip(step, _UNCHECKED)
            self.ledger.closed(exchange, time.monotonic())

    def refused(self, client: connection.Client) -> bool:
        """The client gave TLS up; True when that was our doing."""
        if (found := self._misnamed.pop(client.id, None)) is None:
            return False
        exchange, step = found
        exchange.played(step)
        self.ledger.closed(exchange, time.monotonic())
        return True

    def gone(self, client: connection.Client) -> None:
        """A client's connection ended; one that only took the wrong certificate and left has refused it."""
        self.refused(client)
        self._known.pop(client.id, None)

    async def watch(self) -> None:
        """Look at the phases until cancelled."""
        try:
            while True:
                await asyncio.sleep(STEP - time.monotonic() % STEP)  # law 4: one clock for all of a machine
                try:
                    await self.look(time.monotonic())
                except Exception as error:  # a look that fails must not end them all
                    self.broke(error)
        finally:
            for port in list(self._closed):
                self._settle(self._closed[port], time.monotonic())
                self._closed.pop(port).holder.close()

    async def look(self, now: float) -> None:
        """Close the ports and the idle connections whose time has come, open those whose time is over."""
        t = self.clock.t(now)
        on = {name: self.plan.connecting(name, t=t) for name in self.targets.origins}
        for name, rules in on.items():
            if set(rules) - set(self._on.get(name, ())):
                self._turned[name] = now
        self._on = on
        for port, name in self.targets.listeners.items():
            await self._turn(port, name, t, now)
        shut = {self.targets.listeners[port] for port in self._closed}
        if not shut and not any(on.values()):
            return  # as nearly always; there may be hundreds of connections
        for known in list(self._known.values()):
            reverse = self.provider(known.client) is not None
            old = bool(on.get(known.provider)) and known.since < self._turned.get(known.provider, 0.0)
            if (old or (reverse and known.provider in shut)) and known.layer is not None and known.layer.idle:
                connections.hang_up(self.proxyserver(), known.client)
                self._known.pop(known.client.id, None)

    async def _turn(self, port: int, provider: str, t: float | None, now: float) -> None:
        """Open or close one port, as this second of its phase wants it."""
        rules = self._on.get(provider, ())
        asked = (rules, self.plan.second(t)) if rules and t is not None else None
        if self._asked.get(port) == asked:
            return
        self._asked[port] = asked
        decision = self.plan.accept(provider, t=t, door=Door.PORT, number=asked[1]) if asked is not None else None
        closed = self._closed.pop(port, None)
        if closed is not None:
            self._settle(closed, now)
        exchange = None
        # Where nobody ever came, nobody can be known to have met it.
        if decision is not None and self._has_come(provider) and self.plan.first(f"{decision.phase} {port} {asked}"):
            exchange = self.record(decision, None, now)
            self.ledger.opened(exchange)
        if decision is not None and decision.script:
            holder = closed.holder if closed else await connections.close_port(self.proxyserver(), port)
            if holder is not None:
                self._closed[port] = _Closed(holder, exchange)
                return
        if exchange is not None:
            self.ledger.closed(exchange, now)
        if closed is not None:
            try:
                await connections.open_port(self.proxyserver(), port, closed.holder)
            except Exception:  # is told by whoever looks; a provider must not stay away for good by our mistake
                self._closed[port] = _Closed(closed.holder, None)
                self._asked[port] = (), -1  # which nobody asks for, so that the next look tries again
                raise

    def _come(self, provider: str) -> None:
        """A client has come to a provider's reverse listener."""
        if provider not in self._came:
            self._came.add(provider)
            self.plan.first(f"came to {provider}")

    def _has_come(self, provider: str) -> bool:
        """Whether a client ever came to it, here or at another worker."""
        return provider in self._came or self.plan.asked(f"came to {provider}")

    def _settle(self, closed: _Closed, now: float) -> None:
        """A second of a closed port is over."""
        if closed.exchange is not None:
            for step in closed.exchange.decision.script:
                closed.exchange.played(step)
            self.ledger.closed(closed.exchange, now)

    def _strike(self, client: connection.Client, provider: str, door: Door) -> bool:
        """Do to a new connection what the plan says; False when it lives on as if nothing was."""
        now = time.monotonic()
        decision = self.plan.accept(provider, t=self.clock.t(now), door=door)
        if decision is None:
            return False
        exchange = self.record(decision, client, now)
        self.ledger.opened(exchange)
        struck = False
        for step in decision.script:
            match step:
                case Unreachable() if door is Door.LISTENER:
                    exchange.skip(step, _PLAIN)
                    continue
                case Unreachable(how="certificate"):
                    self._misnamed[client.id] = (exchange, step)
                    return True  # its client says how it ends
                case Unreachable(how="tls_handshake"):
                    connections.hang_up(self.proxyserver(), client, connections.HANDSHAKE_FAILURE)
                case _:
                    exchange.reset()
                    if door is Door.LISTENER:
                        client.error = "reset at accept"  # so that mitmproxy does not begin with it
            exchange.played(step)
            struck = True
        self.ledger.closed(exchange, now)
        return struck
