# mypy: untyped-calls-exclude=mitmproxy
"""The mitmproxy addon: asks the plan about each call, and hands the answer to a player.

Laws:
1. No hook of ours lets an exception out: the call passes unfaulted and is recorded as failed.
2. Only calls to the scenario's providers are faulted; all other traffic passes untouched.
3. Nothing of a request is kept beyond its call but what an Event holds.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mitmproxy import connection, http
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.proxy import layer
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import ClientHelloData, TlsData

from chaosllm.adapters.proxy import bodies
from chaosllm.adapters.proxy.calibration import HEADER, Calibration
from chaosllm.adapters.proxy.doors import Doors
from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.adapters.proxy.fast.relay import Course
from chaosllm.adapters.proxy.fast.ticker import Ticker
from chaosllm.adapters.proxy.layers import connections, contract, http_layer
from chaosllm.adapters.proxy.layers.dispatch import Dispatch
from chaosllm.adapters.proxy.layers.drive import Driver
from chaosllm.adapters.proxy.layers.visit import KEY
from chaosllm.adapters.proxy.ledger import Ledger
from chaosllm.adapters.proxy.messages import canned, request_of
from chaosllm.adapters.proxy.targets import Targets
from chaosllm.adapters.proxy.yielding import Yielding
from chaosllm.call import Call, Request
from chaosllm.plan import Plan
from chaosllm.providers import Provider
from chaosllm.record import Effect
from chaosllm.script import Breach, Decision, Hang, Place, Reply, Reset, Script, Step, Wait


@dataclass(slots=True)
class Clock:
    """The run's clock: `t0` is its start, monotonic seconds; None before it."""

    t0: float | None = None

    def t(self, now: float) -> float | None:
        """Seconds since the run's start; None before it."""
        return None if self.t0 is None or now < self.t0 else now - self.t0


class ChaosAddon:
    """Hooks of one proxy. `proxyserver` gives the client's sockets."""

    def __init__(
        self,
        plan: Plan,
        providers: Mapping[str, Provider],
        targets: Targets,
        ledger: Ledger,
        clock: Clock,
        *,
        proxyserver: Callable[[], Proxyserver],
        calibration: Calibration | None = None,
        dispatch: Dispatch | None = None,
    ) -> None:
        """With a `dispatch` connections are driven by us; without it by mitmproxy, which is slower."""
        contract.require()
        self.plan = plan
        self.targets = targets
        self.ledger = ledger
        self.clock = clock
        self._providers = providers
        self._proxyserver = proxyserver
        self.doors = Doors(plan, targets, ledger, clock, proxyserver, self._met, self.broke)
        self.yielding = Yielding(proxyserver)
        self._calibration = calibration
        self._dispatch = dispatch
        self._ticker: Ticker | None = None

    def client_disconnected(self, client: connection.Client) -> None:
        """End what is still open on the connection.

        mitmproxy tells each stream that its client left, but not when its reading task is cancelled
        while it waits for a lock (12.2.3, proxy/server.py, handle_connection).
        """
        connections.close_behind(self._proxyserver(), client)
        self.doors.gone(client)
        self.yielding.gone(client)
        for exchange in [one for one in self.ledger.in_flight if one.client == client.id]:
            exchange.client_left()
            self._close(exchange, time.monotonic())

    def server_connect(self, data: ServerConnectionHookData) -> None:
        """Open no upstream connection for a client that has gone: mitmproxy would never close it."""
        if data.client.timestamp_end is not None:
            data.server.error = "the client left"

    def next_layer(self, data: layer.NextLayer) -> None:
        """Make the HTTP layers of the connection ours."""
        try:
            layers = http_layer.adopt(data, self._course(data.context.client))
            self.doors.adopted(data.context.client, layers)
            self.yielding.adopted(data.context.client, layers)
        except Exception as error:  # law 1
            self.broke(error)

    def client_connected(self, client: connection.Client) -> None:
        """Take the connection over; strike it, if it is to be."""
        try:
            self._course(client)
            self.yielding.came(client)
            self.doors.accepted(client)
        except Exception as error:  # law 1
            self.broke(error)

    def tls_clienthello(self, data: ClientHelloData) -> None:
        """Prefer HTTP/2 where the client offers it, as providers do (mitmproxy takes the client's first); strike."""
        try:
            self.doors.hello(data)
            if b"h2" in data.client_hello.alpn_protocols:
                data.context.client.alpn = b"h2"
        except Exception as error:  # law 1
            self.broke(error)

    def tls_start_client(self, data: TlsData) -> None:
        """Show another host's certificate, if that is to be; mitmproxy's own addon comes before ours."""
        try:
            self.doors.start_tls(data)
        except Exception as error:  # law 1
            self.broke(error)

    def tls_failed_client(self, data: TlsData) -> None:
        """Count a client that refused our certificate: most likely its CA variable is not set."""
        if self.doors.refused(data.context.client):
            return
        # mitmproxy's words for the TLS alerts bad certificate and unknown CA; others just hung up.
        self.ledger.counts.tls_refused += "does not trust the proxy's certificate for" in (data.conn.error or "")

    def requestheaders(self, flow: http.HTTPFlow) -> None:
        """Let the bodies of foreign traffic stream through."""
        try:
            self.doors.trusted(flow.client_conn)
            if not self._ours(flow):
                flow.request.stream = True
        except Exception as error:  # law 1
            self.broke(error)

    def request(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """Recognise the call, decide, and play what comes before an answer; what of it takes time is returned."""
        exchange: Exchange | None = None
        try:
            if not self._ours(flow):
                return None
            if (answer := self._calibrate(flow)) is not None:
                return answer
            now = time.monotonic()
            request, call = self._identify(flow)
            self._aim(flow, call.provider if call is not None else None)
            if call is None:
                self.ledger.passed_by()
                return None
            exchange = self._open(flow, call, request, now)
            if flow.client_conn.timestamp_end is not None:
                exchange.client_left()  # it went while mitmproxy was still reading its request
            waiting = self._play_before(flow, exchange)
            if any(_takes_time(step) for step in exchange.decision.script):
                return waiting
            _run(waiting)
        except Exception as error:  # law 1
            if exchange is not None:
                exchange.failed(error)
            else:
                self.broke(error)
                self._aim(flow, None)  # a simulated provider must not become the real one by our mistake
        return None

    def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Stream every answer; choose the player of a call's body."""
        exchange = _exchange(flow)
        try:
            self.yielding.answers(flow)
            if flow.response is None or any(isinstance(step, Reply) for step in _script(exchange)):
                return
            flow.response.stream = True
            if exchange is None:
                return
            if flow.response.status_code < 300:
                bodies.say(flow.response, exchange.decision.headers)
            exchange.take_answer(flow)
        except Exception as error:  # law 1
            if exchange is not None:
                exchange.failed(error)

    def response(self, flow: http.HTTPFlow) -> None:
        """The answer is over, properly."""
        exchange = _exchange(flow)
        if exchange is None:
            return
        now = time.monotonic()
        if exchange.t_answer is None:
            exchange.began(now)
            exchange.status = flow.response.status_code if flow.response is not None else None
        self._close(exchange, now)

    def error(self, flow: http.HTTPFlow) -> None:
        """The answer broke, or the client left."""
        exchange = _exchange(flow)
        if exchange is not None:
            self._close(exchange, time.monotonic())

    def broke(self, error: Exception) -> None:
        """Count a failure of our own code: its kind and place, never its values."""
        self.ledger.failure(place(error))

    def _exchange(
        self, decision: Decision, provider: Provider, client: connection.Client, now: float, ordinal: int = 0
    ) -> Exchange:
        reset = partial(self._break, client)
        return Exchange(decision, provider, ordinal=ordinal, now=now, broke=self.broke, reset=reset, client=client.id)

    def _met(self, decision: Decision, client: connection.Client | None, now: float) -> Exchange:
        """The record of a connection, or of a port."""
        provider = self._providers[decision.call.provider]
        if client is None:
            return Exchange(decision, provider, ordinal=0, now=now, broke=self.broke, reset=lambda: None, client="")
        return self._exchange(decision, provider, client, now)

    def _break(self, client: connection.Client, how: Breach = Breach.RST) -> None:
        """Break a connection, and say so in the record of the other calls that were on it."""
        for other in self.ledger.in_flight:
            if other.client == client.id and other.is_call and not other.breaks:
                other.swept(how)
        if how is Breach.RST:
            connections.reset(self._proxyserver(), client)
        elif how is Breach.FIN:
            connections.hang_up(self._proxyserver(), client)

    def _open(self, flow: http.HTTPFlow, call: Call, request: Request, now: float) -> Exchange:
        ordinal = self.plan.ordinal(call)
        provider = self._providers[call.provider]
        failure: Exception | None = None
        effects: list[Effect] = []
        try:
            decision = self.plan.decide(call, request, t=self.clock.t(now), now=time.time())
            effects = self.plan.effects(call, request)
        except Exception as error:  # law 1; the call is on its way, so it must be in the record
            decision, failure = Decision(call, ""), error
        exchange = self._exchange(decision, provider, flow.client_conn, now, ordinal)
        exchange.fit(http2=flow.request.is_http2)
        exchange.read_timeout(dict(request.headers))
        exchange.effects = effects
        if failure is not None:
            exchange.failed(failure)
        flow.metadata[KEY] = exchange
        self.ledger.opened(exchange)
        if exchange.needs_plain:
            flow.request.headers["accept-encoding"] = "identity"
        return exchange

    async def _play_before(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Play what comes before an answer, unless the client has gone."""
        try:
            if not exchange.left.is_set():
                await self._before(flow, exchange)
            if exchange.left.is_set() and flow.killable:
                flow.kill()  # so that no upstream is asked for a client that has gone
                self._close(exchange, time.monotonic())
        except Exception as error:  # law 1
            exchange.failed(error)

    async def _before(self, flow: http.HTTPFlow, exchange: Exchange) -> None:
        """Play the steps before an answer, in order."""
        for step in exchange.decision.script:
            if exchange.passes():
                return
            match step:
                case Wait(seconds=seconds, place=Place.REQUEST):
                    if await exchange.wait(seconds, "wait") or exchange.passes():
                        return
                    exchange.played(step)
                case Reply():
                    flow.response = canned(step)
                    if step.status < 300:  # a good answer to the app, which counts down as any other
                        bodies.say(flow.response, exchange.decision.headers)
                    exchange.played(step)
                    return
                case Hang(seconds=seconds):
                    left = await exchange.wait(seconds, "hang")
                    if exchange.passes():
                        return
                    exchange.played(step)
                    if not left:
                        flow.kill()
                    return
                case Reset(at=Place.REQUEST, how=how):
                    exchange.played(step)
                    if how is not Breach.RST_STREAM:  # which is what the end of a killed flow is
                        exchange.reset(how)
                    flow.kill()
                    return
                case _:
                    pass

    def _calibrate(self, flow: http.HTTPFlow) -> Coroutine[Any, Any, None] | None:
        """Answer a calibration request; None for anything else, and once the run has begun."""
        if self._calibration is None or self.clock.t0 is not None or HEADER not in flow.request.headers:
            return None
        script = self._calibration.script(flow.request.headers[HEADER])
        if not script:
            return None
        decision = Decision(Call("calibration", "", "", "", stream=False), "", script)
        provider = next(iter(self._providers.values()))
        return self._before(flow, self._exchange(decision, provider, flow.client_conn, time.monotonic()))

    def _close(self, exchange: Exchange, now: float) -> None:
        if exchange.over:
            return
        exchange.over = True
        try:
            self.plan.settle(exchange.decision, exchange.usage, t=self.clock.t(now) or 0.0)
        except Exception as error:  # law 1; the call must be in the record all the same
            exchange.failed(error)
        try:
            self.ledger.closed(exchange, now)
        except Exception as error:  # law 1
            self.broke(error)

    def _course(self, client: connection.Client) -> Course | None:
        """What lets a client's streams run past mitmproxy's own machinery; None where that is to do all."""
        handler = self._proxyserver().connections.get(client.id)
        if self._dispatch is None or handler is None:
            return None
        self._ticker = self._ticker or Ticker()
        return Course(Driver.adopt(handler), self._dispatch, self._ticker)

    def _ours(self, flow: http.HTTPFlow) -> bool:
        """Whether this request goes to a listed host or came over a reverse listener."""
        request = flow.request
        return self.doors.provider(flow.client_conn) is not None or self.targets.listed(request.host, request.port)

    def _identify(self, flow: http.HTTPFlow) -> tuple[Request, Call | None]:
        """The request and the call in it; on a host that is listed but no provider's own, each dialect is tried."""
        request = request_of(flow, self._listener_provider(flow))
        if request.upstream is None and self.targets.by_host(flow.request.host, flow.request.port) is None:
            for name in self.targets.origins:
                told = replace(request, upstream=name)
                if (call := self.plan.identify(told)) is not None:
                    return told, call
        return request, self.plan.identify(request)

    def _listener_provider(self, flow: http.HTTPFlow) -> str | None:
        """The provider whose reverse listener took the request, or is its target through the explicit one."""
        host, port = flow.request.host, flow.request.port
        own = self.targets.listeners.get(port) if self.targets.is_own(host, port) else None
        return self.doors.provider(flow.client_conn) or own

    def _aim(self, flow: http.HTTPFlow, provider: str | None) -> None:
        """Send a request of the explicit listener on to the scenario's upstream."""
        request = flow.request
        name = provider or self.targets.by_host(request.host, request.port)
        origin = self.targets.origins.get(name) if name is not None else None
        if origin is not None and self.doors.provider(flow.client_conn) is None:
            request.scheme, request.host, request.port = origin.scheme, origin.host, origin.port


def _takes_time(step: Step) -> bool:
    """Whether a step before the answer holds the call."""
    return isinstance(step, Hang) or (isinstance(step, Wait) and step.place is Place.REQUEST)


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that has nothing to wait for; RuntimeError when it waits all the same."""
    try:
        work.send(None)
    except StopIteration:
        return
    work.close()
    raise RuntimeError("it waits")


def place(error: BaseException) -> str:
    """Kind and place of a failure of ours; never its message, which may quote traffic."""
    frames = traceback.extract_tb(error.__traceback__)
    return type(error).__name__ + (f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "")


def _exchange(flow: http.HTTPFlow) -> Exchange | None:
    found = flow.metadata.get(KEY)
    return found if isinstance(found, Exchange) else None


def _script(exchange: Exchange | None) -> Script:
    return exchange.decision.script if exchange is not None else ()
