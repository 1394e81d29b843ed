"""Messages as driver and proxy send them, one a second, for the tests of the live view."""

from __future__ import annotations

from typing import Any

from chaosllm.live.view import LiveView
from chaosllm.reader import read
from chaosllm.scenario import Scenario

SCENARIO = """\
version: 1
name: watched
seed: 7
target: {operation: {path: /chat}, timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
load: {rate: 10/s}
phases:
  - {name: warmup, duration: 5s}
  - {name: baseline, duration: 20s}
  - {name: storm, duration: 20s, rules: [{fault: rate_limit}, {fault: latency, first_token: 1s, when: {share: 10%}}]}
  - {name: recovery, duration: 15s}
stop_when: ["success_rate(last 10s) < 20%", "latency_p95(last 10s) > 5s"]
"""


def scenario(text: str = SCENARIO) -> Scenario:
    return read(text).unwrap()


def driver(t: float, good: int = 0, *, sent: int | None = None, **more: Any) -> dict[str, Any]:
    """Cumulative counts at second `t`."""
    outcomes = {"good": good} | more.pop("outcomes", {})
    sent = sum(outcomes.values()) if sent is None else sent
    return {"t": t, "phase": "", "due": sent, "sent": sent, "in_flight": 0, "dropped": 0, "outcomes": outcomes,
            "errors": {}, "p50": 0.4, "p95": 0.9, "lag_p99": 0.001} | more  # fmt: skip


def proxy(calls: int = 0, **more: Any) -> dict[str, Any]:
    return {"type": "status", "recognised": calls, "calls": calls, "injected": 0, "by_rule": {}, "tokens": {}} | more


def stormy(until: int, text: str = SCENARIO) -> LiveView:
    """Ten operations a second with a call each; in the storm (25 to 45 s) half of them fail, after three calls each.

    The proxy's counts are those of the moment at which the message before was sent, as the supervisor asks for them.
    """
    view = LiveView(scenario(text))
    calls = [2 + 10 * min(t, 25) + 30 * max(0, min(t, 45) - 25) + 10 * max(0, t - 45) for t in range(until + 1)]
    for t in range(until + 1):
        bad = 5 * max(0, min(t, 45) - 25)
        said = driver(
            float(t), 10 * t - bad, outcomes={"error": bad}, errors={"HTTP 429": bad} if bad else {}, in_flight=3
        )  # fmt: skip
        counts = {"eligible": bad, "planned": bad, "fired": bad, "delivered": bad, "capped": 0, "in_flight": 0}
        tokens = {"gpt-4o": {"in": 100 * t, "out": 10 * t}}
        view.see(said, proxy(calls[max(0, t - 1)], by_rule={"storm.0": counts}, tokens=tokens, injected=bad))
    return view
