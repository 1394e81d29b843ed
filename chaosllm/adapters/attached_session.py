"""A run in front of an app that gets its own traffic, for `chaosllm proxy --attach`: no driver, a whole run folder.

Laws:
1. The clock of the phases begins with the app's first call, because nobody knows how long it takes to point it here.
2. However it ends (the last phase, a stop, Ctrl-C, a process that dies), injection ends first, and what was recorded
   is judged.
3. The record ends with the phases: what the proxy passes on afterwards, until it is told to go, is nobody's result.
4. meta.json says `attached`, so that nobody takes silence on the users' side for resilience.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, override

from chaosllm.adapters import run_folder, run_meta
from chaosllm.adapters.proxy_order import ProxyOrder
from chaosllm.adapters.proxy_session import ProxySession
from chaosllm.adapters.redaction import hidden, scrub
from chaosllm.adapters.run_hold import Hold
from chaosllm.adapters.supervisor.calibrate import calibrated
from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.judging import judge, our_bug
from chaosllm.adapters.supervisor.machine import machine, versions
from chaosllm.adapters.supervisor.order import Result, Watcher
from chaosllm.adapters.supervisor.strain import Strain
from chaosllm.adapters.supervisor.target import free
from chaosllm.adapters.warm import Warm
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.stopping import Stop
from chaosllm.record import SCHEMA
from chaosllm.sources import ATTACHED
from chaosllm.variables import Redactor, secrets_of

#: Seconds between two looks at the first call.
_LOOK = 0.1
#: Seconds that the proxy may take to end its record; its workers have 1.5 of them.
_SEAL = 5.0
#: The first port when none is asked for, as a run's: fixed, because the app's variables are set once.
PORT = 8610


async def port_of(order: ProxyOrder) -> int:
    """The first port for the listeners: the one asked for, else the usual one, else 0 for free ones."""
    return order.port or (PORT if await free(PORT, 1 + len(order.scenario.upstreams)) else 0)


class AttachedSession(ProxySession):
    """One attached run; `watcher` is told its stages and, each second, its counts."""

    stays = "the phases are over; the proxy passes everything on, clean, until Ctrl-C"

    def __init__(
        self,
        order: ProxyOrder,
        ready: Callable[[Message], None],
        watcher: Watcher,
        proxy: Warm,
        folder: Path,
        *,
        judged: Callable[[Result], None],
        leave: bool = False,
    ) -> None:
        """`folder` is new, and `order.out` names it too; `judged` is told the result, once, as soon as it is there."""
        super().__init__(order, ready, self._broke, watcher, proxy, leave=leave)
        self._folder, self._judged = folder, judged
        self._result: Result | None = None
        self._strain = Strain(watcher)
        self._redactor = Redactor(secrets_of(order.scenario, os.environ).values())
        self._token = secrets.token_hex(8)
        scenario = order.scenario
        self.meta: dict[str, Any] = {
            "schema": SCHEMA, "version": versions()["chaosllm"], "name": scenario.name, "seed": scenario.seed,
            "started": datetime.now(UTC).isoformat(timespec="seconds"), "stopped": None, "failures": [],
            "source": ATTACHED, "app": "", "loop": "open", "machine": machine(), "versions": versions(),
            "scenario": run_meta.digest(order.text.encode()),
        }  # fmt: skip
        self._hold_folder = Hold(folder)
        run_folder.write(folder / run_folder.SCENARIO, order.text)
        run_folder.write_json(folder / run_folder.META, self.meta)

    async def record(self) -> Result:
        """Do it all and judge it; the exit code is the verdict's, 3 for an error, 5 for a stop, 130 after Ctrl-C."""
        error: ChaosError | None = None
        try:
            await self.run()
        except ChaosError as caught:
            if self._interrupted < 2:  # else we killed what it misses
                error = hidden(caught, self._redactor)
        except Exception as caught:  # a bug of ours must still leave a folder
            error = our_bug(caught, self._folder)
        if self._result is None:
            self._close(error)
            await self._judge(error)
        elif error is not None:  # after the verdict: what the proxy passed on clean it passes on no more
            self._watcher.note(f"the proxy is gone, and passes nothing on any more: {error.what}")
            self._result.code = error.exit_code
        assert self._result is not None  # noqa: S101  # judged above, or before
        return self._result

    async def _judge(self, error: ChaosError | None) -> None:
        """Judge what was recorded, and hand it to who shows it."""
        self._result = Result(error.exit_code if error else self._code(None), self._folder, None, error)
        if error is None or "clock" in self.meta:
            self.judging = True
            self._watcher.say("judging")
            self.desk.say("judging")
            try:
                self._result.material = await asyncio.to_thread(judge, self._folder)
            except Exception as caught:  # as in Session
                wrong = error or (caught if isinstance(caught, ChaosError) else our_bug(caught, self._folder))
                self._result = Result(wrong.exit_code, self._folder, None, wrong)
            else:
                if error is None:
                    self._result.code = self._code(str(self._result.material.summary["verdict"]))
            self.judging = False
        self._judged(self._result)

    def _code(self, verdict: str | None) -> Exit:
        if self.meta["stopped"]:
            return Exit.INTERRUPTED if self.meta["stopped"] == "interrupted" else Exit.STOPPED
        return {"pass": Exit.PASS, "fail": Exit.FAIL}.get(str(verdict), Exit.INCONCLUSIVE)

    @override
    def _more(self) -> dict[str, Any]:
        return {"calibration": self._token}

    @override
    async def _begin(self, proxy: Child) -> None:
        self._strain.follow(proxy)
        ready = proxy.latest["ready"]
        self.meta["ports"] = {"reverse": ready["reverse"], "explicit": ready["explicit"]}
        self.meta["calibration"], *wrong = await calibrated(next(iter(ready["reverse"].values())), self._token)
        self.meta["failures"] += wrong
        self._watcher.say("waiting for the app's first call")
        self.desk.say("waiting for the app's first call")
        await self._first_call(proxy)
        if self._ending.is_set() or proxy.gone.done():
            return
        try:
            await self.guard.refuse()  # once more, because the app may have taken its time
        except ChaosError as refused:
            self.stop(Stop("lever", refused.what, "lever"))
            return
        t0 = time.monotonic()
        self.meta["clock"] = {"name": "CLOCK_MONOTONIC", "t0": t0, "t0_unix": time.time()}
        run_folder.write_json(self._folder / run_folder.META, self.meta)  # a kill must leave a run that can be read
        await proxy.send({"do": "start", "t0": t0})
        self._watcher.say("running")
        self._steer(proxy, t0)

    @override
    async def _wait(self) -> None:
        try:
            await super()._wait()
        finally:
            if "clock" in self.meta:
                self.meta["clock"]["ended"] = round(time.monotonic() - self.meta["clock"]["t0"], 3)

    @override
    async def _finish(self, proxy: Child) -> None:
        if self._cut_short:  # what was held is let go, and has its end in the record
            await proxy.send({"do": "clean"})
            if self.helm is not None and self._interrupted < 2:
                await self.helm.drain()
        else:  # at its own end a run keeps what it holds: how long the app waits for it is a result
            await proxy.send({"do": "clean", "keep": True})
        sealed = await proxy.ask({"do": "seal"}, "sealed", timeout=_SEAL)
        await proxy.send({"do": "clean"})
        self.meta["proxy"] = {key: one for key, one in sealed["status"].items() if key != "type"}
        self._close(None)
        await self._judge(None)
        assert self._result is not None  # noqa: S101  # judged above
        material = self._result.material
        await self._closed(None if material is None else str(material.summary["verdict"]), self._result.code)

    @override
    def _staying(self) -> bool:
        return True

    @override
    def _counted(self, status: Message) -> None:
        self._strain.see("proxy", status)

    @property
    def _cut_short(self) -> bool:
        return self.ended_by is not None or bool(self._interrupted)

    async def _first_call(self, proxy: Child) -> None:
        """Until a call came, or it is to end, or the proxy died."""
        while not self._ending.is_set() and not proxy.gone.done():
            with contextlib.suppress(ChaosError):
                if (await proxy.ask({"do": "status"}, "status", timeout=2.0)).get("recognised"):
                    return
            await asyncio.sleep(_LOOK)

    def _broke(self, what: str) -> None:
        if self._result is None and what not in self.meta["failures"] and len(self.meta["failures"]) < 50:
            self.meta["failures"].append(what)
            self._watcher.note(f"{what}; what the app met since may be ours")

    def _close(self, error: ChaosError | None) -> None:
        """Injection and the record have ended: write down what is known of the run."""
        meta = self.meta
        if error is not None:
            meta["stopped"] = "crash"
            self._broke(error.what)
        elif (stop := self.ended_by) is not None and not self._interrupted:
            said = {"kind": stop.kind, "text": stop.text, "who": stop.who, "t": self._stopped_at}
            meta["stopped"], meta["stop"] = stop.kind, said
        elif self._interrupted:
            meta["stopped"] = "interrupted"
        steering = self.helm.steering if self.helm is not None else None
        meta["steering"] = steering.to_json() if steering is not None and steering.touched else None
        if clock := meta.get("clock"):
            drift = (time.time() - clock["t0_unix"]) - (time.monotonic() - clock["t0"])
            clock["drift"] = round(drift, 6)
        meta["vitals"] = self._strain.told
        scrub(self._folder, self._redactor)
        self.meta = self._redactor.value(meta)
        run_folder.write_json(self._folder / run_folder.META, self.meta)
