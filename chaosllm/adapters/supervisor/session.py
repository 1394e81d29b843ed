"""One run from start to finish: starts the processes, watches them, and always stops them.

Laws:
1. Whatever happens (an error, Ctrl-C, a stop condition, a child that dies), injection ends first,
   then load, then every process; what was recorded is kept and judged.
2. A run with a failure of our own never ends as PASS: it is in meta.json and the judge reads it.
3. Nothing here prints; a Watcher is told.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaosllm.adapters import run_folder, run_meta
from chaosllm.adapters.environment import child_environment, clashes
from chaosllm.adapters.handover import pack
from chaosllm.adapters.interpreter import proxy_module
from chaosllm.adapters.redaction import hidden, scrub
from chaosllm.adapters.run_hold import Hold
from chaosllm.adapters.safety.guard import Guard
from chaosllm.adapters.supervisor.calibrate import calibrated
from chaosllm.adapters.supervisor.children import Child, Message, together
from chaosllm.adapters.supervisor.crew import Crew
from chaosllm.adapters.supervisor.drive import Drive
from chaosllm.adapters.supervisor.handing_over import SEALED, hand_over
from chaosllm.adapters.supervisor.helm import LEASE, Helm
from chaosllm.adapters.supervisor.judging import judge, our_bug, prepare
from chaosllm.adapters.supervisor.machine import machine, versions
from chaosllm.adapters.supervisor.order import Company, Door, Order, Result, Watcher
from chaosllm.adapters.supervisor.preflight import BypassError, preflight
from chaosllm.adapters.supervisor.rehearsal import rehearse
from chaosllm.adapters.supervisor.strain import Strain
from chaosllm.adapters.supervisor.target import (
    WAIT_RUNNING,
    WAIT_STARTED,
    App,
    Command,
    free,
    free_port,
    refuse_taken,
    sample,
    wait_until_ready,
)
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.stopping import Stop
from chaosllm.record import SCHEMA
from chaosllm.scenario import Scenario
from chaosllm.variables import Redactor, filled, secrets_of, too_short

#: Seconds between the order to start and the run's time 0, so that both processes have it before it comes.
LEAD = 0.2
#: The explicit listener when the app runs already and no --port is given; the reverse ones follow it. Fixed,
#: because the user sets the app's variables once. Not registered with IANA for anything.
PORT = 8610
#: Where the proxy keeps the CA of this run, below the run folder; gone when the run is over.
CA = "ca"


@dataclass(eq=False)
class Session:
    """One run; `interrupt` may be called at any moment from the same loop."""

    order: Order
    watcher: Watcher
    company: Company = field(default_factory=Company)
    meta: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    judging: bool = False  # every process is stopped, and files appear whole: leaving now loses only the report
    _work: asyncio.Task[None] | None = None
    _interrupted: int = 0
    helm: Helm | None = None  # while the load runs
    opened: Callable[[Path], None] = lambda _: None  # told of the run's folder
    stopped: Callable[[Stop], None] = lambda _: None  # told, once, that it ends before its time
    leaving: Callable[[], Awaitable[None]] | None = None  # awaited while all still runs, and calls pass clean
    door: Door | None = None  # of `order.ports`
    _preparing: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self._strain = Strain(self.watcher)
        self._crew = Crew(lambda: self._folder, self._heard)
        self.guard = Guard(
            self.order.scenario, stop=self._end, note=self._note, target=self.order.target,
            dead_man=self.order.dead_man, base=self.order.base,
        )  # fmt: skip
        self._stopping: Stop | None = None
        self._stopped_at: float | None = None  # second of the run
        self._redactor = Redactor(secrets_of(self.order.scenario, os.environ).values())

    async def run(self) -> Result:
        """Do it all; raises ChaosError only before anything was started."""
        await self.guard.refuse()
        now = datetime.now(UTC)
        self.folder = run_folder.create(self.order.name or self.order.scenario.name, self.order.out, now.astimezone())
        self._open(now)
        error: ChaosError | None = None
        self._work = asyncio.create_task(self._go())
        if self._interrupted or self._stopping:
            self._work.cancel()
        try:
            await self._work
        except asyncio.CancelledError:
            if not (self._interrupted or self._stopping):
                raise
        except ChaosError as caught:
            error = caught
        except Exception as caught:  # a bug of ours must still stop every process and leave a folder
            error = our_bug(caught, self._folder)
        finally:
            if error is not None or self._interrupted or self._stopping:
                await self.company.leave()
            await self._stop()
        return await self._finish(hidden(error, self._redactor))

    def stop(self, stop: Stop) -> bool:
        """End injection now, then the run, and judge it as far as it came; False when it ends already."""
        if self._stopping is not None or self._interrupted or self.judging:
            return False
        self._stopping = stop
        self._stopped_at = round(self.helm.t, 3) if self.helm is not None else None
        self.stopped(stop)
        if self.helm is not None:
            self.helm.stop(stop)
        elif self._work is not None:
            self._work.cancel()
        return True

    def _end(self, stop: Stop) -> None:
        self.stop(stop)

    def _note(self, text: str) -> None:
        self.watcher.note(text)

    def interrupt(self, who: str = "terminal") -> None:
        """Stop now and keep what there is; a second call stops without patience."""
        self._interrupted += 1
        self._crew.hurried = self._interrupted > 1
        if self._interrupted == 1 and not self.judging:
            self.stopped(Stop("interrupt", "Ctrl-C", who))
        if self._interrupted == 1 and self._work is not None:
            self._work.cancel()

    # Before --------------------------------------------------------------------------------------

    def _open(self, now: datetime) -> None:
        order, folder = self.order, self._folder
        self._hold = Hold(folder)
        self.meta |= {
            "schema": SCHEMA, "version": versions()["chaosllm"], "name": order.scenario.name,
            "seed": order.scenario.seed, "started": now.isoformat(timespec="seconds"), "stopped": None, "failures": [],
            "app": order.called, "target": self.url,
            "loop": "closed" if order.scenario.load.closed else "open", "machine": machine(), "versions": versions(),
            "baseline": order.baseline, "scenario": run_meta.digest(order.text.encode()),
        }  # fmt: skip
        run_folder.write(folder / run_folder.SCENARIO, order.text)
        run_folder.write_json(folder / run_folder.META, self.meta)
        self.opened(folder)

    @property
    def _folder(self) -> Path:
        assert self.folder is not None  # noqa: S101  # set first thing in run
        return self.folder

    @property
    def scenario(self) -> Scenario:
        """As it was written."""
        return self.order.scenario

    @property
    def url(self) -> str:
        """Where the app is, without the name and password that a URL may hold: no request needs them."""
        url: str = self.meta.get("target") or self.order.target or self.order.scenario.target.url
        parts = urlsplit(url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    def _command(self) -> Command | None:
        """How to start the app; None when it runs already."""
        order, start = self.order, self.order.scenario.target.start
        if order.app:
            port = free_port()
            self.meta["target"] = f"http://127.0.0.1:{port}"
            return sample(order.app, port)
        if order.command:
            return Command(order.command, ready=start.ready if start else None)
        if start is not None and order.target is None:
            env = {name: filled(value, os.environ) for name, value in start.env.items()}
            return Command(start.command, env, start.ready)
        return None

    async def _go(self) -> None:
        command = self._command()
        scenario = self.order.scenario
        for note in too_short(scenario, os.environ):
            self.watcher.note(note)
        if command is None:  # before anything is started: without an app there is nothing to start it for
            self.watcher.say(f"waiting for the app at {self.url}")
            await wait_until_ready(self.url, None, WAIT_RUNNING)
        else:
            await refuse_taken(self.url)
        self.watcher.say("starting the proxy and the driver")
        key, token = secrets.token_hex(16), secrets.token_hex(8)
        port = self.order.port or (0 if command or not await free(PORT, 1 + len(scenario.upstreams)) else PORT)
        await self._launch()
        proxy, driver = await together(self._open_the_way(command, key, token, port), self._start_driver(key))
        ready = proxy.latest["ready"]
        await self.company.meet()
        async with self.company.turn():
            self.watcher.say("calibrating the proxy")
            self.meta["calibration"], *wrong = await calibrated(next(iter(ready["reverse"].values())), token)
            self.meta["failures"] += wrong
        await self.company.meet()
        self.watcher.say("rehearsing the locustfile" if scenario.load.closed else "sending one clean operation")
        if scenario.load.closed:
            self.meta["preflight"] = await rehearse(driver, proxy, scenario, url=self.url, note=self.watcher.note)
        else:
            self.meta["preflight"] = await preflight(
                driver, proxy, scenario, ready, url=self.url, started=command is not None, port=port or PORT
            )
        await self.company.meet()
        if not self.order.dry_run:
            await self._drive(proxy, driver)

    async def _launch(self) -> None:
        simulated = any(one.simulated for one in self.order.scenario.upstreams)
        modules = {"simulator": "chaosllm.simulator"} if simulated else {}
        modules |= {"proxy": proxy_module(self.order.proxy_workers), "driver": "chaosllm.adapters.driver"}
        for child in await self._crew.launch(modules):
            self._strain.follow(child)

    async def _open_the_way(self, command: Command | None, key: str, token: str, port: int) -> Child:
        """Everything that a call of the app passes, and then the app, which is told where the proxy is."""
        proxy = await self._start_proxy(await self._upstreams(), key, token, port)
        ready = proxy.latest["ready"]
        self.meta["ports"] = {"reverse": ready["reverse"], "explicit": ready["explicit"]}
        if self.door is not None:  # before anything is measured, or the app begins
            await self.door.give_way()
        for clash in clashes(ready, self.order.scenario):
            self.watcher.note(clash)
        if command is not None:
            self.watcher.say("starting the app")
            await self._start_app(command, ready)
        return proxy

    async def _upstreams(self) -> dict[str, str]:
        """Provider -> origin, our simulator started for those that want it."""
        scenario = self.order.scenario
        origins: dict[str, str] = {}
        if wanted := [one.provider for one in scenario.upstreams if one.simulated]:
            config = {"host": "127.0.0.1", "port": 0, "seed": scenario.seed, "providers": wanted}
            origins = (await self._crew.told("simulator", config)).latest["ready"]["origins"]
        return {one.provider: origins[one.provider] if one.simulated else one.url for one in scenario.upstreams}

    async def _start_proxy(self, upstreams: dict[str, str], key: str, token: str, port: int) -> Child:
        scenario, base, folder = self.order.scenario, self.order.base.resolve(), self._folder.resolve()
        cas = {one.provider: str(base / one.ca) for one in scenario.upstreams if one.ca}
        config = {
            "packed": pack(scenario), "folder": str(folder), "key": key,
            "phase": None, "upstreams": upstreams, "ca": cas, "port": port, "host": "127.0.0.1",
            "confdir": str(folder / CA), "keep": False, "calibration": token, "workers": self.order.proxy_workers,
            "log": str(folder / "proxy.log"), "lease": LEASE, "ports": self.order.ports,
        }  # fmt: skip
        return await self._crew.told("proxy", config)

    async def _start_driver(self, key: str) -> Child:
        folder = self._folder.resolve()
        config = {
            "packed": pack(self.order.scenario), "base": str(self.order.base.resolve()),
            "folder": str(folder), "key": key, "target": self.url,
        }  # fmt: skip
        return await self._crew.told("driver", config)

    async def _start_app(self, command: Command, ready: Message) -> None:
        env = child_environment(ready, self.order.scenario, dict(os.environ))
        self._crew.app = await App.start(command, env, self._folder / "app.log")
        await wait_until_ready(self.url, command.ready, WAIT_STARTED, self._crew.app)

    # During --------------------------------------------------------------------------------------

    async def _drive(self, proxy: Child, driver: Child) -> None:
        t0 = time.monotonic() + LEAD
        helm = self.helm = Helm(self.order.scenario, proxy, driver, t0, disabled=self.order.disabled)
        self.meta["clock"] = {"name": "CLOCK_MONOTONIC", "t0": t0, "t0_unix": time.time() + LEAD}
        run_folder.write_json(self._folder / run_folder.META, self.meta)
        if self._crew.app is not None:
            self._strain.watch(self._crew.app.process.pid, t0)
        self.watcher.say("running")
        drive = Drive(self._crew, helm, self.watcher, strain=self._strain, guard=self.guard, stop=self.stop)
        try:
            await helm.begin()
            self.guard.start(self.url)
            await drive.run()
        finally:
            if drive.app_ended:
                self.meta["app_ended"] = drive.app_ended

    def _heard(self, name: str, message: Message) -> None:
        self._failed(f"the {name}: {message.get('what', '')}")

    def _failed(self, what: str) -> None:
        if what not in self.meta["failures"] and len(self.meta["failures"]) < 50:
            self.meta["failures"].append(what)

    # After ---------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Stop injecting, then the load, then everything; returns when no process is left."""
        proxy, early = self._crew.child("proxy"), self._interrupted or self._stopping
        if proxy is not None:  # at its own end a run keeps what it holds: how long the app waits for it is a result
            await proxy.send({"do": "clean"} if early else {"do": "clean", "keep": True})
        if self._stopping and self.helm is not None and not self._interrupted:
            await self.helm.drain()
        if self.leaving is not None and "clock" in self.meta and not self._interrupted:
            await self.leaving()
        if "clock" in self.meta and not self._interrupted and self.company.alone:
            self._preparing = asyncio.create_task(asyncio.to_thread(prepare))
        self._strain.rest()
        await self._crew.stop(counts=not self._interrupted, between=self._hand_over)
        await self.guard.close()
        if self.helm is not None:
            self.meta["steering"] = self.helm.steering.to_json() if self.helm.steering.touched else None
            self.helm.close()

    async def _hand_over(self, proxy: Child) -> None:
        if self.door is not None:
            going_on = lambda: not self._interrupted  # noqa: E731  # asked now and then
            await hand_over(proxy, self.door, ran="clock" in self.meta, note=self._note, going_on=going_on)

    async def _finish(self, error: ChaosError | None) -> Result:
        meta, ran = self.meta, "clock" in self.meta
        if self._interrupted:
            meta["stopped"] = "interrupted"
        elif error is not None:
            meta["stopped"] = "crash"
            if not isinstance(error, BypassError):
                self._failed(error.what)
        if isinstance(error, BypassError):
            meta["stopped"], meta["bypass"] = "bypass", {"what": error.what, "hint": error.hint}
        elif (stop := self._stopping) is not None:
            said = {"kind": stop.kind, "text": stop.text, "who": stop.who, "t": self._stopped_at}
            meta["stopped"], meta["stop"] = stop.kind, said
        for name, kind in (("driver", "done"), ("proxy", "status"), ("proxy", SEALED)):
            child = self._crew.child(name)
            if child is not None and kind in child.latest:
                meta[name] = {key: value for key, value in child.latest[kind].items() if key != "type"}
        meta["vitals"] = self._strain.told
        if ran and not self._interrupted:
            for name, last in (("proxy", "stopped"), ("driver", "done")):
                if (child := self._crew.child(name)) is not None and last not in child.latest:
                    self._failed(f"the {name} did not come to its own end: {child.death().what}")
        if ran:
            drift = (time.time() - meta["clock"]["t0_unix"]) - (time.monotonic() - meta["clock"]["t0"])
            meta["clock"]["drift"] = round(drift, 6)
        shutil.rmtree(self._folder / CA, ignore_errors=True)  # its key could sign for any host the app trusts it for
        scrub(self._folder, self._redactor)
        self.meta = meta = self._redactor.value(meta)
        run_folder.pack_samples(self._folder)
        run_folder.write_json(self._folder / run_folder.META, meta)
        if not ran and not self._interrupted and not isinstance(error, BypassError):
            code = error.exit_code if error else Exit.STOPPED if self._stopping else Exit.PASS
            return Result(code, self._folder, None, error)
        if self._preparing is not None:
            await self._preparing
        await self.company.meet()
        self.judging = True
        self.watcher.say("judging")
        try:
            material = await asyncio.to_thread(judge, self._folder)
        except Exception as caught:  # a bug of ours in judging must not cost the error that came before
            wrong = caught if isinstance(caught, ChaosError) else our_bug(caught, self._folder)
            return Result(self._code(error or wrong, {}), self._folder, None, error or wrong)
        return Result(self._code(error, material.summary), self._folder, material, error)

    def _code(self, error: ChaosError | None, summary: Mapping[str, Any]) -> Exit:
        if self._interrupted:
            return Exit.INTERRUPTED
        if error is not None:
            return error.exit_code
        if self._stopping is not None:
            return Exit.STOPPED
        return {"pass": Exit.PASS, "fail": Exit.FAIL}.get(str(summary["verdict"]), Exit.INCONCLUSIVE)
