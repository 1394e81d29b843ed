# mypy: untyped-calls-exclude=mitmproxy
"""Gives the ports to another proxy that listens on them already, so that no client of either notices.

Laws:
1. No connection is refused: the listeners close only after what waits at them was taken.
2. No call is lost: each is answered to its end, unless it takes longer than LONGEST.
3. No HTTP/1 connection carries more than one further call: its answer says `Connection: close`, and a client
   that heard so asks anew, at the other proxy. One on which nobody asks is closed after NOTICE.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from mitmproxy import connection, http
from mitmproxy.addons.proxyserver import Proxyserver

from chaosllm.adapters.proxy.layers import connections
from chaosllm.adapters.proxy.layers.http_layer import PlayedLayer
from chaosllm.adapters.proxy.workers.control import LONGEST

#: Seconds without a call after which a connection is closed. Whoever asks more often learns by an answer that the
#: connection ends; only a client that asks in the very moment of closing loses a call, as with any server's timeout.
NOTICE = 0.5
#: Seconds between two looks at who is left.
_LOOK = 0.02


@dataclass(slots=True)
class _Guest:
    """A client connection that is open."""

    client: connection.Client
    since: float  # monotonic: when it came, or a call of it was last seen
    layer: PlayedLayer | None = None  # the innermost that speaks HTTP; None while none does


@dataclass(slots=True)
class Yielding:
    """Who is connected, and how they are made to leave."""

    proxyserver: Callable[[], Proxyserver]
    on: bool = False
    _guests: dict[str, _Guest] = field(default_factory=dict)

    def came(self, client: connection.Client) -> None:
        """A listener took a connection."""
        self._guests[client.id] = _Guest(client, time.monotonic())

    def adopted(self, client: connection.Client, layers: list[PlayedLayer]) -> None:
        """HTTP is spoken on it."""
        if layers and (guest := self._guests.get(client.id)) is not None:
            guest.layer = layers[-1]

    def gone(self, client: connection.Client) -> None:
        """It ended."""
        self._guests.pop(client.id, None)

    def answers(self, flow: http.HTTPFlow) -> None:
        """The head of an answer is about to be sent."""
        tunnel = flow.request.method == "CONNECT" or (flow.response is not None and flow.response.status_code == 101)
        if self.on and flow.response is not None and not tunnel and not flow.request.is_http2:
            flow.response.headers["connection"] = "close"

    async def drain(self, longest: float = LONGEST) -> int:
        """Return once no connection is left; how many calls were cut because they took longer than `longest` s.

        The listeners are closed already: whoever leaves does not come back. It ends early once `on` is false again.
        """
        self.on = True
        began = time.monotonic()
        for guest in self._guests.values():
            for flow in _under_way(guest):  # also of an answer whose head was sent: mitmproxy looks at it at its end
                self.answers(flow)
        await asyncio.sleep(_LOOK)  # mitmproxy tells of a connection that was just taken a turn of the loop later
        while self.on and self._guests and (now := time.monotonic()) - began < longest:
            for guest in [*self._guests.values()]:
                if any(True for _ in _under_way(guest)):
                    guest.since = now
                elif now - max(began, guest.since) >= NOTICE:
                    self._close(guest)
            await asyncio.sleep(_LOOK)
        cut = 0
        for guest in [*self._guests.values()] if self.on else ():
            cut += sum(1 for _ in _under_way(guest))
            self._close(guest)
        return cut

    def _close(self, guest: _Guest) -> None:
        connections.hang_up(self.proxyserver(), guest.client)
        self._guests.pop(guest.client.id, None)


def _under_way(guest: _Guest) -> Iterator[http.HTTPFlow]:
    """The calls of a connection; a tunnel, which only passes bytes of hosts that are not ours, is none."""
    for stream in guest.layer.streams.values() if guest.layer is not None else ():
        if (flow := getattr(stream, "flow", None)) is not None and flow.request.method != "CONNECT":
            yield flow
