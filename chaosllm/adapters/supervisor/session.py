"""One run from start to finish: starts the processes, watches them, and always stops them.

Laws:
1. Whatever happens (an error, Ctrl-C, a stop condition, a child that dies), injection ends first,
   then load, then every process; what was recorded is kept and judged.
2. A run with a failure of our own never ends as PASS: it is in meta.json and the judge reads it.
3. Nothing here prints; a Watcher is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from chaosllm.adapters import run_folder, run_meta
from chaosllm.adapters.environment import child_environment, clashes
from chaosllm.adapters.handover import pack
from chaosllm.adapters.interpreter import proxy_module
from chaosllm.adapters.redaction import hidden, scrub
from chaosllm.adapters.run_hold import Hold
from chaosllm.adapters.supervisor.calibrate import calibrate
from chaosllm.adapters.supervisor.children import GRACE, Child, Message, exit_text, kill_group, together
from chaosllm.adapters.supervisor.judging import judge
from chaosllm.adapters.supervisor.machine import machine, versions
from chaosllm.adapters.supervisor.order import Company, Order, Result, Watcher
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
    listens,
    sample,
    wait_until_ready,
)
from chaosllm.errors import Blame, ChaosError, Exit
from chaosllm.record import SCHEMA
from chaosllm.stopping import StopWatch, refuse_unknown
from chaosllm.units import format_duration
from chaosllm.variables import Redactor, filled, secrets_of, too_short

#: Seconds that one of our own processes may take to say that it is ready; mitmproxy takes 1.3 when quiet.
START = 30.0
#: Seconds between the order to start and the run's time 0, so that both processes have it before it comes.
LEAD = 0.2
#: Seconds beyond the last deadline after which a driver that says nothing is taken for stuck.
PATIENCE = 15.0
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
    _children: list[Child] = field(default_factory=list)
    _app: App | None = None

    def __post_init__(self) -> None:
        self._strain = Strain(self.watcher)
        self._redactor = Redactor(secrets_of(self.order.scenario, os.environ).values())

    async def run(self) -> Result:
        """Do it all; raises ChaosError only before anything was started."""
        refuse_unknown(self.order.scenario.stop_when)
        now = datetime.now(UTC)
        self.folder = run_folder.create(self.order.name or self.order.scenario.name, self.order.out, now.astimezone())
        self._open(now)
        error: ChaosError | None = None
        self._work = asyncio.create_task(self._go())
        if self._interrupted:
            self._work.cancel()
        try:
            await self._work
        except asyncio.CancelledError:
            if not self._interrupted:
                raise
        except ChaosError as caught:
            error = caught
        except Exception as caught:  # a bug of ours must still stop every process and leave a folder
            error = self._bug(caught)
        finally:
            if error is not None or self._interrupted:
                await self.company.leave()
            await self._stop()
        return await self._finish(hidden(error, self._redactor))

    def interrupt(self) -> None:
        """Stop now and keep what there is; a second call stops without patience."""
        self._interrupted += 1
        if self._interrupted == 1 and self._work is not None:
            self._work.cancel()

    # Before --------------------------------------------------------------------------------------

    def _open(self, now: datetime) -> None:
        order, folder = self.order, self._folder
        self._hold = Hold(folder)
        self.meta |= {
            "schema": SCHEMA, "version": versions()["chaosllm"], "name": order.scenario.name,
            "seed": order.scenario.seed, "started": now.isoformat(timespec="seconds"), "stopped": None, "failures": [],
            "app": order.app or (order.command[0] if order.command else ""), "target": self._url,
            "loop": "closed" if order.scenario.load.closed else "open", "machine": machine(), "versions": versions(),
            "baseline": order.baseline, "scenario": run_meta.digest(order.text.encode()),
        }  # fmt: skip
        run_folder.write(folder / run_folder.SCENARIO, order.text)
        run_folder.write_json(folder / run_folder.META, self.meta)

    @property
    def _folder(self) -> Path:
        assert self.folder is not None  # noqa: S101  # set first thing in run
        return self.folder

    @property
    def _url(self) -> str:
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
        if command is None:
            self.watcher.say(f"waiting for the app at {self._url}")
        elif not await listens(self._url):
            raise ChaosError(
                f"cannot be started: something already listens at {self._url}",
                hint="stop it, or test it as it runs: name it with --target",
                blame=Blame.TARGET,
            )
        if command is None:  # before anything is started: without an app there is nothing to start it for
            await wait_until_ready(self._url, None, WAIT_RUNNING)
        self.watcher.say("starting the proxy and the driver")
        key, token = secrets.token_hex(16), secrets.token_hex(8)
        port = self.order.port or (0 if command or not await free(PORT, 1 + len(scenario.upstreams)) else PORT)
        upstreams = await self._upstreams()
        proxy, driver = await together(self._start_proxy(upstreams, key, token, port), self._start_driver(key))
        ready = proxy.latest["ready"]
        self.meta["ports"] = {"reverse": ready["reverse"], "explicit": ready["explicit"]}
        for clash in clashes(ready, scenario):
            self.watcher.note(clash)
        if command is not None:
            self.watcher.say("starting the app")
            await self._start_app(command, ready)
        await self.company.meet()
        async with self.company.turn():
            self.watcher.say("calibrating the proxy")
            await self._calibrate(next(iter(ready["reverse"].values())), token)
        await self.company.meet()
        self.watcher.say("rehearsing the locustfile" if scenario.load.closed else "sending one clean operation")
        if scenario.load.closed:
            self.meta["preflight"] = await rehearse(driver, proxy, scenario, url=self._url, note=self.watcher.note)
        else:
            self.meta["preflight"] = await preflight(
                driver, proxy, scenario, ready, url=self._url, started=command is not None, port=port or PORT
            )
        await self.company.meet()
        if not self.order.dry_run:
            await self._drive(proxy, driver)

    async def _upstreams(self) -> dict[str, str]:
        """Provider -> origin, our simulator started for those that want it."""
        scenario = self.order.scenario
        origins: dict[str, str] = {}
        if wanted := [one.provider for one in scenario.upstreams if one.simulated]:
            config = {"host": "127.0.0.1", "port": 0, "seed": scenario.seed, "providers": wanted}
            simulator = await self._start("simulator", "chaosllm.simulator", config)
            origins = simulator.latest["ready"]["origins"]
        return {one.provider: origins[one.provider] if one.simulated else one.url for one in scenario.upstreams}

    async def _start(self, name: str, module: str, config: Message) -> Child:
        child = await Child.start(name, module, config, log=self._folder / f"{name}.log")
        self._children.append(child)
        child.on("failure", partial(self._heard, name))
        self._strain.follow(child)
        await child.first("ready", timeout=START)
        return child

    async def _start_proxy(self, upstreams: dict[str, str], key: str, token: str, port: int) -> Child:
        scenario, base, folder = self.order.scenario, self.order.base.resolve(), self._folder.resolve()
        cas = {one.provider: str(base / one.ca) for one in scenario.upstreams if one.ca}
        config = {
            "packed": pack(scenario), "folder": str(folder), "key": key,
            "phase": None, "upstreams": upstreams, "ca": cas, "port": port, "host": "127.0.0.1",
            "confdir": str(folder / CA), "keep": False, "calibration": token, "workers": self.order.proxy_workers,
            "log": str(folder / "proxy.log"),
        }  # fmt: skip
        return await self._start("proxy", proxy_module(self.order.proxy_workers), config)

    async def _start_driver(self, key: str) -> Child:
        folder = self._folder.resolve()
        config = {
            "scenario": str(folder / run_folder.SCENARIO), "base": str(self.order.base.resolve()),
            "folder": str(folder), "key": key, "target": self._url,
        }  # fmt: skip
        return await self._start("driver", "chaosllm.adapters.driver", config)

    async def _start_app(self, command: Command, ready: Message) -> None:
        env = child_environment(ready, self.order.scenario, dict(os.environ))
        self._app = await App.start(command, env, self._folder / "app.log")
        await wait_until_ready(self._url, command.ready, WAIT_STARTED, self._app)

    async def _calibrate(self, url: str, token: str) -> None:
        try:
            self.meta["calibration"] = await calibrate(url, token)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            self.meta["calibration"] = {"ok": False}
            self.meta["failures"].append(f"the proxy could not be calibrated: {type(error).__name__}: {error}")

    # During --------------------------------------------------------------------------------------

    async def _drive(self, proxy: Child, driver: Child) -> None:
        scenario = self.order.scenario
        watch, stopped = StopWatch(scenario.stop_when), asyncio.get_running_loop().create_future()
        polls: set[asyncio.Task[None]] = set()

        def progress(message: Message) -> None:
            status = proxy.latest.get("status", {})
            self.watcher.progress(message, status)
            self._strain.see("driver", message)
            self._strain.see("proxy", status)
            polls.add(poll := asyncio.create_task(proxy.send({"do": "status"})))
            poll.add_done_callback(polls.discard)
            if (condition := watch.see(message)) is not None and not stopped.done():
                stopped.set_result(condition)

        driver.on("progress", progress)
        t0 = time.monotonic() + LEAD
        self.meta["clock"] = {"name": "CLOCK_MONOTONIC", "t0": t0, "t0_unix": time.time() + LEAD}
        run_folder.write_json(self._folder / run_folder.META, self.meta)
        self.watcher.say("running")
        await asyncio.gather(proxy.send({"do": "start", "t0": t0}), driver.send({"do": "start", "t0": t0}))
        limit = LEAD + scenario.duration + scenario.target.timeout + PATIENCE
        done = asyncio.ensure_future(driver.first("done", timeout=limit))
        endings = [done, stopped, *(child.gone for child in self._children)]
        if self._app is not None:
            endings.append(asyncio.create_task(self._app.process.wait()))
        try:
            await self._wait(done, stopped, endings)
        finally:
            for ending in (done, stopped, *endings[2 + len(self._children) :]):
                ending.cancel()

    async def _wait(
        self, done: asyncio.Future[Message], stopped: asyncio.Future[Any], endings: list[asyncio.Future[Any]]
    ) -> None:
        """Return when the driver is done or a stop condition holds; raises for a process of ours that dies."""
        pending: set[asyncio.Future[Any]] = set(endings)
        while not done.done():
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            if stopped.done():
                self.meta["stopped"] = "stop_when"
                self.meta["stop_condition"] = stopped.result().text
                return
            dead = next((one for one in self._children if one.gone.done() and "done" not in one.latest), None)
            if dead is not None:
                raise dead.death()
            if self._app is not None and self._app.ended and "app_ended" not in self.meta:
                # The load goes on: what users get from an app that died is the result.
                at = format_duration(max(0.0, time.monotonic() - self.meta["clock"]["t0"]))
                self.meta["app_ended"] = f"{exit_text(self._app.process.returncode)} after {at}"
        await done

    def _heard(self, name: str, message: Message) -> None:
        self._failed(f"the {name}: {message.get('what', '')}")

    def _failed(self, what: str) -> None:
        if what not in self.meta["failures"] and len(self.meta["failures"]) < 50:
            self.meta["failures"].append(what)

    # After ---------------------------------------------------------------------------------------

    async def _stop(self) -> None:
        """Stop injecting, then the load, then everything; returns when no process is left."""
        proxy = self._child("proxy")
        if proxy is not None:
            await proxy.send({"do": "clean"})
        for child in (self._child("driver"), proxy):  # the driver first, so that the proxy sees its calls end
            if child is proxy and proxy is not None and not proxy.gone.done() and not self._interrupted:
                with contextlib.suppress(ChaosError):  # the last counts, while it can still give them
                    await proxy.ask({"do": "status"}, "status", timeout=2)
            await self._stop_all([child.stop(grace=self._grace())] if child else [])
        simulator = self._child("simulator")
        rest = [simulator.stop(grace=self._grace())] if simulator else []
        await self._stop_all([*rest, *([self._app.stop(self._grace())] if self._app else [])])

    def _child(self, name: str) -> Child | None:
        return next((child for child in self._children if child.name == name), None)

    def _grace(self) -> float:
        return GRACE if self._interrupted < 2 else 0.3

    async def _stop_all(self, stops: Any) -> None:
        """Wait for the stops; when a second interrupt comes meanwhile, kill what still lives."""
        work = asyncio.gather(*stops, return_exceptions=True)
        while not work.done():
            await asyncio.wait([work], timeout=0.2)
            if self._interrupted > 1:
                for process in [one.process for one in (*self._children, self._app) if one is not None]:
                    kill_group(process)

    async def _finish(self, error: ChaosError | None) -> Result:
        meta, ran = self.meta, "clock" in self.meta
        if self._interrupted:
            meta["stopped"] = "interrupted"
        elif error is not None:
            meta["stopped"] = meta["stopped"] or "crash"
            if not isinstance(error, BypassError):
                self._failed(error.what)
        if isinstance(error, BypassError):
            meta["stopped"], meta["bypass"] = "bypass", {"what": error.what, "hint": error.hint}
        for name, kind in (("driver", "done"), ("proxy", "status")):
            child = self._child(name)
            if child is not None and kind in child.latest:
                meta[name] = {key: value for key, value in child.latest[kind].items() if key != "type"}
        meta["vitals"] = self._strain.told
        if ran and not self._interrupted:
            for name, last in (("proxy", "stopped"), ("driver", "done")):
                if (child := self._child(name)) is not None and last not in child.latest:
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
            return Result(error.exit_code if error else Exit.PASS, self._folder, None, error)
        await self.company.meet()
        self.judging = True
        self.watcher.say("judging")
        try:
            material = await asyncio.to_thread(judge, self._folder)
        except Exception as caught:  # a bug of ours in judging must not cost the error that came before
            wrong = caught if isinstance(caught, ChaosError) else self._bug(caught)
            return Result(self._code(error or wrong, {}), self._folder, None, error or wrong)
        return Result(self._code(error, material.summary), self._folder, material, error)

    def _bug(self, caught: Exception) -> ChaosError:
        """A mistake of ours as an error; its traceback (code lines only, no values) is kept in the folder."""
        run_folder.write(self._folder / "crash.log", "".join(traceback.format_exception(caught)))
        return ChaosError(
            f"this is a bug in chaosllm, not in your app: {type(caught).__name__}: {caught}",
            hint=f"read the traceback in {self._folder / 'crash.log'}",
        )

    def _code(self, error: ChaosError | None, summary: Mapping[str, Any]) -> Exit:
        if self._interrupted:
            return Exit.INTERRUPTED
        if error is not None:
            return error.exit_code
        if self.meta["stopped"] == "stop_when":
            return Exit.STOPPED
        return {"pass": Exit.PASS, "fail": Exit.FAIL}.get(str(summary["verdict"]), Exit.INCONCLUSIVE)
