"""The proxy on its own, for `chaosllm proxy`: starts it (and the simulator), steers it, holds it, stops it.

Laws:
1. Whatever ends injection (the last phase, a stop, Ctrl-C), the proxy is told before anything else happens.
2. After a stop the proxy stays and passes everything on, clean, until Ctrl-C: an app must not lose its provider by us.
3. Nothing here prints; `ready` and a Watcher are told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from chaosllm.adapters.environment import clashes, variables
from chaosllm.adapters.handover import pack
from chaosllm.adapters.proxy.workers.gathering import RENEW, Gathering
from chaosllm.adapters.proxy_order import ProxyOrder
from chaosllm.adapters.safety.guard import Guard
from chaosllm.adapters.supervisor.children import Child, Message, kill_group
from chaosllm.adapters.supervisor.controlled import ControlRoom
from chaosllm.adapters.supervisor.helm import LEASE, Helm, beat
from chaosllm.adapters.supervisor.log import Log
from chaosllm.adapters.supervisor.order import Watcher
from chaosllm.adapters.supervisor.piped import Piped, adopt
from chaosllm.adapters.supervisor.proxy_desk import ProxyDesk, watched
from chaosllm.adapters.warm import Warm
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.spending import spend_of
from chaosllm.live.stopping import Stop
from chaosllm.scenario import Scenario
from chaosllm.units import format_duration

_START = 30.0  # seconds for a child to be ready, as in session
#: Seconds between two looks at the counts.
_SECOND = 1.0
#: Seconds between two looks at how long the phases last: a command ends one `steering.LEAD` ahead at the soonest.
_LOOK = 0.2


async def refuse(order: ProxyOrder) -> None:
    """Raise ChaosError (exit code 5) when a safety lever is set, or cannot be read: before anything is made for it."""
    guard = Guard(replace(order.scenario, stop_when=()), stop=lambda _: None, note=lambda _: None, base=order.base)
    try:
        await guard.refuse()
    finally:
        await guard.close()


class ProxySession:
    """One `chaosllm proxy`; `ready` is told the addresses and variables, `failed` once what broke in our own code."""

    #: What is said once the faults are over and the proxy stays.
    stays = "injection has ended; the proxy passes everything on, clean, until Ctrl-C"

    def __init__(
        self,
        order: ProxyOrder,
        ready: Callable[[Message], None],
        failed: Callable[[str], None],
        watcher: Watcher,
        proxy: Warm,
        *,
        leave: bool = False,
    ) -> None:
        """`leave`: end as soon as the faults are over, whoever still has calls to make."""
        self.order = order
        self.helm: Helm | None = None  # while phases run
        self.judging = False
        self.ended_by: Stop | None = None  # what ended it before its time, other than Ctrl-C
        self._ready, self._failed, self._watcher, self._warm, self._leave = ready, failed, watcher, proxy, leave
        self._told: set[str] = set()
        self._children: list[Child] = []
        self._proxy: Child | None = None
        self._interrupted = 0
        self._stopped_at: float | None = None  # second of the run
        self._over = False  # injection has ended, for whatever reason
        self._ending, self._leaving = asyncio.Event(), asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        own, self._unwatched = watched(order.scenario)
        self.guard = Guard(replace(order.scenario, stop_when=own), stop=self._end_by, note=self._note, base=order.base)
        self._log = Log(watcher.note)
        self.desk = ProxyDesk(order.scenario.name, self._log, hold=order.phase)
        self._room = ControlRoom(self.desk, name=order.scenario.name, kind="proxy")

    @property
    def scenario(self) -> Scenario:
        """As it was written."""
        return self.order.scenario

    async def run(self) -> Message:
        """Until the phases are over, or it is stopped and left; the last counts. Raises ChaosError.

        Exit code 5 in what it raises: a safety lever is set, and nothing was started.
        """
        await self.guard.refuse()
        if self.order.out is not None:
            self.order.out.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.desk.begin(self, self.order.out)
        self._room.open_soon(self.order.out, self._note)
        gathering = Gathering(self.order.redis, self.order.text) if self.order.redis is not None else None
        work = self._warm.folder
        try:
            if gathering is None:
                return await self._hold(work, secrets.token_hex(16))
            async with _present(gathering):
                meeting = {"url": self.order.redis, "place": asdict(gathering.place)}
                return await self._hold(work, gathering.place.key, meeting)
        finally:
            for task in self._tasks:
                task.cancel()
            for child in reversed(self._children):
                await child.stop()
            await self.guard.close()
            if self.helm is not None:
                self.helm.close()
            await self._room.close()
            self._log.close()

    def stop(self, stop: Stop) -> bool:
        """End injection now, and judge where it is judged; False when it has ended already."""
        if self._over or self.ended_by is not None or self._interrupted:
            return False
        self.ended_by = stop
        self._stopped_at = round(self.helm.t, 3) if self.helm is not None else None
        if self.helm is not None:
            self.helm.stop(stop)
        elif self._proxy is not None:
            self._later(self._proxy.send({"do": "clean"}))
        self.desk.stopping(stop)
        self._watcher.say(f"stopped by {stop.who}: {stop.text}")
        self._ending.set()
        return True

    def interrupt(self) -> None:
        """End the proxy, too; a second call waits for nothing."""
        self._interrupted += 1
        if self._interrupted > 1:
            for child in self._children:
                kill_group(child.process)
        elif not self._over and self.ended_by is None:
            if self.helm is not None:
                self.helm.clean()
            self.desk.stopping(Stop("interrupt", "Ctrl-C", "terminal"))
        self._ending.set()
        self._leaving.set()

    async def _hold(self, work: Path, key: str, meeting: Message | None = None) -> Message:
        """`key`: what API keys and texts are hashed with; `meeting`: where live limits are kept, if elsewhere."""
        order = self.order
        origins = await self._simulate(work)
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
            "lease": LEASE,
        } | self._more()
        proxy = self._proxy = await adopt("proxy", Piped(*self._warm.release()), config, log=self._warm.log)
        self._children.append(proxy)
        proxy.on("failure", self._tell)
        proxy.on("lapsed", self._lapsed)
        self._later(beat(proxy))  # from now on, because the proxy holds its lease from its first moment
        await proxy.first("ready", timeout=_START)
        if self._ending.is_set():
            await proxy.send({"do": "clean"})  # a held phase begins by itself
        ready = proxy.latest["ready"]
        env = variables(ready, order.scenario, os.environ)
        said = {name: ready[name] for name in ("reverse", "explicit", "ca")}
        await self._room.settled()
        control = {"control": {"url": self._room.url}} if self._room.url else {}
        self._ready(said | {"env": env, "notes": clashes(ready, order.scenario)} | control)
        if self._unwatched:
            texts = ", ".join(one.text for one in self._unwatched)
            self._note(f"not watched: {texts} (stop_when): who was served is not known without a driver")
        await self._begin(proxy)
        await self._wait()
        self._over = True
        await self._finish(proxy)
        await self._stand()
        with contextlib.suppress(ChaosError):
            return await proxy.ask({"do": "status"}, "status", timeout=2.0)
        return proxy.latest.get("status", {})

    def _more(self) -> dict[str, Any]:
        """What else the proxy's config says."""
        return {}

    async def _begin(self, proxy: Child) -> None:
        """Start the clock of the phases, where they run by it."""
        if self._ending.is_set():
            return
        t0 = time.monotonic()
        if self.order.phase is None:
            await proxy.send({"do": "start", "t0": t0})
        self._steer(proxy, t0)

    def _steer(self, proxy: Child, t0: float) -> None:
        """From now on faults strike: commands are taken, and what may stop them is watched."""
        self.helm = Helm(self.order.scenario, proxy, None, t0, hold=self.order.phase)
        self.helm.retimed = self._retimed
        self.guard.start()
        self.desk.say("running")
        self.desk.progress({"t": 0.0}, {})
        self._later(self._poll(proxy, self.helm))

    def _retimed(self, scenario: Scenario) -> None:
        self._watcher.retimed(scenario)
        self.desk.retimed(scenario)

    def _tell(self, message: Message) -> None:
        """A fault that is not played must not look like resilience, so it is told when it happens; each kind once."""
        if (what := str(message.get("what"))) not in self._told:
            self._told.add(what)
            self._failed(what)

    def _note(self, text: str) -> None:
        self._watcher.note(text)
        self.desk.note(text)

    def _lapsed(self, message: Message) -> None:
        seconds = format_duration(float(message.get("seconds") or 0.0))
        self.stop(Stop("dead_man", f"the proxy heard nothing from its supervisor for {seconds}"))

    def _end_by(self, stop: Stop) -> None:
        self.stop(stop)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    # While faults strike -------------------------------------------------------------------------

    async def _wait(self) -> None:
        """Until it is to end, or the last phase is over; raises ChaosError when a child dies."""
        ending = asyncio.create_task(self._ending.wait())
        try:
            while not self._ending.is_set() and self._dead() is None and self._left() > 0:
                await asyncio.wait(
                    [ending, *(child.gone for child in self._children)],
                    timeout=min(_LOOK, self._left()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        finally:
            ending.cancel()
        if (dead := self._dead()) is not None and not self._ending.is_set():
            raise dead.death()

    def _left(self) -> float:
        """Seconds of phases that are to come."""
        if self.order.phase is not None or self.helm is None:
            return _LOOK
        return self.helm.steering.timed.duration - self.helm.t

    def _dead(self) -> Child | None:
        return next((child for child in self._children if child.gone.done()), None)

    async def _poll(self, proxy: Child, helm: Helm) -> None:
        """Tell the counts, and hold what they come to against the stop conditions; until it is over."""
        while not self._over:
            await asyncio.sleep(_SECOND)
            with contextlib.suppress(ChaosError):
                status = await proxy.ask({"do": "status"}, "status", timeout=2.0)
                self._counted(status)
                timed, t = helm.steering.timed, helm.t
                phase = timed.phase_at(t)
                name = self.order.phase or (phase.name if phase is not None else "")
                if not self._over:
                    self._watcher.progress({"t": t}, status, self.guard.outside())
                    self.desk.progress({"t": t}, status, self.guard.outside())
                    self.guard.see({"t": t, "phase": name}, spend_of(timed, status).usd)

    def _counted(self, status: Message) -> None:
        """The proxy told its counts."""

    # After ---------------------------------------------------------------------------------------

    async def _finish(self, proxy: Child) -> None:
        """End injection; whoever was held is let go before the proxy may leave."""
        await proxy.send({"do": "clean"})
        if self.helm is not None and self._interrupted < 2:
            await self.helm.drain()
        await self._closed(None, Exit.STOPPED if self.ended_by is not None else Exit.PASS)

    async def _closed(self, verdict: str | None, code: Exit) -> None:
        """Nobody can command any more."""
        self.desk.over(verdict, code)
        await self._room.close()
        await self.guard.close()

    def _staying(self) -> bool:
        """Whether the proxy stays although its faults are over."""
        return self.ended_by is not None

    async def _stand(self) -> None:
        """Pass everything on until told to go; raises ChaosError when a child dies meanwhile."""
        if self._leave or not self._staying() or self._leaving.is_set():
            return
        self._watcher.say(self.stays)
        leaving = asyncio.create_task(self._leaving.wait())
        try:
            await asyncio.wait(
                [leaving, *(child.gone for child in self._children)], return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            leaving.cancel()
        if (dead := self._dead()) is not None and not self._leaving.is_set():
            raise dead.death()

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
