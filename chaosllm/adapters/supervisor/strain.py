"""How hard our own processes work during a run: kept for the judge, and told once when one nears its limit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.order import Watcher
from chaosllm.vitals import near_limit


@dataclass(slots=True)
class Strain:
    """What the children of one run say of themselves."""

    watcher: Watcher
    told: list[dict[str, Any]] = field(default_factory=list)  # meta.json's `vitals`: one row for each process
    _warned: set[str] = field(default_factory=set)

    def follow(self, child: Child) -> None:
        """Keep the account that the child gives at its end; of several workers each gives its own."""

        def keep(message: Message) -> None:
            self.told.append({"process": child.name} | {key: message[key] for key in message if key != "type"})

        child.on("vitals", keep)

    def see(self, name: str, message: Message) -> None:
        """Take the newest second of a process (`Vitals.newest`); a note once when it is near a limit."""
        near = ""
        for one in message.get("workers") or [message]:  # the highest of each, added up, would be no process' own
            cpu, wait, lag = (float(one.get(key) or 0.0) for key in ("cpu", "wait", "lag"))
            near = near or near_limit(cpu + wait, lag)
        if near and name not in self._warned:
            self._warned.add(name)
            self.watcher.note(f"the {name} {near}: a run at its limit is INCONCLUSIVE")
