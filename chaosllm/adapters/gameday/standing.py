"""The standing proxy of a game day: keeps the app's provider in reach while no step's own proxy is there.

Laws:
1. It passes everything on, clean: it has no rule, and records nothing.
2. It listens beside a step's proxy only while that one measures nothing: once a step's app may call, every new
   connection comes to the step's proxy, and those of before are closed.
3. When it dies it says so, another takes its place, and the day goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from chaosllm.adapters.handover import pack
from chaosllm.adapters.interpreter import proxy_module
from chaosllm.adapters.proxy.workers import ports
from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.crew import START
from chaosllm.adapters.supervisor.handing_over import give_way
from chaosllm.errors import ChaosError
from chaosllm.scenario import Scenario, Upstream

#: On what proxies listen.
_HOST = "127.0.0.1"
#: How often one that died is replaced before the next step; more would only die again.
_AGAIN = 2
#: Seconds in which it opens its ports again; it takes a millisecond or two.
_OPENS = 5.0


@dataclass(eq=False, slots=True)
class _Set:
    """One proxy, and the simulator behind it."""

    doors: tuple[Upstream, ...]
    base: Path
    proxy: Child
    simulator: Child | None
    confdir: Path
    open: bool = True
    watch: asyncio.Task[None] | None = None


@dataclass(eq=False)
class Standing:
    """Keeps `count` ports from `first` on (0 for none in particular) for one day.

    `warn` is told what goes wrong; raises ChaosError when a port is taken, or this system cannot share ports.
    """

    first: int
    count: int
    folder: Path
    workers: int
    warn: Callable[[str], None]
    _set: _Set | None = None
    _wanted: tuple[Scenario, Path] | None = None  # whose doors are to be open now
    _deaths: int = 0
    _made: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self._held: list[socket.socket] = ports.reserve(_HOST, self.first, self.count)
        self.ports = tuple(one.getsockname()[1] for one in self._held)

    async def stand(self, scenario: Scenario, base: Path) -> bool:
        """Have the doors of a scenario open, its files below `base`; False when nobody can stand there."""
        self._wanted, self._deaths = (scenario, base), 0
        return await self._stand()

    async def give_way(self) -> None:
        """Return once whoever connects comes to somebody else; calls under way are finished first."""
        self._wanted = None
        async with self._turn:
            if (mine := self._set) is None or not mine.open:
                return
            mine.open = False
            try:
                await give_way(mine.proxy, self.warn)
            except ChaosError as error:  # it must not stay, or calls of the step would pass unseen
                self.warn(f"the standing proxy did not leave the ports, and is ended: {error.what}")
                await self._end(mine)

    async def close(self) -> None:
        """End it; the ports are free."""
        self._wanted = None
        async with self._turn:
            if self._set is not None:
                await self._end(self._set)
        for one in self._held:
            one.close()

    async def _stand(self) -> bool:
        async with self._turn:
            if self._wanted is None:  # by now somebody else stands there
                return False
            scenario, base = self._wanted
            before = self._set
            try:
                if before is not None and (before.doors, before.base) == (scenario.upstreams, base):
                    await self._open(before)
                    return True
                self._set = await self._start(scenario, base)
            except (ChaosError, OSError) as error:  # no room for a process or a log is no reason to end the day
                why = error.what if isinstance(error, ChaosError) else error.strerror or type(error).__name__
                self.warn(f"nobody keeps the app's provider in reach until the next step: {why}")
                return False
            if before is not None:
                try:
                    with contextlib.suppress(ChaosError):
                        if before.open:
                            await give_way(before.proxy, self.warn)
                finally:  # also when Ctrl-C cancels this: nobody else knows of it any more
                    await self._end(before)
            return True

    async def _open(self, mine: _Set) -> None:
        if not mine.open:
            await mine.proxy.ask({"do": "take"}, "taken", timeout=_OPENS)
            mine.open = True

    async def _start(self, scenario: Scenario, base: Path) -> _Set:
        """Start one; raises ChaosError, and leaves nothing behind then."""
        self._made += 1
        confdir = self.folder / f"standing-ca-{self._made}"
        begun: list[Child] = []
        try:
            origins: dict[str, str] = {}
            if wanted := [one.provider for one in scenario.upstreams if one.simulated]:
                config = {"host": _HOST, "port": 0, "seed": scenario.seed, "providers": wanted}
                begun.append(await self._child("simulator", "chaosllm.simulator", config))
                origins = begun[0].latest["ready"]["origins"]
            proxy = await self._child(
                "proxy", proxy_module(self.workers), self._config(scenario, base, origins, confdir)
            )
            begun.append(proxy)
        except BaseException:
            for child in begun:
                await child.stop()
            shutil.rmtree(confdir, ignore_errors=True)
            raise
        await proxy.send({"do": "clean"})  # it has no rule either
        await proxy.send({"do": "start", "t0": time.monotonic()})  # before it, a proxy keeps what it is to record
        mine = _Set(scenario.upstreams, base, proxy, begun[0] if wanted else None, confdir)
        mine.watch = asyncio.create_task(self._watch(mine), name="standing proxy")
        return mine

    def _config(self, scenario: Scenario, base: Path, origins: dict[str, str], confdir: Path) -> Message:
        bare = replace(scenario, phases=tuple(replace(phase, rules=()) for phase in scenario.phases))
        return {
            "packed": pack(bare), "folder": None, "key": secrets.token_hex(16), "phase": None,
            "upstreams": {one.provider: origins.get(one.provider, one.url) for one in scenario.upstreams},
            "ca": {one.provider: str(base.resolve() / one.ca) for one in scenario.upstreams if one.ca},
            "host": _HOST, "port": 0, "ports": self.ports[: 1 + len(scenario.upstreams)],
            "confdir": str(confdir.resolve()), "keep": False, "workers": self.workers,
            "log": str(self._log("proxy").resolve()),
        }  # fmt: skip

    def _log(self, name: str) -> Path:
        return self.folder / f"standing-{name}.log"

    async def _child(self, name: str, module: str, config: Message) -> Child:
        child = await Child.start(f"standing {name}", module, config, log=self._log(name))
        child.on("failure", lambda message: self.warn(f"the standing {name}: {message.get('what', '')}"))
        try:
            await child.first("ready", timeout=START)
        except BaseException:
            await child.stop()
            raise
        return child

    async def _watch(self, mine: _Set) -> None:
        """Say that one of it died, and have another stand there where that is wanted."""
        both = [one for one in (mine.proxy, mine.simulator) if one is not None]
        await asyncio.wait([one.gone for one in both], return_when=asyncio.FIRST_COMPLETED)
        dead = next(one for one in both if one.gone.done())
        self._deaths += 1
        needed = self._wanted is not None
        again = needed and self._deaths <= _AGAIN
        then = (
            "another is started"
            if again
            else "the app's provider is out of reach until the next step"
            if needed
            else ""
        )
        self.warn(f"{dead.death().what}{'; ' if then else ''}{then}")
        async with self._turn:
            if self._set is mine:
                self._set = None
            mine.watch = None  # else it would end itself here
            await self._end(mine)
        if again:
            await self._stand()

    async def _end(self, mine: _Set) -> None:
        if self._set is mine:
            self._set = None
        if mine.watch is not None:
            mine.watch.cancel()
        await asyncio.gather(*(one.stop() for one in (mine.proxy, mine.simulator) if one is not None))
        shutil.rmtree(mine.confdir, ignore_errors=True)
