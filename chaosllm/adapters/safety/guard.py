"""Watches over a run, and says once, to whoever runs it, that it is to stop.

Laws:
1. `stop` is called at most once, by whatever comes first; it is called from the loop, and never waits.
2. Nothing that answers can hold the guard up: each lever and probe is asked by a task of its own, one request at a
   time, each bounded in time and size.
3. A failure of our own is never silent: it is noted, and where a lever was to be read it stops the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from chaosllm.adapters.safety.asking import Asker
from chaosllm.adapters.safety.levers import Lever, levers, refuse
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.probing import ProbeWatch
from chaosllm.live.stopping import Kind, Reading, Stop, StopWatch, quantity, refuse_unknown
from chaosllm.probes import Judged
from chaosllm.scenario import Scenario, StopProbe
from chaosllm.units import format_duration

#: Seconds that a heartbeat which lies in the loop's queue has to be seen before the dead man's switch acts on it.
_GRACE = 0.05
#: Seconds between two looks at when a console was last heard, at most: a laptop may have slept in between.
_LOOK = 1.0


class Guard:
    """One run's guard; everything but `refuse` and `close` returns at once."""

    def __init__(
        self,
        scenario: Scenario,
        *,
        stop: Callable[[Stop], None],
        note: Callable[[str], None],
        lever: str | None = None,
        target: str | None = None,
        dead_man: float | None = None,
        base: Path | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """`lever`: one beside the scenario's own and the environment's. `base`: the scenario's folder.

        `target`: where the app is, when not where the scenario says. `dead_man`: seconds without a console, after
        which everything ends; None: nobody needs to be there.
        """
        environ = os.environ if environ is None else environ
        self._scenario, self._stop, self._note = scenario, stop, note
        self._target = target or scenario.target.url
        self._asker = Asker(environ)
        self._levers = levers(scenario.limits.safety_lever, lever, base or Path.cwd(), self._asker, environ)
        self._watch = StopWatch(scenario.stop_when)
        self._probes = tuple(ProbeWatch(one) for one in scenario.probes)
        if self._probes or any(one.is_url for one in self._levers):
            with contextlib.suppress(ChaosError):  # `refuse` tells of it
                self._asker.load()  # now, because while the run goes on it would hold up the loop
        self._dead_man = dead_man
        self._heard = 0.0  # by the loop's clock
        self._heard_from = ""
        self._tasks: list[asyncio.Task[None]] = []
        self.stopped: Stop | None = None

    async def refuse(self) -> None:
        """Raise ChaosError when nothing may start: exit code 5 for a lever that is set or cannot be read.

        A condition that could never come true is the author's mistake (exit code 2), and so is a probe's question.
        """
        refuse_unknown(self._scenario.stop_when)
        if self._probes:
            self._asker.load()
        await refuse(self._levers)
        early = [one.probe for one in self._probes if getattr(one.probe.probe, "early", False)]
        for probe, judged in zip(early, await asyncio.gather(*map(self._judged, early)), strict=True):
            if judged.mistake:
                raise ChaosError(
                    f"stop_when: {probe.text}: {judged.text}, so it could never stop the run",
                    hint="try the query in the server's own page, and write it as it is there",
                    exit_code=Exit.USAGE,
                )

    def start(self, target: str | None = None) -> None:
        """Begin to look, as tasks of the running loop; the dead man's switch is armed from here on.

        `target` is where the app is, when that was not known before.
        """
        self._target = target or self._target
        self._tasks += [self._task("lever", one.what, partial(self._follow_lever, one)) for one in self._levers]
        self._tasks += [self._task("probe", one.probe.text, partial(self._follow_probe, one)) for one in self._probes]
        if self._dead_man is not None:
            self._heard = asyncio.get_running_loop().time()
            self._tasks.append(
                self._task("dead_man", "the dead man's switch", partial(self._follow_console, self._dead_man))
            )

    def see(self, progress: Mapping[str, Any], spend: float | None, *, calls: int | None = None) -> Stop | None:
        """Take the driver's progress, once a second; the Stop, of whatever kind, when there is one.

        `spend`: US dollars at list prices (`live.spending.spend_of`). `calls`: those of the app since the run began.
        """
        condition = self._watch.see(progress, spend=spend, calls=calls)
        if condition is not None:
            at = self._scenario.stop_when.index(condition)
            self._end(Stop("stop_when", f"{condition.text}: {_now(self._watch.readings()[at])}"))
        longest = self._scenario.limits.max_duration
        # A live command may have made a phase longer than the reader allowed; the plan injects nothing past it.
        if longest is not None and progress["t"] >= longest and progress.get("phase"):
            self._end(Stop("max_duration", f"limits.max_duration of {format_duration(longest)} is over"))
        return self.stopped

    def readings(self) -> tuple[Reading, ...]:
        """Where everything stands that may stop the run: conditions, and what `outside` gives."""
        return (*self._watch.readings(), *self.outside())

    def outside(self) -> tuple[Reading, ...]:
        """Where probes, levers and the dead man's switch stand; what `LiveView.see` takes beside the messages."""
        found = [*(one.reading() for one in self._probes), *(one.reading() for one in self._levers)]
        return (*found, *([self._console()] if self._dead_man is not None else []))

    def heard(self, console: str) -> None:
        """A console is alive."""
        self._heard, self._heard_from = asyncio.get_running_loop().time(), console

    async def close(self) -> None:
        """Stop looking; no `stop` comes after it."""
        tasks, self._tasks = self._tasks, []
        self._stop = _nobody
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._asker.close()

    # What goes on meanwhile ----------------------------------------------------------------------

    def _end(self, stop: Stop) -> None:
        if self.stopped is None:
            self.stopped = stop
            self._stop(stop)

    def _task(self, kind: Kind, what: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        return asyncio.create_task(self._loudly(kind, what, work), name=f"guard: {what}")

    async def _loudly(self, kind: Kind, what: str, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong inside of us is said; without what was to keep others safe, everything ends."""
        try:
            await work()
        except Exception as error:  # ours
            text = f"{what} is no longer looked at: {type(error).__name__} inside chaosllm"
            self._note(text)
            if kind != "probe":
                self._end(Stop(kind, text))

    async def _follow_lever(self, lever: Lever) -> None:
        failed = False
        async for _ in _paced(lever.every):
            seen = await lever.see()
            stop = lever.take(seen)
            if seen.why and not failed:
                self._note(f"{lever.what} cannot be read: {seen.why}")
            failed = bool(seen.why)
            if stop is not None:
                self._end(stop)
                return

    async def _follow_probe(self, watch: ProbeWatch) -> None:
        probe = watch.probe
        async for _ in _paced(probe.every):
            was = watch.unknown
            judged = await self._judged(probe)
            stop = watch.take(judged)
            if watch.unknown is not was:
                self._note(f"{probe.text}: {f'not known, {judged.text}' if watch.unknown else 'known again'}")
            if stop is not None:
                self._end(stop)
                return

    async def _judged(self, probe: StopProbe) -> Judged:
        try:
            answer = await self._asker.ask(probe.probe.ask(self._target), probe.timeout)
            return probe.probe.judge(answer)
        except Exception as error:  # noqa: BLE001, RUF100  # a plugin's: it is said, and shows nothing
            return Judged(None, f"{type(error).__name__} inside the probe {probe.probe.name}")

    async def _follow_console(self, most: float) -> None:
        loop = asyncio.get_running_loop()
        while True:
            left = self._heard + most - loop.time()
            if left > 0:
                await asyncio.sleep(min(left, _LOOK))
                continue
            before = self._heard
            await asyncio.sleep(_GRACE)
            if self._heard == before:
                whom = self._heard_from or "any console"
                text = f"nothing was heard of {whom} for {format_duration(most)}"
                self._end(Stop("dead_man", text))
                return

    def _console(self) -> Reading:
        most = self._dead_man or 0.0
        silent = max(0.0, asyncio.get_running_loop().time() - self._heard) if self._heard else None
        over = self.stopped is not None and self.stopped.kind == "dead_man"
        return Reading(f"no console is heard for {format_duration(most)}", silent, most, "seconds", over, "dead_man")


def _now(reading: Reading) -> str:
    value = reading.value or 0.0
    return f"{quantity(value, reading.unit)} now"


def _nobody(_: Stop) -> None:
    """Nobody is to be told any more."""


async def _paced(every: float) -> AsyncIterator[None]:
    """Now, and then each so many seconds; what is late is left out and never made up for."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    while True:
        yield
        due = max(due + every, loop.time())
        await asyncio.sleep(due - loop.time())
