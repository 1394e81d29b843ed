"""A scenario decided offline: its operations ask recorded calls, the plan answers, and nothing is sent or waited for.

Laws:
1. No socket and no clock: time is a number that the queue moves on.
2. Each operation asks one recorded request of every upstream, another way of asking each time; one that
   is refused, broken off or left hanging is asked again, as SDKs do, up to TRIES times in all.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from chaosllm.arrivals import due_times
from chaosllm.call import Call, Request
from chaosllm.plan import Plan
from chaosllm.providers import Usage
from chaosllm.reference import reference
from chaosllm.registry import members
from chaosllm.scenario import Phase, Scenario
from chaosllm.script import Decision, Door, Hang, Reply, Reset

WIRE = Path(__file__).parents[1] / "wire"
PLACE = "[ref:00000000]"
TRIES = 3
#: Seconds from an operation's due time to its call, and from a call to the end of its answer.
ASKED_AFTER, LASTS = 0.01, 0.8
#: Seconds of backoff when the refusal names no wait, and the longest wait that is kept to.
BACKOFF, PATIENCE = 0.4, 5.0
#: Tokens of an answer, as the simulator's answers have them.
ANSWER_TOKENS = 120


@dataclass(frozen=True)
class Asked:
    """One call as the plan was asked it, and what it decided."""

    due: float  # of its operation, seconds from the run's start
    t: float
    number: int  # of the operation in its phase, from 0
    phase: Phase
    call: Call
    ordinal: int  # calls of the operation before it
    decision: Decision


@dataclass
class Played:
    """All that was asked in a run, and what befell the connections."""

    calls: list[Asked] = field(default_factory=list)
    seconds: list[tuple[Phase, Decision]] = field(default_factory=list)  # ports, a decision for each second struck


@cache
def recorded(provider: str) -> tuple[dict[str, Any], ...]:
    """The requests that the official SDKs sent to a provider."""
    files = sorted((WIRE / provider / "requests").glob("*.json"))
    return tuple(json.loads(file.read_text(encoding="utf-8")) for file in files)


def request(provider: str, kept: dict[str, Any], operation: int, seed: int, attempt: int) -> Request:
    """A recorded request as operation `operation` sends it for the `attempt`th time."""
    headers = {name.lower(): value for name, value in kept["headers"].items()}
    if attempt and "x-stainless-retry-count" in headers:
        headers["x-stainless-retry-count"] = str(attempt)
    if attempt and "amz-sdk-request" in headers:
        headers["amz-sdk-request"] = f"attempt={attempt + 1}; max=3"
    body = kept["body"].replace(PLACE, reference(operation, seed))
    return Request(kept["method"], headers["host"], kept["path"], tuple(headers.items()), body.encode(), provider)


def play(scenario: Scenario) -> Played:
    """Every call of every operation, in the order of time."""
    plan = Plan(scenario, members("providers"), key=b"offline")
    due = due_times(scenario.load.rate, scenario.load.arrivals, scenario.seed, scenario.duration)
    found = Played()
    queue: list[tuple[float, int, Any]] = []
    count = 0

    def later(t: float, what: Any) -> None:
        nonlocal count
        count += 1
        heapq.heappush(queue, (t, count, what))

    first: dict[str, int] = {}
    numbers = {}
    for operation, t in enumerate(due):
        phase = _phase(scenario, t)
        numbers[operation] = operation - first.setdefault(phase.name, operation)
        for upstream in scenario.upstreams:
            later(t + ASKED_AFTER, (operation, upstream.provider, 0))
    while queue:
        t, _, what = heapq.heappop(queue)
        if isinstance(what, Asked):
            tokens = None if _refused(what.decision) else Usage(what.call.prompt_tokens, ANSWER_TOKENS)
            plan.settle(what.decision, tokens, t=t)
            continue
        operation, provider, attempt = what
        ways = recorded(provider)
        asked = request(provider, ways[operation % len(ways)], operation, scenario.seed, attempt)
        call = plan.identify(asked)
        assert call is not None, f"{provider} does not know {asked.path}"
        ordinal = plan.ordinal(call)
        decision = plan.decide(call, asked, t=t, now=1_800_000_000 + t)
        phase = _phase(scenario, due[operation])
        one = Asked(due[operation], t, numbers[operation], phase, call, ordinal, decision)
        found.calls.append(one)
        refused = _refused(decision)
        later(t if refused else t + LASTS, one)
        if refused and attempt + 1 < TRIES:
            later(t + _wait(decision, attempt), (operation, provider, attempt + 1))
    found.seconds = list(_ports(plan, scenario))
    return found


def _phase(scenario: Scenario, t: float) -> Phase:
    phase = scenario.phase_at(t)
    assert phase is not None
    return phase


def _ports(plan: Plan, scenario: Scenario) -> Iterator[tuple[Phase, Decision]]:
    """What befalls each upstream's port in each second of the run, as the proxy's doors ask."""
    for second in range(int(scenario.duration)):
        t = second + 0.05
        for upstream in scenario.upstreams:
            decision = plan.accept(upstream.provider, t=t, door=Door.PORT, number=plan.second(t))
            if decision is not None:
                yield _phase(scenario, t), decision


def _refused(decision: Decision) -> bool:
    """Whether the client gets nothing that it could take for an answer."""
    return any(
        (isinstance(step, Reply) and step.status >= 400) or isinstance(step, Hang | Reset) for step in decision.script
    )


def _wait(decision: Decision, attempt: int) -> float:
    """Seconds until the next attempt: what the refusal asks for, else backoff."""
    for step in decision.script:
        if isinstance(step, Reply):
            asked = dict(step.headers).get("retry-after", "")
            if asked and asked.isdecimal() and int(asked) <= PATIENCE:
                return float(asked)
    return BACKOFF * 2.0**attempt
