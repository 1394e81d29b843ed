"""The desk of a proxy on its own: what its calls tell, and null for what only users could say.

Laws:
1. What is not known of users is null, never 0.
2. A held phase has no end: its duration and its end are null.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chaosllm.adapters.console.hub import Hub, blank
from chaosllm.adapters.supervisor.log import Log
from chaosllm.adapters.supervisor.run_desk import ROW, RunDesk, told
from chaosllm.errors import Exit
from chaosllm.live.steering import Steering
from chaosllm.live.view import WINDOW, Figures, LiveView
from chaosllm.scenario import Scenario, StopCondition

#: Figures that need a driver, which sends the users.
_OF_USERS = ("due", "sent", "offered", "achieved", "answered", "goodput", "baseline", "p50", "p95", "attempts",
             "baseline_attempts")  # fmt: skip
#: What the proxy alone can say while it runs; calls for each operation need operations.
_WATCHED = ("spend",)
#: What `say` says -> the status that it begins.
_STATUS = {"waiting for the app's first call": "waiting"}


class ProxyDesk(RunDesk):
    """Takes the commands of one proxy; `hold` names the phase that it holds."""

    row = (*ROW, "call_rate")
    then = "what calls come pass clean until the proxy ends"  # one on its own has no run to judge
    waits = ("no phase is on yet", "the phases begin with the app's first call")

    def __init__(self, name: str, log: Log, *, hold: str | None) -> None:
        super().__init__(Hub(blank("proxy", name), heard=log.heard), log)
        self._hold = hold
        self._seen: deque[tuple[float, int]] = deque()  # (t, calls) of the last WINDOW seconds

    def say(self, text: str) -> None:
        """A stage began."""
        if text in _STATUS:
            self.hub.publish("say", text=text, set={"status": _STATUS[text]})
        else:
            super().say(text)

    def over(self, verdict: str | None, code: Exit) -> None:
        """It injects no more, and is judged where it was to be."""
        self.hub.publish("over", verdict=verdict, exit=int(code), set={"status": "over"})
        self.session = None

    def _viewed(self, scenario: Scenario) -> LiveView:
        held = scenario.phase(self._hold) if self._hold is not None else None
        if held is not None:
            scenario = replace(scenario, phases=(replace(held, start=0.0, duration=math.inf),))
        return LiveView(replace(scenario, stop_when=watched(scenario)[0]))

    def _figures(self, now: Figures, proxy: Mapping[str, Any]) -> dict[str, Any]:
        self._seen.append((now.t, now.calls))
        while len(self._seen) > 1 and self._seen[1][0] <= now.t - WINDOW:
            self._seen.popleft()
        (begin, before), (end, calls) = self._seen[0], self._seen[-1]
        rate = round((calls - before) / (end - begin), 4) if end > begin else None
        known = {"in_flight": int(proxy.get("in_flight", 0)), "call_rate": rate}  # calls, not users
        return now.to_json() | dict.fromkeys(_OF_USERS) | known

    def _steered(self, steering: Steering) -> dict[str, Any]:
        said = told(steering)
        if self._hold is None:
            return said
        phases = [{**one, "start": 0.0, "end": None} for one in said["phases"] if one["name"] == self._hold]
        return said | {"duration": None, "phases": phases}


def watched(scenario: Scenario) -> tuple[tuple[StopCondition, ...], tuple[StopCondition, ...]]:
    """Conditions of `stop_when` that the proxy alone can watch, and those that need users."""
    own = tuple(one for one in scenario.stop_when if one.metric in _WATCHED)
    return own, tuple(one for one in scenario.stop_when if one not in own)
