"""How hard our own processes and the app work during a run: kept for the judge, and told once near a limit."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

from chaosllm.adapters.processor import Threads
from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.order import Watcher
from chaosllm.vitals import APP, Vitals, near_limit


@dataclass(slots=True)
class Strain:
    """What the children of one run say of themselves."""

    watcher: Watcher
    told: list[dict[str, Any]] = field(default_factory=list)  # meta.json's `vitals`: one row for each process
    _warned: set[str] = field(default_factory=set)
    _app: tuple[Threads, Vitals] | None = None

    def follow(self, child: Child) -> None:
        """Keep the account that the child gives at its end; of several workers each gives its own."""

        def keep(message: Message) -> None:
            self.told.append({"process": child.name} | {key: message[key] for key in message if key != "type"})

        child.on("vitals", keep)

    def watch(self, pid: int, t0: float) -> None:
        """Look from monotonic time `t0` on at an app that we started, which tells nothing of itself."""
        threads = Threads(pid)
        vitals = Vitals(time.monotonic, threads.cpu, threads.wait)
        vitals.start(t0)
        vitals.run(asyncio.get_running_loop().call_later)
        self._app = threads, vitals

    def rest(self) -> None:
        """Look at the app no more, and keep what was seen of it, if the system told anything."""
        if self._app is not None:
            threads, vitals = self._app
            self._app = None
            vitals.stop()
            if threads.told:
                seen = vitals.to_json()
                none = {"lag": [0.0] * len(seen["cpu"]), "counts": {}, "worst": 0.0}  # the loop that ticked is ours
                self.told.append({"process": APP} | seen | none)

    def see(self, name: str, message: Message) -> None:
        """Take the newest second of a process (`Vitals.newest`); a note once when it is near a limit."""
        near = ""
        for one in message.get("workers") or [message]:  # the highest of each, added up, would be no process' own
            cpu, wait, lag = (float(one.get(key) or 0.0) for key in ("cpu", "wait", "lag"))
            near = near or near_limit(cpu + wait, lag)
        if near and name not in self._warned:
            self._warned.add(name)
            self.watcher.note(f"the {name} {near}: a run at its limit is INCONCLUSIVE")
