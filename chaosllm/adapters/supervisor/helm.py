"""The live side of one run: commands reach proxy and driver, a stop ends injection at once, both say when it is done.

A proxy on its own has no driver: the users are somebody else's, and only the proxy is told.

Laws:
1. A command is done when the proxy says so; one that is refused, or that the proxy does not answer, changes nothing.
2. One command is carried out at a time, in the order in which they came.
3. A stop waits for nobody: the proxy is told to inject nothing more before anything else happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from chaosllm.adapters.supervisor.children import Child
from chaosllm.errors import ChaosError
from chaosllm.live.commands import Command
from chaosllm.live.steering import Steering, Switch
from chaosllm.live.stopping import Stop
from chaosllm.scenario import Scenario

#: Seconds that proxy and driver may take to carry a command out; they take a millisecond or two.
PATIENCE = 3.0
#: Seconds of silence after which the proxy takes its supervisor for frozen, and ends injection.
LEASE = 5.0
#: Seconds after a stop in which operations under way may come to their end, on calls that now pass clean.
DRAIN = 3.0
#: Seconds between two looks at whether they have.
_LOOK = 0.05


class Helm:
    """Steers the run of `scenario` whose time 0 is `t0`, monotonic seconds; `retimed` is told of other phases."""

    def __init__(
        self,
        scenario: Scenario,
        proxy: Child,
        driver: Child | None,
        t0: float,
        *,
        disabled: Sequence[str] = (),
        hold: str | None = None,
    ) -> None:
        """`disabled`: rules that begin switched off. `hold`: the phase that the proxy holds.

        `driver` None: there is none, and whoever holds the proxy beats for it, also before and after the helm.
        """
        self.steering = Steering(scenario, switches={name: Switch(on=False) for name in disabled}, hold=hold)
        self.stopped: asyncio.Future[Stop] = asyncio.get_running_loop().create_future()
        self.retimed: Callable[[Scenario], None] = lambda _: None
        self.t0 = t0
        self._proxy, self._driver = proxy, driver
        self._turn = asyncio.Lock()
        self._version = 0
        self._cleaning: asyncio.Task[None] | None = None
        self._beating = asyncio.create_task(beat(proxy), name="heartbeat") if driver is not None else None

    @property
    def t(self) -> float:
        """Seconds since the run's start."""
        return time.monotonic() - self.t0

    async def begin(self) -> None:
        """Before time 0: tell of what begins switched off. Raises ChaosError."""
        if self.steering.touched:
            await self._tell(self.steering, phases=False)

    async def take(self, command: Command) -> str:
        """Carry a command out; what was done, in words. Raises ChaosError, and then nothing changed."""
        async with self._turn:
            if self.stopped.done():
                raise ChaosError("the run is being stopped", hint="wait for its report")
            before = self.steering
            now, text = before.take(command, self.t)
            try:
                await self._tell(now, phases=now.durations != before.durations)
            except ChaosError:
                with contextlib.suppress(ChaosError):  # what one of them did must not stay
                    await self._tell(before, phases=now.durations != before.durations)
                raise
            self.steering = now
            if now.durations != before.durations:
                self.retimed(now.timed)
            return text

    def stop(self, stop: Stop) -> bool:
        """End injection now and the run with it; False when it is being stopped already."""
        if self.stopped.done():
            return False
        self.clean()
        self.stopped.set_result(stop)
        return True

    def clean(self) -> None:
        """Have the proxy inject nothing more, and let go what its faults hold."""
        if self._cleaning is None:
            self._cleaning = asyncio.create_task(self._proxy.send({"do": "clean"}), name="clean")

    async def drain(self) -> None:
        """Nobody more comes; wait for those under way, who pass clean now, as long as that makes sense."""
        self.clean()
        if self._driver is None:
            await self._let_go()
            return
        await self._driver.send({"do": "finish"})
        with contextlib.suppress(ChaosError):
            await self._driver.first("done", timeout=DRAIN)

    def close(self) -> None:
        """The run is over."""
        if self._beating is not None:
            self._beating.cancel()
        self.stopped.cancel()

    async def _tell(self, steering: Steering, *, phases: bool) -> None:
        self._version += 1
        said = {"version": self._version}
        works = [self._ask(self._proxy, {"do": "steer", "steering": steering.to_json(), **said}, "steered")]
        if phases and self._driver is not None:
            durations = [one.duration for one in steering.timed.phases]
            works.append(self._ask(self._driver, {"do": "retime", "durations": durations, **said}, "retimed"))
        await asyncio.gather(*works)

    async def _ask(self, child: Child, command: dict[str, object], answer: str) -> None:
        """Until the child says that it did this very command: an older answer may still be on its way."""
        ends = time.monotonic() + PATIENCE
        told = await child.ask(command, answer, timeout=PATIENCE)
        while told.get("version") != command["version"]:
            told = await child.next(answer, max(0.01, ends - time.monotonic()))

    async def _let_go(self) -> None:
        """Until no call is under way that a fault struck: of other people's users nobody says that no more come."""
        ends = time.monotonic() + DRAIN
        while time.monotonic() < ends and not self._proxy.gone.done():
            with contextlib.suppress(ChaosError):
                status = await self._proxy.ask({"do": "status"}, "status", timeout=DRAIN)
                if not any(one.get("in_flight") for one in status.get("by_rule", {}).values()):
                    return
            await asyncio.sleep(_LOOK)


async def beat(proxy: Child) -> None:
    """Say that somebody is there, for the proxy's lease; until it is cancelled."""
    while True:
        await proxy.send({"do": "beat"})
        await asyncio.sleep(LEASE / 10)
