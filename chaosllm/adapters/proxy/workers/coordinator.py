"""Several proxies that are one to the supervisor: on the same ports, told the same, their counts added up.

Laws:
1. Config, commands and messages are those of one proxy (`python -m chaosllm.adapters.proxy`), over stdio.
2. Workers are in this process's group, and stop at end of file on stdin: none outlives it, however it ends.
3. A worker that dies is a failure of ours, told at once; the others go on. Without any left this ends too.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from chaosllm.adapters.proxy import trust
from chaosllm.adapters.proxy.workers import ports
from chaosllm.adapters.proxy.workers.control import LONGEST, Message, listen, receive, say
from chaosllm.adapters.proxy.workers.forking import Worker
from chaosllm.adapters.proxy.workers.totals import total
from chaosllm.adapters.run_folder import EVENTS
from chaosllm.adapters.supervisor.children import GRACE, Child
from chaosllm.adapters.supervisor.piped import adopt
from chaosllm.errors import ChaosError, Exit

#: Seconds for workers to be ready, less than the supervisor waits for us.
_READY = 25.0
#: Seconds for a worker to give its counts; a supervisor waits for ours for 2.
_COUNTS = 1.5
#: Seconds for a worker to stop, less than the supervisor gives us.
_STOP = GRACE - 1

#: Commands that all workers carry out -> what each answers when it has.
_ANSWERS = {"steer": "steered", "clean": "cleaned"}


class Coordinator:
    """The workers of one proxy. `over` is set when it is to stop."""

    def __init__(self, config: Message) -> None:
        """Raises KeyError, TypeError or ValueError for a config that cannot be used."""
        self.over = asyncio.Event()
        self._config = config
        self._count = int(config["workers"])
        self._host = str(config.get("host") or "127.0.0.1")
        self._confdir = Path(config["confdir"])
        self._journal = self._confdir / "journal"
        self._log = Path(config.get("log") or os.devnull)
        self._held: list[socket.socket] = []
        self._forked: list[Worker] = []
        self._workers: list[Child] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._dead = 0
        self._stopping = False

    def prepare(self, main: Callable[[], int]) -> None:
        """Hold the ports and fork the workers, each of which runs `main`; before any loop. Raises ChaosError."""
        config = self._config
        self._held = (
            ports.join(self._host, shared)
            if (shared := config.get("ports"))
            else ports.reserve(self._host, int(config.get("port") or 0), 1 + len(config["upstreams"]))
        )
        trust.private_folder(self._confdir)
        for path in (self._journal, *([Path(config["folder"]) / EVENTS] if config.get("folder") else [])):
            _begin(path)
        gc.freeze()  # so that what is loaded is shared and stays so (docs.python.org/3/library/gc.html#gc.freeze)
        try:
            for _ in range(self._count):
                self._forked.append(Worker.start(main, self._forked))
        except OSError as error:
            raise ChaosError(
                f"{self._count} workers cannot be started: {error.strerror}", hint="lower --proxy-workers"
            ) from error

    async def start(self) -> Message:
        """Have the workers listen; the ready message. Raises ChaosError."""
        share = {"journal": str(self._journal), "ports": [one.getsockname()[1] for one in self._held]}
        mine = {name: value for name, value in self._config.items() if name != "workers"}
        for number, forked in enumerate(self._forked, 1):
            await self._adopt(number, forked, mine | {"share": share, "keep": True})
        ready = await asyncio.gather(*(worker.first("ready", timeout=_READY) for worker in self._workers))
        self._journal.unlink()  # all have it open, so nothing of it is left however they end
        if self._config.get("phase") is not None:
            await self._tell({"do": "start", "t0": time.monotonic()})
            await self._counts(_READY)  # commands are taken in order, so whoever tells has begun
        for worker in self._workers:
            self._later(self._watch(worker))
        return ready[0]

    def take(self, command: Message) -> None:
        """Carry one command out; raises KeyError for what is none."""
        match command["do"]:
            case "status":
                self._later(self._status())
            case "seal":
                self._later(self._seal())
            case "steer" | "clean" as do:
                self._later(self._all(command, _ANSWERS[do]))
            case "yield":
                self._later(self._yield())
            case "take":
                self._later(self._all(command, "taken"))
            case "stop":
                self.stop_soon()
            case _:
                self._later(self._tell(command))

    def stop_soon(self) -> None:
        """Stop; from now on a worker that ends does as it was told."""
        self._stopping = True
        self.over.set()

    def abandoned(self) -> None:
        """The supervisor is gone."""
        self._stopping = True  # from now on a worker that ends does as it was told
        self._later(self._leave())

    async def _leave(self) -> None:
        """Let each worker go once nothing comes to it any more."""
        await self._tell({"do": "leave"})
        await asyncio.gather(*(worker.gone for worker in self._workers))
        self.stop_soon()

    async def stop(self) -> None:
        """End all workers; returns when none is left."""
        self._stopping = True
        await asyncio.gather(*(self._end(worker) for worker in self._workers))
        for one in self._held:
            one.close()
        self._journal.unlink(missing_ok=True)
        if not self._config.get("keep"):
            trust.forget(self._confdir)

    async def _adopt(self, number: int, forked: Worker, config: Message) -> None:
        name = f"proxy worker {number} of {self._count}"
        worker = await adopt(name, forked, config, log=self._log)
        self._workers.append(worker)
        worker.on("failure", say)
        worker.on("lapsed", say)
        worker.on("vitals", partial(_pass_on, number))

    async def _watch(self, worker: Child) -> None:
        """Tell of a worker's death."""
        await worker.gone
        if self._stopping:
            return
        self._dead += 1
        say({"type": "failure", "what": worker.death().what})
        if self._dead == len(self._workers):
            self.over.set()

    @property
    def lost(self) -> ChaosError | None:
        """Why there is no proxy any more, once every worker has died."""
        return self._workers[-1].death() if self._dead == self._count else None

    async def _tell(self, command: Message) -> None:
        await asyncio.gather(*(worker.send(command) for worker in self._workers))

    async def _all(self, command: Message, answer: str) -> None:
        """Have every worker carry a command out, and answer once all have; one that died has nothing to inject."""

        async def ask(worker: Child) -> None:
            with contextlib.suppress(ChaosError):
                await worker.ask(command, answer, timeout=_COUNTS)

        await asyncio.gather(*(ask(worker) for worker in self._workers))
        say({"type": answer} | ({"version": command["version"]} if "version" in command else {}))

    async def _status(self) -> None:
        """Say what all have counted; of one that is silent or dead, what it told last."""
        await self._counts(_COUNTS)
        say(self._total([worker.latest.get("status", {"type": "status"}) for worker in self._workers]))

    async def _seal(self) -> None:
        """Have every worker end its record, and say what all had counted then."""

        async def ask(worker: Child) -> Message:
            with contextlib.suppress(ChaosError):
                told: Message = (await worker.ask({"do": "seal"}, "sealed", timeout=_COUNTS))["status"]
                return told
            return worker.latest.get("status", {"type": "status"})

        told = await asyncio.gather(*(ask(worker) for worker in self._workers))
        say({"type": "sealed", "status": self._total(told)})

    async def _yield(self) -> None:
        """Have every worker leave the ports; how many calls all of them cut, and whether one may listen still."""

        async def ask(worker: Child) -> tuple[int, bool]:
            try:
                said = await worker.ask({"do": "yield"}, "yielded", timeout=LONGEST + _COUNTS)
            except ChaosError:  # one that died listens no more
                return 0, not worker.gone.done()
            return int(said["cut"]), bool(said["stayed"])

        cut, stayed = zip(*await asyncio.gather(*(ask(worker) for worker in self._workers)), strict=True)
        say({"type": "yielded", "cut": sum(cut), "stayed": any(stayed)})

    def _total(self, told: Sequence[Message]) -> Message:
        """What all have counted, from what each told, in the order of the workers."""
        status = total(told)
        status["failures"] = status.get("failures", 0) + self._dead
        names = ("calls", "in_flight", "cpu", "wait", "lag", "lag_p99")
        status["workers"] = [
            {"pid": worker.process.pid} | {name: counts[name] for name in names if name in counts}
            for worker, counts in zip(self._workers, told, strict=True)
        ]
        return status

    async def _counts(self, patience: float) -> None:
        """Have every worker tell what it counted, or have `patience` seconds pass."""

        async def ask(worker: Child) -> None:
            with contextlib.suppress(ChaosError):
                await worker.ask({"do": "status"}, "status", timeout=patience)

        await asyncio.gather(*(ask(worker) for worker in self._workers))

    async def _end(self, worker: Child) -> None:
        await worker.send({"do": "stop"})
        done, _ = await asyncio.wait([worker.gone], timeout=_STOP)
        if not done:
            say({"type": "failure", "what": f"the {worker.name} did not stop within {_STOP:g} s"})
            worker.process.kill()
            await worker.gone

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(task := asyncio.create_task(work))
        task.add_done_callback(self._tasks.discard)


def _begin(path: Path) -> None:
    """An empty file for all to append to; raises ChaosError."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise ChaosError(f"{path} cannot be written: {error.strerror}", hint="give a folder that can be") from error


def _pass_on(number: int, message: Message) -> None:
    say({**message, "worker": number})


async def serve(coordinator: Coordinator, pending: bytes) -> None:
    """Run until told to stop; raises ChaosError."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, coordinator.stop_soon)
    listen(pending, coordinator.take, coordinator.abandoned)
    try:
        say(await coordinator.start())
        await coordinator.over.wait()
    finally:
        await coordinator.stop()
    if (lost := coordinator.lost) is not None:
        raise lost


def main() -> int:
    """Read the config, load and fork, then serve; the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    from chaosllm.adapters.proxy import __main__ as worker  # noqa: PLC0415  # here, because it loads mitmproxy

    try:
        config, pending = receive()
    except ValueError:
        say({"type": "error", "what": "the proxy's config is no JSON", "hint": ""})
        return Exit.COULD_NOT_RUN
    try:
        coordinator = Coordinator(config)
        coordinator.prepare(worker.main)
        asyncio.run(serve(coordinator, pending))
    except ChaosError as error:
        say({"type": "error", "what": error.what, "hint": error.hint})
        return Exit.COULD_NOT_RUN
    except (KeyError, TypeError, ValueError) as error:
        say({"type": "error", "what": f"the proxy's config cannot be used: {error!r}", "hint": ""})
        return Exit.COULD_NOT_RUN
    say({"type": "stopped"})
    return Exit.PASS


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # the thread that reads stdin would hold up Python's own end
