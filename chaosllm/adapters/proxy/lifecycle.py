# mypy: untyped-calls-exclude=mitmproxy
"""Starts and stops one embedded mitmproxy: reverse listeners, an explicit one, a CA of its own, few addons.

Laws:
1. Everything binds the host asked for, loopback by default; upstream TLS is verified; no flow file.
2. Ready means that every listener accepts.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mitmproxy.addons import core, next_layer, proxyserver, tlsconfig
from mitmproxy.certs import CertStore
from mitmproxy.master import Master
from mitmproxy.options import CONF_BASENAME, Options

from chaosllm.adapters.proxy import trust
from chaosllm.adapters.proxy.addon import ChaosAddon, Clock, place
from chaosllm.adapters.proxy.calibration import Calibration
from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.adapters.proxy.layers import connections
from chaosllm.adapters.proxy.layers.dispatch import Dispatch
from chaosllm.adapters.proxy.ledger import FLUSH, Ledger
from chaosllm.adapters.proxy.targets import Targets
from chaosllm.adapters.proxy.workers import ports
from chaosllm.adapters.proxy.workers.gathering import Place, RedisStore
from chaosllm.adapters.proxy.workers.journal import Journal
from chaosllm.adapters.proxy.workers.sharing import SharedPorts
from chaosllm.errors import ChaosError
from chaosllm.live.steering import Steering
from chaosllm.plan import Plan
from chaosllm.providers import Provider
from chaosllm.scenario import Scenario

_KEY_BITS = 2048  # of the CA's key, as mitmproxy's own default
_READY = 20.0  # seconds until the listeners must be up


@dataclass(frozen=True)
class Share:
    """What a worker has in common with others: the journal of what they count, the ports they listen on."""

    journal: Path
    ports: tuple[int, ...]


@dataclass(frozen=True)
class Redis:
    """Where live limits are kept that other hosts share."""

    url: str = field(repr=False)  # it may hold a password
    place: Place


@dataclass(frozen=True)
class Settings:
    """What the supervisor says about one proxy."""

    upstreams: dict[str, str]
    confdir: Path
    folder: Path | None = None
    key: bytes = b""
    phase: str | None = None
    ca: dict[str, Path] = field(default_factory=dict)
    port: int = 0
    host: str = "127.0.0.1"
    keep: bool = False
    calibration: str = ""
    reference: bool = False  # leave connections and streams to mitmproxy's own code, which is slower
    share: Share | None = None  # None: this process is the whole proxy
    ports: tuple[int, ...] = ()  # those that other proxies of ours listen on too, before and after; (): `port` says
    redis: Redis | None = None


class Proxy:
    """One embedded mitmproxy. Start it, then give it the run's start; stop it once."""

    def __init__(
        self,
        scenario: Scenario,
        providers: dict[str, Provider],
        settings: Settings,
        *,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._settings = settings
        self._providers = providers
        self._report = report
        self.clock = Clock()
        self.targets = Targets.of(scenario, providers, settings.upstreams)
        self._journal = Journal(settings.share.journal) if settings.share is not None else None
        self._redis = RedisStore(settings.redis.url, settings.redis.place) if settings.redis is not None else None
        self.plan = Plan(
            scenario, providers, key=settings.key, hold=settings.phase, store=self._journal, buckets=self._redis
        )
        self.ledger = Ledger(settings.folder, settings.key, report=report, shared=settings.share is not None)
        self._seed = scenario.seed
        self._steering = Steering(scenario)
        self._server = proxyserver.Proxyserver()
        self._master: Master | None = None
        self._shared: SharedPorts | None = None
        self._chaos: ChaosAddon | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._crashes = _CrashCounter(self.ledger)

    async def start(self) -> dict[str, Any]:
        """Listen; returns the ready message. Raises ChaosError."""
        confdir = trust.private_folder(self._settings.confdir)
        with trust.alone(confdir):
            roots = trust.upstream_bundle(confdir, self._settings.ca.values())
            CertStore.from_store(confdir, CONF_BASENAME, _KEY_BITS)
            bundle = trust.client_bundle(confdir)
        logging.getLogger("mitmproxy").addHandler(self._crashes)
        names = [*self.targets.origins]
        listening = await self._listen(names, confdir, roots)
        self._tasks.append(asyncio.create_task(self._flush(), name="flush"))
        self.ledger.vitals.run(asyncio.get_running_loop().call_later)
        host = self._settings.host
        shown = f"[{host}]" if ":" in host else host
        if self._settings.phase is not None and self._settings.share is None:  # workers are told a common start
            self.begin(time.monotonic())
        return {
            "type": "ready",
            "reverse": {
                name: f"http://{shown}:{port}{self._providers[name].base_path}"
                for name, port in zip(names, listening[1:], strict=True)
            },
            "explicit": f"http://{shown}:{listening[0]}",
            "ca": str(confdir / trust.CA),
            "bundle": str(bundle),
        }

    def begin(self, t0: float) -> None:
        """The run starts at this monotonic time."""
        if self.clock.t0 is None:
            self.clock.t0 = t0
            self.ledger.start(t0)
            self.ledger.vitals.start(t0)
            if self._redis is not None:
                self._redis.begin(time.time() - (time.monotonic() - t0))

    def clean(self, *, let_go: bool = True) -> None:
        """Inject nothing from now on; what faults hold is let go, or played on."""
        self.plan.injecting = False
        if let_go:
            self._let_go(lambda _: True)

    def steer(self, said: Mapping[str, Any]) -> None:
        """Inject from now on as live commands have made the run; raises KeyError, TypeError or ValueError."""
        before, now = self._steering, Steering.from_json(self._steering.scenario, said)
        self._steering = now
        self.plan.steer(now)
        if now.paused:
            self._let_go(lambda _: True)
        elif off := {name for name, one in now.switches.items() if not one.on and before.switch(name).on}:
            self._let_go(lambda exchange: any(part.fired and part.rule in off for part in exchange.decision.applied))

    def _let_go(self, which: Callable[[Exchange], bool]) -> None:
        """Play no more of the faults that are under way: who is held by one when it ends must not stay so."""
        for exchange in [one for one in self.ledger.in_flight if which(one)]:
            try:
                exchange.let_go()
            except Exception as error:  # one that cannot be let go must not keep the others
                exchange.failed(error)

    async def give_way(self) -> int:
        """Leave the shared ports to another proxy; how many calls were cut. Nothing may be injected any more."""
        if self._shared is None or self._chaos is None:
            return 0
        await self._chaos.doors.look(time.monotonic())  # so that no port is opened again later by the end of a rule
        await self._shared.close()
        return await self._chaos.yielding.drain()

    async def take(self) -> None:
        """Listen again after `give_way`; raises OSError."""
        if self._shared is not None and self._chaos is not None:
            self._chaos.yielding.on = False
            await self._shared.open()

    async def stop(self) -> None:
        """Write what is in flight, stop listening, close every connection."""
        if self._stopping:
            return
        self._stopping = True
        self.clean(let_go=False)
        self.ledger.vitals.stop()
        self.ledger.close()
        for task in self._tasks[1:] if self._master is not None else self._tasks:
            task.cancel()
        if self._master is not None:
            await connections.drop_connections(self._server)
            self._master.shutdown()
            with contextlib.suppress(TimeoutError, asyncio.CancelledError):
                await asyncio.wait_for(self._tasks[0], 2.0)
        logging.getLogger("mitmproxy").removeHandler(self._crashes)
        if not self._settings.keep:
            trust.forget(self._settings.confdir)

    async def _listen(self, names: list[str], confdir: Path, roots: Path) -> list[int]:
        """The ports of the explicit listener and of those of `names`, all of them up."""
        settings = self._settings
        for _ in range(ports.TRIES):
            if shared := settings.share.ports if settings.share is not None else settings.ports:
                chosen = [*shared]
            else:
                chosen = ports.find(settings.host, settings.port, 1 + len(names))
            self.targets.listeners.clear()
            self.targets.listeners.update(zip(chosen[1:], names, strict=True))
            if await self._run(self._options(chosen, confdir, roots)):
                return chosen
            if settings.port or shared:
                break
        raise ChaosError(f"no free port on {settings.host}", hint="give another with --port, or end what holds them")

    async def _run(self, options: Options) -> bool:
        """Start a master; True when all its listeners are up."""
        self._server = proxyserver.Proxyserver()
        master = Master(options)
        up = asyncio.Event()
        shares = self._settings.share is not None or self._settings.ports
        self._shared = SharedPorts(self._server) if shares else None
        calibration = Calibration(self._settings.calibration, self._seed)
        chaos = ChaosAddon(
            self.plan, self._providers, self.targets, self.ledger, self.clock,
            proxyserver=lambda: self._server, calibration=calibration,
            dispatch=None if self._settings.reference else Dispatch(master.addons),
        )  # fmt: skip
        master.addons.add(
            core.Core(),
            self._server,
            *([self._shared] if self._shared is not None else []),
            next_layer.NextLayer(),
            tlsconfig.TlsConfig(),
            chaos,
            _Running(up),
        )
        # This option belongs to an addon, so it exists only now.
        master.options.update(connection_strategy="lazy")
        task = asyncio.create_task(master.run(), name="mitmproxy")
        waiting = asyncio.create_task(up.wait(), name="up")
        await asyncio.wait([task, waiting], timeout=_READY, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if up.is_set() and all(instance.is_running for instance in self._server.servers):
            self._master, self._chaos = master, chaos
            self._tasks += [task, asyncio.create_task(chaos.doors.watch(), name="doors")]
            return True
        master.shutdown()
        await asyncio.wait([task], timeout=2.0)
        return False

    def _options(self, listening: list[int], confdir: Path, roots: Path) -> Options:
        host = f"[{self._settings.host}]" if ":" in self._settings.host else self._settings.host
        modes = [f"regular@{host}:{listening[0]}"]
        for origin, port in zip(self.targets.origins.values(), listening[1:], strict=True):
            modes.append(f"reverse:{origin}@{host}:{port}")
        return Options(
            mode=modes,
            confdir=str(confdir),
            ssl_verify_upstream_trusted_ca=str(roots),
            allow_hosts=self.targets.patterns(),
            http2=True,
            # mitmproxy closes idle connections after 10 minutes; a hang may be asked to last longer.
            tcp_timeout=7 * 86400,
        )

    async def _flush(self) -> None:
        """Write the ledger out, over and over."""
        while True:
            await asyncio.sleep(FLUSH)
            self.ledger.flush()


class _Running:
    """Says when mitmproxy's servers have been started."""

    def __init__(self, up: asyncio.Event) -> None:
        self._up = up

    def running(self) -> None:
        """Mitmproxy's hook."""
        self._up.set()


class _CrashCounter(logging.Handler):
    """Counts what mitmproxy logs as its own crash: an exception in a layer of ours ends there."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(logging.ERROR)
        self._ledger = ledger

    def emit(self, record: logging.LogRecord) -> None:
        """Report the exception's kind and place; never the message, which may quote traffic."""
        if record.exc_info and (error := record.exc_info[1]) is not None:
            self._ledger.failure(f"{place(error)} in {record.name}")
