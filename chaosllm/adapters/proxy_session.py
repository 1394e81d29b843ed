"""The proxy on its own, for `chaosllm proxy`: starts it (and the simulator), holds it, stops it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaosllm.adapters.environment import clashes, variables
from chaosllm.adapters.handover import pack
from chaosllm.adapters.proxy.targets import Origin
from chaosllm.adapters.proxy.workers.gathering import RENEW, Gathering
from chaosllm.adapters.scenario_file import loader
from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.piped import Piped, adopt
from chaosllm.adapters.warm import Warm
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.reader import read
from chaosllm.scenario import Scenario
from chaosllm.spelling import suggest

_START = 30.0  # seconds for a child to be ready, as in session


@dataclass(frozen=True, slots=True)
class ProxyOrder:
    """What to inject, and where."""

    scenario: Scenario
    text: str
    base: Path
    phase: str | None
    port: int
    out: Path | None
    upstreams: Mapping[str, str]
    workers: int = 1
    redis: str | None = field(default=None, repr=False)  # a URL, which may hold a password

    @classmethod
    def read(
        cls,
        path: Path,
        sets: Sequence[str],
        *,
        phase: str | None,
        port: int,
        out: Path | None,
        upstreams: Mapping[str, str],
        workers: int = 1,
        redis: str | None = None,
    ) -> ProxyOrder:
        """Read the scenario; raises ChaosError for a file, a phase or an upstream that is not there."""
        try:
            text = path.read_bytes()
        except OSError as error:
            raise _usage(
                f"{path} cannot be read: {(error.strerror or str(error)).lower()}",
                "name a scenario file; `chaosllm list scenarios` shows ours",
            ) from error
        reading = read(text, file=str(path), load=loader(path.parent), sets=sets)
        scenario = reading.unwrap()
        names = [one.name for one in scenario.phases]
        if phase is not None and phase not in names:
            raise _usage(f"there is no phase `{phase}` in {path}", suggest(phase, names))
        providers = [one.provider for one in scenario.upstreams]
        for name, url in upstreams.items():
            if name not in providers:
                raise _usage(f"--upstream: there is no upstream `{name}` in {path}", suggest(name, providers))
            Origin.parse(url)
        if upstreams and scenario.limits.max_spend is not None:
            raise _usage(f"--upstream: {path} has limits.max_spend, which cannot be kept for a real upstream", "")
        return cls(scenario, reading.as_run, path.parent, phase, port, out, upstreams, workers, redis)


class ProxySession:
    """One `chaosllm proxy`; `ready` is told the addresses and variables, `failed` once what broke in our own code."""

    def __init__(
        self, order: ProxyOrder, ready: Callable[[Message], None], failed: Callable[[str], None], proxy: Warm
    ) -> None:
        self.order = order
        self._ready = ready
        self._failed = failed
        self._told: set[str] = set()
        self._warm = proxy
        self._children: list[Child] = []
        self._stop = asyncio.Event()

    async def run(self) -> Message:
        """Until the phases are over, or Ctrl-C or SIGTERM; the last counts. Raises ChaosError."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop.set)
        gathering = Gathering(self.order.redis, self.order.text) if self.order.redis is not None else None
        work = self._warm.folder
        try:
            if gathering is None:
                return await self._hold(work, secrets.token_hex(16))
            async with _present(gathering):
                meeting = {"url": self.order.redis, "place": asdict(gathering.place)}
                return await self._hold(work, gathering.place.key, meeting)
        finally:
            for child in reversed(self._children):
                await child.stop()

    async def _hold(self, work: Path, key: str, meeting: Message | None = None) -> Message:
        """`key`: what API keys and texts are hashed with; `meeting`: where live limits are kept, if elsewhere."""
        order = self.order
        origins = await self._simulate(work)
        if order.out is not None:
            order.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = {
            "packed": pack(order.scenario),
            "folder": str(order.out.resolve()) if order.out is not None else None,
            "key": key,
            "phase": order.phase,
            "upstreams": {one.provider: origins.get(one.provider, one.url) for one in order.scenario.upstreams},
            "ca": {one.provider: str(order.base.resolve() / one.ca) for one in order.scenario.upstreams if one.ca},
            "port": order.port,
            "host": "127.0.0.1",
            "confdir": str(work / "ca"),
            "keep": False,
            "workers": order.workers,
            "redis": meeting,
            "log": str(work / "proxy.log"),
        }
        proxy = await adopt("proxy", Piped(*self._warm.release()), config, log=self._warm.log)
        self._children.append(proxy)
        proxy.on("failure", self._tell)
        await proxy.first("ready", timeout=_START)
        ready = proxy.latest["ready"]
        env = variables(ready, order.scenario, os.environ)
        said = {name: ready[name] for name in ("reverse", "explicit", "ca")}
        self._ready(said | {"env": env, "notes": clashes(ready, order.scenario)})
        if order.phase is None:
            await proxy.send({"do": "start", "t0": time.monotonic()})
        await self._wait(proxy)
        with contextlib.suppress(ChaosError):
            return await proxy.ask({"do": "status"}, "status", timeout=2.0)
        return proxy.latest.get("status", {})

    def _tell(self, message: Message) -> None:
        """A fault that is not played must not look like resilience, so it is told when it happens; each kind once."""
        if (what := str(message.get("what"))) not in self._told:
            self._told.add(what)
            self._failed(what)

    async def _wait(self, proxy: Child) -> None:
        """Until told to stop, or the last phase is over; raises ChaosError when a child dies."""
        stop = asyncio.create_task(self._stop.wait())
        limit = self.order.scenario.duration if self.order.phase is None else None
        try:
            await asyncio.wait(
                [stop, *(child.gone for child in self._children)],
                timeout=limit,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            stop.cancel()
        dead = next((child for child in self._children if child.gone.done()), None)
        if dead is not None and not self._stop.is_set():
            raise dead.death()
        await proxy.send({"do": "clean"})

    async def _simulate(self, work: Path) -> dict[str, str]:
        """Provider -> origin of those that do not go where the scenario says: overridden, or simulated."""
        scenario, overrides = self.order.scenario, dict(self.order.upstreams)
        wanted = [one.provider for one in scenario.upstreams if one.simulated and one.provider not in overrides]
        if not wanted:
            return overrides
        config = {"host": "127.0.0.1", "port": 0, "seed": scenario.seed, "providers": wanted}
        simulator = await self._start("simulator", "chaosllm.simulator", config, work)
        origins: dict[str, str] = simulator.latest["ready"]["origins"]
        return origins | overrides

    async def _start(self, name: str, module: str, config: dict[str, Any], work: Path) -> Child:
        child = await Child.start(name, module, config, log=work / f"{name}.log")
        self._children.append(child)
        await child.first("ready", timeout=_START)
        return child


@contextlib.asynccontextmanager
async def _present(gathering: Gathering) -> AsyncIterator[None]:
    """Be with the others, and give a sign of it now and then; raises ChaosError when Redis does not let us."""
    await asyncio.to_thread(gathering.join)

    async def renew() -> None:
        while True:
            await asyncio.sleep(RENEW)
            with contextlib.suppress(ChaosError):  # the proxy says so at each call that needs it
                await asyncio.to_thread(gathering.renew)

    sign = asyncio.create_task(renew())
    try:
        yield
    finally:
        sign.cancel()
        with contextlib.suppress(ChaosError):
            await asyncio.to_thread(gathering.leave)


def _usage(what: str, hint: str) -> ChaosError:
    return ChaosError(what, hint=hint, blame=Blame.SCENARIO, exit_code=Exit.USAGE)
