"""What `run --json` prints: a JSON object a line, each with a `type`, the last of each run with all of its summary.

Of several runs there is one before the first and one after the last, which holds the summary of all.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from chaosllm.live.stopping import Reading
from chaosllm.live.view import LiveView, Queue
from chaosllm.scenario import Scenario

if TYPE_CHECKING:
    from chaosllm.adapters.supervisor.order import Order


class Events:
    """A Watcher that tells a run on stdout; `quiet` tells its end alone.

    A reader that went away is passed over: the run goes on, and its exit code says how it ended. One that does not
    read holds the run up once the pipe is full, 64 kB or some two minutes on.
    """

    def __init__(self, scenario: Scenario, *, quiet: bool = False, queue: Queue | None = None) -> None:
        self._scenario = scenario
        self._quiet = quiet
        self._queue = queue or Queue()
        self._view = LiveView(scenario)
        self._phase = ""

    def started(self) -> None:
        """The run begins: what is going to happen."""
        scenario = self._scenario
        self._say(
            "started",
            scenario=scenario.name,
            at=self._queue.at,
            of=self._queue.of,
            seed=scenario.seed,
            duration=scenario.duration,
            phases=[
                {"phase": one.name, "role": str(one.role), "start": one.start, "duration": one.duration,
                 "rules": [{"rule": rule.name, "fault": rule.fault.name} for rule in one.rules]}
                for one in scenario.phases
            ],
            stop_when=[*scenario.stops],
        )  # fmt: skip

    def say(self, text: str) -> None:
        """A stage began."""
        self._say("stage", text=text)

    def note(self, text: str) -> None:
        """Something to know beside the stages."""
        self._say("note", text=text)

    def progress(self, driver: dict[str, Any], proxy: dict[str, Any], outside: Sequence[Reading] = ()) -> None:
        """A second passed."""
        if self._quiet:
            return
        self._view.see(driver, proxy, outside)
        now = self._view.figures
        if now.phase and now.phase != self._phase:
            self._phase = now.phase
            self._say("phase", phase=now.phase, role=str(now.role), t=round(now.t, 3), left=round(now.phase_left, 3))
        self._say("progress", **now.to_json())

    def retimed(self, scenario: Scenario) -> None:
        """Phases last as long as they do in this one."""
        self._view.scenario = scenario
        phases = [{"phase": one.name, "start": one.start, "duration": one.duration} for one in scenario.phases]
        self._say("retimed", phases=phases, duration=scenario.duration)

    def finished(self, told: Mapping[str, Any]) -> None:
        """The run is over: its findings one by one, then all that is known of it."""
        for one in told.get("findings", ()):
            names = ("code", "severity", "phase", "count", "title", "accepted")
            self._say("finding", **{name: one[name] for name in names if name in one})
        write({"type": "finished", **told})

    def _say(self, kind: str, **told: Any) -> None:
        if not self._quiet:
            write({"type": kind, **told})


class SuiteEvents:
    """Tells of several runs what is no single one's: before the first, and after the last."""

    def __init__(self, name: str, orders: Sequence[Order]) -> None:
        self._name = name
        self._orders = orders

    def started(self) -> None:
        """What is going to be run, in order."""
        rows = [
            {"scenario": one.name, "seed": one.seed, "duration": one.duration}
            for one in (order.scenario for order in self._orders)
        ]
        duration = sum(order.scenario.duration for order in self._orders)
        write({"type": "suite_started", "suite": self._name, "of": len(rows), "duration": duration, "scenarios": rows})

    def finished(self, summary: Mapping[str, Any] | None, folder: Path | None, code: int) -> None:
        """What all runs came to together; `summary` is the suite's summary.json, None for dry runs."""
        told = {"suite": self._name, "verdict": None} if summary is None else summary
        write({"type": "suite_finished", **told, "folder": str(folder) if folder else None, "exit": int(code)})


def write(value: Mapping[str, Any]) -> None:
    """One object on a line of its own, at once; nothing when nobody reads any more."""
    try:
        click.echo(json.dumps(value))
    except BrokenPipeError:
        # docs.python.org/3/library/signal.html#note-on-sigpipe: else Python complains once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
