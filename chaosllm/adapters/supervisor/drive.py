"""The load of one run, from its start until the driver is done, somebody stops it, or a process of ours dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from chaosllm.adapters.safety.guard import Guard
from chaosllm.adapters.supervisor.children import Message, exit_text
from chaosllm.adapters.supervisor.crew import Crew
from chaosllm.adapters.supervisor.helm import Helm
from chaosllm.adapters.supervisor.order import Watcher
from chaosllm.adapters.supervisor.strain import Strain
from chaosllm.errors import ChaosError
from chaosllm.live.spending import spend_of
from chaosllm.live.stopping import Stop
from chaosllm.units import format_duration

#: Seconds beyond the last deadline after which a driver that says nothing is taken for stuck.
PATIENCE = 15.0


class Drive:
    """Drives the run that `helm` steers; what its own conditions end, it ends through `stop`."""

    def __init__(
        self, crew: Crew, helm: Helm, watcher: Watcher, *, strain: Strain, guard: Guard, stop: Callable[[Stop], object]
    ) -> None:
        self._crew, self._helm, self._watcher, self._strain = crew, helm, watcher, strain
        self._guard, self._stop = guard, stop
        self._calls: int | None = None  # before the load began
        self._polls: set[asyncio.Task[None]] = set()
        self.app_ended = ""  # how, and when, if it did
        helm.retimed = watcher.retimed

    async def run(self) -> None:
        """Until it is over; raises ChaosError for a process of ours that dies."""
        proxy, driver = self._crew.child("proxy"), self._crew.child("driver")
        assert proxy is not None  # noqa: S101  # a run has both
        assert driver is not None  # noqa: S101  # as above
        proxy.on("lapsed", self._lapsed)
        driver.on("progress", self._progress)
        start = {"do": "start", "t0": self._helm.t0}
        await asyncio.gather(proxy.send(start), driver.send(start))
        done = asyncio.ensure_future(self._done())
        endings: list[asyncio.Future[Any]] = [done, self._helm.stopped, *(child.gone for child in self._crew.children)]
        app = self._crew.app
        exited = asyncio.ensure_future(app.process.wait()) if app is not None else None
        try:
            await self._wait(done, [*endings, exited] if exited is not None else endings)
        finally:
            done.cancel()
            if exited is not None:
                exited.cancel()

    def _progress(self, message: Message) -> None:
        proxy = self._crew.child("proxy")
        status = proxy.latest.get("status", {}) if proxy is not None else {}
        self._watcher.progress(message, status, self._guard.outside())
        self._strain.see("driver", message)
        self._strain.see("proxy", status)
        if proxy is not None:
            self._polls.add(poll := asyncio.create_task(proxy.send({"do": "status"})))
            poll.add_done_callback(self._polls.discard)
        spend = spend_of(self._helm.steering.scenario, status).usd if status else None
        self._guard.see(message, spend, calls=self._calls_of(status))

    def _calls_of(self, status: Message) -> int | None:
        """Calls since the load began; None while the proxy has told none."""
        if not status:
            return None
        recognised = int(status.get("recognised", 0))
        if self._calls is None:
            self._calls = recognised
        return recognised - self._calls

    def _lapsed(self, message: Message) -> None:
        seconds = format_duration(float(message.get("seconds") or 0.0))
        self._stop(Stop("dead_man", f"the proxy heard nothing from its supervisor for {seconds}"))

    async def _done(self) -> None:
        """Until the driver has come to its end; raises ChaosError when it is stuck."""
        driver = self._crew.child("driver")
        while driver is not None and "done" not in driver.latest:
            timed = self._helm.steering.timed
            left = timed.duration + timed.target.timeout + PATIENCE - self._helm.t
            try:
                await driver.first("done", timeout=max(0.1, left))
            except ChaosError:
                if driver.gone.done() or self._helm.steering.timed.duration <= timed.duration:
                    raise

    async def _wait(self, done: asyncio.Future[None], endings: list[asyncio.Future[Any]]) -> None:
        """Return when the driver is done or the run is stopped; raises for a process of ours that dies."""
        pending: set[asyncio.Future[Any]] = set(endings)
        while not done.done():
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if self._helm.stopped.done():
                return
            dead = next((one for one in self._crew.children if one.gone.done() and "done" not in one.latest), None)
            if dead is not None:
                raise dead.death()
            app = self._crew.app
            if app is not None and app.ended and not self.app_ended:
                # The load goes on: what users get from an app that died is the result.
                at = format_duration(max(0.0, self._helm.t))
                self.app_ended = f"{exit_text(app.process.returncode)} after {at}"
        await done
