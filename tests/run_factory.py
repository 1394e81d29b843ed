"""Synthetic runs: what driver and proxy would have recorded of an app with a given conduct."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from chaosllm import registry
from chaosllm.columns import Samples
from chaosllm.faults.rate_limit import MEMBER as RateLimit
from chaosllm.join import Run, join
from chaosllm.language.expression import read_objective
from chaosllm.record import Control, Did, Ended, Event, Origin, Outcome, RulePart, Sample
from chaosllm.scenario import Objective, Phase, Role, Rule, Scenario, Target, Upstream
from chaosllm.trigger import Trigger

RULE = "storm.0"


def scenario(
    *,
    warmup: float = 5,
    baseline: float = 20,
    fault: float = 20,
    recovery: float = 30,
    rules: Iterable[Rule] | None = None,
    objectives: Iterable[Objective] = (),
    timeout: float = 10.0,
    **more: Any,
) -> Scenario:
    """warmup, baseline, storm and recovery; a duration of 0 leaves a phase out."""
    found: list[Phase] = []
    at = 0.0
    told = (Rule(RULE, RateLimit()),) if rules is None else tuple(rules)
    for name, seconds, role in (
        ("warmup", warmup, Role.WARMUP),
        ("baseline", baseline, Role.BASELINE),
        ("storm", fault, Role.FAULT),
        ("recovery", recovery, Role.RECOVERY),
    ):
        if seconds:
            found.append(Phase(name, seconds, role, told if role is Role.FAULT else (), at))
            at += seconds
    more.setdefault("name", "made-up")
    return Scenario(
        phases=tuple(found),
        upstreams=(Upstream("openai", "simulator"),),
        target=Target(timeout=timeout),
        objectives=tuple(objectives),
        seed=7,
        **more,
    )


def share_rule(share: float) -> Rule:
    return Rule(RULE, RateLimit(), Trigger(share=share))


@dataclass
class Try:
    """One attempt of an operation; `at` is seconds after the operation was sent."""

    at: float = 0.0
    took: float = 0.1
    status: int | None = 200
    rule: str | None = None  # the rule that it met
    provider: str = "openai"
    model: str = "gpt"
    index: int = 0
    fields: dict[str, Any] = field(default_factory=dict)


@dataclass
class Operation:
    """One operation: what its user saw, and its attempts."""

    outcome: Outcome = Outcome.GOOD
    seconds: float = 0.2
    tries: list[Try] = field(default_factory=lambda: [Try()])
    fields: dict[str, Any] = field(default_factory=dict)  # of the sample


type Conduct = Callable[[int, float, Phase], Operation]


def calm(number: int, due: float, phase: Phase) -> Operation:
    """An app that always answers; the latency varies a little, so that percentiles have an interval."""
    return Operation(seconds=0.2 + 0.002 * (number * 7919 % 50))


def hit(number: int, due: float, phase: Phase) -> Operation:
    """An app that retries once, after the wait it was asked for, when the storm refuses it."""
    if phase.role is not Role.FAULT:
        return calm(number, due, phase)
    return Operation(seconds=1.3, tries=[refused(), Try(at=1.2)])


def refused(
    at: float = 0.0, *, retry_after: float | None = 1.0, reason: str = "rate_limit/requests", **more: Any
) -> Try:
    """A 429 of the storm's rule."""
    return Try(at, 0.01, 429, RULE, fields={"retry_after": retry_after, "reason": reason}, **more)


def only_in_storm(conduct: Callable[[int], Operation]) -> Conduct:
    """That conduct in the storm, calm elsewhere."""
    return lambda number, due, phase: conduct(number) if phase.role is Role.FAULT else calm(number, due, phase)


def run(
    conduct: Conduct = hit,
    of: Scenario | None = None,
    *,
    rate: float = 20.0,
    meta: dict[str, Any] | None = None,
    until: float | None = None,
    change: Callable[[list[Sample], list[Event]], None] | None = None,
) -> Run:
    """The run of an app with that conduct under constant load; `change` may spoil the records before the join."""
    told = of or scenario()
    samples: list[Sample] = []
    events: list[Event] = []
    for number in range(int(told.duration * rate)):
        due = number / rate
        if until is not None and due >= until:
            break
        phase = told.phase_at(due)
        assert phase is not None
        operation = conduct(number, due, phase)
        samples.append(_sample(number, due, operation))
        for ordinal, one in enumerate(operation.tries):
            events.append(_event(number, due, ordinal, one, phase))
    if change is not None:
        change(samples, events)
    driver = {"lag_p99": 0.001, "due": len(samples)}
    given = {"schema": 1, "stopped": None, "failures": [], "driver": driver, "proxy": {"lag_p99": 0.001}}
    return join(told, Samples.of(samples), events, given | (meta or {}))


def controlled(
    took: Callable[[float], float], status: Callable[[float], int] = lambda _: 200, *, every: float = 0.5
) -> Run:
    """A run whose route /healthz is asked each `every` seconds, and then takes `took(t)` and answers `status(t)`."""
    found = run(hit)
    of = replace(found.scenario, target=Target(timeout=10.0, control=("/healthz",)))
    due = [every * at for at in range(int(of.duration / every))]
    asked = [Control("/healthz", t, t + took(t), status(t)) for t in due]
    return join(of, found.samples, found.events, found.meta, control=asked)


def _sample(number: int, due: float, operation: Operation) -> Sample:
    if operation.outcome is Outcome.DROPPED:
        return Sample(number, due)
    status = {Outcome.HANG: 0, Outcome.ERROR: 500}.get(operation.outcome, 200)
    first = due + operation.seconds / 2 if operation.outcome in (Outcome.GOOD, Outcome.DEGRADED) else None
    sample = Sample(number, due, due, first, first, due + operation.seconds, operation.outcome, status)
    return replace(sample, **operation.fields) if operation.fields else sample


def _event(number: int, due: float, ordinal: int, one: Try, phase: Phase) -> Event:
    part = [RulePart(one.rule, "rate_limit", planned=True, fired=True, delivered=True)] if one.rule else []
    if not part and phase.rules and one.provider == "openai":  # the rule's match
        part = [RulePart(phase.rules[0].name, "rate_limit", planned=False, fired=False, delivered=False)]
    told: dict[str, Any] = {
        "call": f"op-{number}/call-{ordinal}",
        "t": due + one.at,
        "operation": number,
        "index": one.index,
        "attempt": ordinal,
        "ordinal": ordinal,
        "provider": one.provider,
        "model": one.model,
        "phase": phase.name,
        "did": Did.INJECTED if one.rule else Did.PASSED,
        "origin": Origin.INJECTED if one.rule else Origin.UPSTREAM,
        "rules": part,
        "status": one.status,
        "tokens_in": 10,  # the estimate, of refused calls too
        "tokens_out": 50 if one.status == 200 else 0,
        "t_end": due + one.at + one.took,
        "ended": Ended.WHOLE if one.status is not None else Ended.NO_ANSWER,
    }
    return Event(**(told | one.fields))  # not `replace`, because a million events are made in a run of the suite


def objective(text: str) -> Objective:
    """An objective in the scenario's own words."""
    metrics, findings = registry.members("metrics"), registry.members("findings")
    units = {name: member.unit for name, member in metrics.items()} | dict.fromkeys(findings, "count")
    phases = ["warmup", "baseline", "storm", "recovery"]
    return read_objective(text, units=units, phases=phases, alone={*findings, "time_to_recover"})
