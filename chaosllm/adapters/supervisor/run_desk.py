"""The desk of a run: a watcher that makes events of what the run tells, and takes commands for it.

Laws:
1. Nothing here decides: what a command does is the helm's business, and what the figures are the view's.
2. A command that cannot be carried out is told like one that was, and the run goes on.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from chaosllm.adapters.console.desk import BaseDesk, Done
from chaosllm.adapters.console.hub import Hub
from chaosllm.adapters.supervisor.helm import Helm
from chaosllm.adapters.supervisor.log import Log
from chaosllm.live.commands import OF_A_DAY, Command, read_command, refusal
from chaosllm.live.steering import Steering, can_share, can_trigger, capped, chosen
from chaosllm.live.stopping import Reading, Stop
from chaosllm.live.view import Figures, LiveView
from chaosllm.scenario import Scenario

#: What a row of the series holds beside the time.
ROW = ("offered", "achieved", "goodput", "p50", "p95", "attempts", "in_flight", "injected", "planned")


class Steered(Protocol):
    """What a desk steers: a run, or a proxy on its own."""

    @property
    def scenario(self) -> Scenario:
        """As it was written."""
        ...

    @property
    def helm(self) -> Helm | None:
        """None before the clock of the phases begins."""
        ...

    @property
    def judging(self) -> bool:
        """Nothing can be steered any more."""
        ...

    def stop(self, stop: Stop) -> bool:
        """End injection now; False when it ends already."""
        ...


class RunDesk(BaseDesk):
    """One run after the other; `begin` says which."""

    row: tuple[str, ...] = ROW
    then = "the run is judged as far as it came"  # what becomes of it after a stop
    waits = ("the run has not begun: its processes are starting", "wait until its first phase is on")

    def __init__(self, hub: Hub, log: Log) -> None:
        super().__init__(hub)
        self.session: Steered | None = None
        self._log = log
        self._view: LiveView | None = None
        self._phase = ""
        self._stopped: Stop | None = None

    def begin(self, session: Steered, folder: Path | None) -> None:
        """A run begins, and keeps its records in `folder`."""
        scenario, place = session.scenario, str(folder) if folder is not None else ""
        self.session, self._view, self._phase, self._stopped = session, self._viewed(scenario), "", None
        if folder is not None:
            self._log.open(folder)
        run = {
            "folder": place, "scenario": scenario.name, "hypothesis": scenario.hypothesis,
            "paused": False, "figures": None, "series": [], "bands": [], **self._steered(Steering(scenario)),
        }  # fmt: skip
        changes = {"run": run, "findings": [], "status": "starting"}
        self.hub.publish("run", scenario=scenario.name, folder=place, seed=scenario.seed, set=changes)

    def end(self, folder: Path) -> None:
        """The run is over."""
        self._log.close(folder)
        self.session = None

    # As a watcher --------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """A stage began."""
        status = {"running": "running", "judging": "judging"}.get(text)
        self.hub.publish("say", text=text, set={"status": status} if status else None)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        self.hub.publish("warning", text=text, t=self.moment())

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed."""
        view = self._view
        if view is None:
            return
        view.see(driver, proxy, outside)
        now = view.figures
        if now.phase and now.phase != self._phase:
            self._phase = now.phase
            self.hub.publish("phase", t=round(now.t, 3), phase=now.phase, role=str(now.role))
        figures = self._figures(now, proxy)
        row = {"t": figures["t"], **{name: figures[name] for name in self.row}}
        self.hub.publish("tick", t=round(now.t, 3), set={"run.figures": figures}, add={"run.series": row})

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""
        if self._view is not None:
            self._view.scenario = scenario

    # As a desk -----------------------------------------------------------------------------------

    def moment(self) -> float | None:
        """Seconds of the run; None before its load begins."""
        helm = self.session.helm if self.session is not None else None
        return None if helm is None else round(helm.t, 3)

    async def obey(self, do: str, args: Mapping[str, Any], *, who: str) -> Done:
        """Do it, and say what came of it; raises ChaosError to refuse."""
        command = read_command({**args, "do": do})
        match command.do:
            case "note":
                self.hub.publish("note", who=who, t=self.moment(), text=command.text)
                return Done("noted")
            case "stop":
                return self.stop(Stop("command", command.text or "stopped by hand", who))
            case _ if command.do in OF_A_DAY:
                raise refusal(f"`{command.do}` is for the steps of a game day, and this is a run", "")
        session = self.session
        if session is None or session.judging:
            raise refusal("no run is on", "wait until one begins")
        if session.helm is None:
            raise refusal(*self.waits)
        text = await session.helm.take(command)
        return Done(text, *self._changes(command, session.helm.steering))

    def stop(self, stop: Stop) -> Done:
        """End what runs; raises ChaosError when nothing does."""
        if self.session is None or not self.session.stop(stop):
            raise refusal("nothing runs that could be stopped", "")
        return Done(f"injection has ended; {self.then}")

    def stopping(self, stop: Stop) -> None:
        """Tell, once, that a run is being stopped, whoever did it."""
        if self._stopped is None:
            self._stopped = stop
            event = {"kind": stop.kind, "text": stop.text, "who": stop.who, "at": round(time.time(), 3)}
            changes = {"stop": event, "status": "stopping"}
            self.hub.publish("stop", who=stop.who, t=self.moment(), kind=stop.kind, text=stop.text, set=changes)

    def _changes(self, command: Command, steering: Steering) -> tuple[dict[str, Any], dict[str, Any]]:
        """What a command changes of the state: (set, add)."""
        changes: dict[str, Any] = {f"run.{name}": value for name, value in self._steered(steering).items()}
        match command.do:
            case "pause" | "disable":
                text = "paused" if command.do == "pause" else f"{command.rule} off"
                band = {"rule": command.rule or None, "text": text, "start": self.moment(), "end": None}
                added = {"run.bands": band}
            case "resume" | "enable":
                added = {}
                for at, band in enumerate(self.hub.state["run"]["bands"]):
                    if band["end"] is None and band["rule"] == (command.rule or None):
                        changes[f"run.bands.{at}.end"] = self.moment()
            case _:
                added = {}
        if command.do in ("pause", "resume"):
            changes["status"] = "paused" if steering.paused else "running"
        return changes, added

    # What a proxy on its own tells otherwise ------------------------------------------------------

    def _viewed(self, scenario: Scenario) -> LiveView:
        return LiveView(scenario)

    def _figures(self, now: Figures, proxy: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # a proxy's desk looks
        return now.to_json()

    def _steered(self, steering: Steering) -> dict[str, Any]:
        return told(steering)


def told(steering: Steering) -> dict[str, Any]:
    """What of a run commands can change, as the state tells it."""
    scenario = steering.timed
    return {
        "paused": steering.paused,
        "duration": round(scenario.duration, 3),
        "phases": [
            {"name": one.name, "role": str(one.role), "start": round(one.start, 3), "end": round(one.end, 3)}
            for one in scenario.phases
        ],
        "rules": [
            {
                "name": rule.name, "fault": rule.fault.name, "phase": phase.name,
                "on": (switch := steering.switch(rule.name)).on,
                "share": rule.when.share if switch.share is None else switch.share, "when": chosen(rule),
                "capped": capped(rule), "can_share": can_share(rule), "can_trigger": can_trigger(rule),
            }
            for phase in scenario.phases for rule in phase.rules
        ],
    }  # fmt: skip
