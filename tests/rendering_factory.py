"""A run of a fragile app as the records would tell it, and its summary, for the tests of what people look at."""

from __future__ import annotations

import random
from typing import Any

from chaosllm.columns import Samples
from chaosllm.faults.rate_limit import MEMBER as RateLimit
from chaosllm.join import Run, join
from chaosllm.record import Did, Ended, Event, Origin, Outcome, RulePart, Sample
from chaosllm.scenario import Operation, Phase, Role, Rule, Scenario, Target, Upstream

RATE = 10


def scenario(name: str = "rate-limit-storm", phase: str = "storm", **fields: Any) -> Scenario:
    rule = Rule(name=f"{phase}.0", fault=RateLimit())
    return Scenario(
        name=name,
        hypothesis="When 40% of calls are refused for half a minute, 95% of users still get a good answer.",
        seed=7,
        phases=(
            Phase("warmup", 5, Role.WARMUP),
            Phase("baseline", 20, Role.BASELINE, start=5),
            Phase(phase, 30, Role.FAULT, (rule,), start=25),
            Phase("recovery", 15, Role.RECOVERY, start=55),
        ),
        upstreams=(Upstream("openai", "simulator"),),
        target=Target(operations=(Operation(path="/chat"),), timeout=10),
        **fields,
    )


def run(of: Scenario | None = None, error: str = "", operations: int | None = None) -> Run:
    found = of or scenario()
    chance = random.Random(1)
    samples, events = [], []
    for number in range(int(found.duration * RATE) if operations is None else operations):
        due = number / RATE
        phase = found.phase_at(due)
        assert phase is not None
        attempts, at, outcome = 1, due, Outcome.GOOD
        if phase.rules:
            while chance.random() < 0.4 and attempts < 6:
                attempts += 1
            outcome = chance.choices(list(Outcome), (70, 5, 6, 14, 4, 1))[0]
        for attempt in range(attempts):
            refused = attempt < attempts - 1
            took = 0.02 if refused else chance.lognormvariate(-1, 0.3)
            part = RulePart(found.rules[0].name, "rate_limit", refused, refused, refused) if phase.rules else None
            events.append(
                Event(
                    call=f"op-{number}/call-{attempt}",
                    t=at,
                    operation=number,
                    attempt=attempt,
                    ordinal=attempt,
                    provider="openai" if attempt < 3 else "anthropic",
                    phase=phase.name,
                    did=Did.INJECTED if refused else Did.PASSED,
                    origin=Origin.INJECTED if refused else Origin.UPSTREAM,
                    rules=[part] if part else [],
                    status=429 if refused else 200,
                    reason="rate_limit/requests" if refused else "",
                    retry_after=2.0 if refused else None,
                    ended=Ended.WHOLE,
                    t_end=at + took,
                )
            )
            at += took + 0.05
        end = due + 10 if outcome is Outcome.HANG else None if outcome is Outcome.DROPPED else at
        status = 0 if outcome in (Outcome.HANG, Outcome.DROPPED) else 500 if outcome is Outcome.ERROR else 200
        said = error or ("HTTP 500" if outcome is Outcome.ERROR else "")
        samples.append(Sample(number, due, due, end, end, end, outcome, status=status, error=said))
    return join(found, Samples.of(samples), events, meta())


def meta() -> dict[str, Any]:
    return {
        "schema": 1,
        "version": "0.1.0",
        "seed": 7,
        "app": "fragile",
        "started": "2026-11-23T12:00:00+00:00",
        "stopped": None,
        "versions": {"python": "3.13.1", "mitmproxy": "12.2.0", "locust": "2.43.1"},
        "machine": {"system": "Linux", "cores": 2},
        "driver": {"lag_p50": 0.0004, "lag_p99": 0.003, "due": 700, "sent": 698, "dropped": 2},
    }


def summary(**fields: Any) -> dict[str, Any]:
    """A summary.json with every part of DESIGN section 6 in it."""

    def phase(role: str, operations: int, attempts: int, good: float, p95: float) -> dict[str, Any]:
        bad = round(operations * (1 - good))
        return {
            "role": role,
            "operations": operations,
            "attempts": attempts,
            "attempts_by_provider": {"openai": attempts - attempts // 10, "anthropic": attempts // 10},
            "outcomes": {"good": operations - bad, "error": bad, "degraded": 0},
            "success_rate": {"value": good, "low": max(0.0, good - 0.03), "high": min(1.0, good + 0.03)},
            "latency": {"p50": p95 / 3, "p95": p95, "p99": p95 * 2},
            "ttft": {"p50": p95 / 4, "p95": p95 / 2},
            "goodput": 9.2,
            "retry_amplification": attempts / operations,
            "cost_amplification": 1.2,
            "metrics": {
                "success_rate": {"value": good, "low": max(0.0, good - 0.03), "high": min(1.0, good + 0.03), "n": 200},
                "latency_p95": {"value": p95, "low": p95 * 0.9, "high": None, "n": 200},
                "retry_amplification": {"value": attempts / operations, "low": 1.0, "high": 1.9, "n": 200},
                "tpot": {"value": None, "low": None, "high": None, "n": 0, "why": "no operation has a streamed answer"},
            },
        }

    whole = {
        "schema": 1,
        "scenario": "rate-limit-storm",
        "hypothesis": "When 40% of calls are refused for half a minute, 95% of users still get a good answer.",
        "seed": 7,
        "verdict": "fail",
        "reasons": [
            "truncated_accepted (critical) in storm: 12 of 31 operations gave a cut answer to the user",
            "success_rate(storm) >= 95%: measured 70.3%",
            "generator_lag: 1% of operations started over 50ms late",
        ],
        "phases": {
            "warmup": phase("warmup", 50, 50, 1.0, 0.5),
            "baseline": phase("baseline", 200, 200, 1.0, 0.61),
            "storm": phase("fault", 300, 498, 0.703, 2.4),
            "recovery": phase("recovery", 150, 151, 0.993, 0.62),
        },
        "objectives": [
            {"text": "success_rate(storm) >= 95%", "value": 0.703, "low": 0.65, "high": 0.75, "verdict": "fail"},
            {"text": "retry_amplification(storm) <= 2", "value": 1.66, "low": 1.5, "high": 1.8, "verdict": "pass"},
            {
                "text": "latency_p95(storm) <= 2 * latency_p95(baseline)",
                "value": 2.4,
                "low": 0.9,
                "high": 2.9,
                "verdict": "inconclusive",
            },
        ],
        "findings": [
            {
                "code": "retry_after_ignored",
                "severity": "major",
                "phase": "storm",
                "count": 188,
                "of": 198,
                "sentence": "188 of 198 waits were shorter than asked for (median 50ms where 2s was asked).",
                "advice": "Wait at least as long as Retry-After says before the next attempt.",
                "evidence": [f"op-{number}/call-0" for number in range(250, 270)],
            },
            {
                "code": "truncated_accepted",
                "severity": "critical",
                "phase": "storm",
                "count": 12,
                "of": 31,
                "sentence": "12 of 31 operations gave a cut answer to the user as if it were whole.",
                "advice": "Check the finish reason and the end event before you show an answer.",
                "evidence": ["op-301/call-1", "op-322/call-0"],
            },
            {
                "code": "hang",
                "severity": "critical",
                "phase": "storm",
                "count": 11,
                "of": 300,
                "sentence": "11 users waited past their deadline of 10s.",
                "advice": "Set a timeout on every call, below the user's deadline.",
                "evidence": ["op-251", "op-340"],
            },
            {
                "code": "error_leaked",
                "severity": "major",
                "phase": "storm",
                "count": 40,
                "advice": "Show your own words, never the provider's.",
                "evidence": [],
            },
        ],
        "injection": [
            {
                "rule": "storm.0",
                "fault": "rate_limit",
                "eligible": 498,
                "planned": 198,
                "fired": 198,
                "delivered": 198,
                "capped": 0,
                "in_flight": 0,
            }
        ],
        "validity": [
            {"name": "traffic", "ok": True, "what": "899 recognised calls for 700 operations", "hint": ""},
            {
                "name": "generator_lag",
                "ok": False,
                "what": "the load generator started 1% of operations over 50ms late",
                "hint": "Lower the rate.",
            },
        ],
        "score": {
            "grade": "D",
            "why": "",
            "capped_by": "truncated_accepted",
            "minimum": 52.1,
            "mean": 76.1,
            "classes": {
                "rate limits": {"value": 100.0, "low": 100.0, "high": 100.0},
                "truncation": {"value": 52.1, "low": 47.1, "high": 61.5},
            },
            "tested": 2,
            "of": 11,
            "not_tested": ["quota", "outages"],
        },
        "time_to_recover": 4.5,
        "match_rate": 1.0,
        "calibration": {
            "ok": True,
            "delay": {"asked": 0.05, "n": 40, "error_p50": 0.0011, "error_p95": 0.004, "bound": 0.02},
            "share": {"asked": 0.3, "n": 300, "seen": 0.31, "low": 0.22, "high": 0.39},
        },
        "fix_first": "Check the finish reason and the end event before you show an answer (truncated_accepted).",
    }
    return {**whole, **fields}
