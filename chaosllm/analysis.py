"""Every metric by phase, and the injection counts of every rule."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chaosllm import registry
from chaosllm.chains import failed
from chaosllm.columns import Ints
from chaosllm.join import Run
from chaosllm.metrics import Estimate, finite
from chaosllm.metrics._panel import panel
from chaosllm.mix import Mix
from chaosllm.record import LET_GO, OUTCOMES, Did, Ended
from chaosllm.scenario import Phase, Rule
from chaosllm.sources import ATTACHED
from chaosllm.stats import quantile, wilson

#: Percentiles have a block of their own in summary.json: name of the block -> its metrics.
_BLOCKS = {
    "latency": {"p50": "latency_p50", "p95": "latency_p95", "p99": "latency_p99"},
    "ttft": {"p50": "ttft_p50", "p95": "ttft_p95"},
}


#: The counts of a rule, in order (DESIGN law 4).
COUNTS = ("eligible", "planned", "fired", "delivered", "capped", "in_flight", "skipped")


@dataclass(slots=True)
class Injection:
    """What one rule did (DESIGN law 4). `skipped`: fired, but could not be played on that call."""

    rule: str
    fault: str
    phase: str
    eligible: int = 0
    planned: int = 0
    fired: int = 0
    delivered: int = 0
    capped: int = 0
    in_flight: int = 0
    skipped: int = 0
    why: Counter[str] = field(default_factory=Counter)  # why calls were held back, skipped or not delivered

    def to_json(self) -> dict[str, Any]:
        """The row of summary.json."""
        row = {name: getattr(self, name) for name in ("rule", "fault", "phase", *COUNTS)}
        return row | ({"why": dict(self.why)} if self.why else {})


@dataclass(frozen=True, slots=True)
class Analysis:
    """All that was measured, before anything is judged."""

    phases: dict[str, dict[str, Any]]
    injection: list[Injection]
    time_to_recover: Estimate
    match_rate: float | None


def measure(run: Run, metric: str, phase: str | None, confidence: float = 0.95) -> Estimate:
    """A metric by its name; computed once for each phase and confidence."""
    key = ("metric", metric, phase, confidence)
    if key not in run.memory:
        member = registry.member("metrics", metric)
        why = run.blind(member)
        value = member.value
        run.memory[key] = (
            Estimate.none(why) if why else value(run.side(member), phase, name=metric, confidence=confidence)
        )
    found: Estimate = run.memory[key]
    return found


def analyse(run: Run) -> Analysis:
    """Every metric of every phase."""
    return Analysis(
        phases={phase.name: _phase(run, phase) for phase in run.scenario.phases},
        injection=injection(run),
        time_to_recover=measure(run, "time_to_recover", None),
        match_rate=run.match_rate,
    )


def _phase(run: Run, phase: Phase) -> dict[str, Any]:
    due, rows = run.due(phase.name), run.rows(phase.name)
    calls = _calls(run, phase.name, due)
    found: dict[str, Any] = {
        "role": phase.role.value,
        "start": phase.start,
        "seconds": run.seconds(phase.name),
        "operations": None if run.source == ATTACHED else len(due),
        "attempts": len(calls),
        "attempts_by_provider": dict(Counter(run.events[at].provider for at in calls)),
        "outcomes": _outcomes(run, due),
    }
    if (alone := run.calls_side).source == ATTACHED:
        found["requests"] = len(alone.due(phase.name))  # as far as their calls tell
        found["failed_calls"] = sum(failed(run.events[at]) for at in calls)
    if len(due) != len(rows):
        found["left_out"] = len(due) - len(rows)  # reached into another role's phase: see Run.rows
    if run.source != ATTACHED and (window := panel(run, phase.name)) is not None:
        found["effective_n"] = round(window.worth(run.good[rows].astype(np.float64)), 1)
    in_blocks = {name for block in _BLOCKS.values() for name in block.values()}
    metrics: dict[str, Any] = {}
    for name, member in registry.members("metrics").items():
        if member.whole_run:
            continue
        estimate = measure(run, name, phase.name)
        metrics[name] = estimate.to_json() | {"n": estimate.n} | ({"why": estimate.why} if estimate.why else {})
        if name not in in_blocks and name not in found:  # `attempts` is the count here, the metric is by operation
            found[name] = estimate.to_json() if name == "success_rate" else finite(estimate.value)
    for block, names in _BLOCKS.items():
        found[block] = {short: finite(measure(run, name, phase.name).value) for short, name in names.items()}
    found["metrics"] = metrics
    if by_operation := _by_operation(run, due, calls):
        found["by_operation"] = by_operation
    return found


def _outcomes(run: Run, due: Ints) -> dict[str, int]:
    """How many users got what; {} where nobody saw it."""
    if run.source == ATTACHED:
        return {}
    counts = np.bincount(np.asarray(run.samples.outcome)[due].astype(np.int64), minlength=len(OUTCOMES))
    return {outcome.value: int(count) for outcome, count in zip(OUTCOMES, counts, strict=True)}


def _by_operation(run: Run, due: Ints, calls: Ints) -> dict[str, Any]:
    """The same of each operation, where the target has several: which of them suffered."""
    mix = Mix(run.scenario.target, run.scenario.seed)
    if not mix.several or run.scenario.load.closed or not run.driven:
        return {}
    asked = np.array([mix.place(int(index)) for index in np.asarray(run.samples.operation)[due]], dtype=np.int64)
    found = {}
    for place, name in enumerate(mix.names):
        rows = due[asked == place]
        good = int(run.good[rows].sum())
        low, high = wilson(good, len(rows))
        latency = np.sort(run.latency[rows][np.isfinite(run.latency[rows])])
        found[name] = {
            "operations": len(rows),
            "success_rate": {"value": good / len(rows) if len(rows) else None, "low": low, "high": high},
            "latency": {f"p{q}": finite(quantile(latency, q / 100)) for q in (50, 95, 99)},
        } | ({"attempts": int(np.isin(run.row_of[calls], rows).sum())} if run.joined else {})
    return found


def _calls(run: Run, phase: str, due: Ints) -> Ints:
    """Places of the calls of a phase: of its operations where calls are matched, else by the proxy's clock."""
    if run.joined and run.source != ATTACHED:
        return np.flatnonzero(np.isin(run.row_of, due))
    return np.flatnonzero(run.event_phase == run.place(phase))


def injection(run: Run) -> list[Injection]:
    """The counts of every rule of the scenario, those that never came up too."""
    rules: list[Rule] = list(run.scenario.rules)
    found = {rule.name: Injection(rule.name, rule.fault.name, run.rule_phase[rule.name]) for rule in rules}
    for event in run.events:
        for part in event.rules:
            row = found.get(part.rule)
            if row is None:
                row = found[part.rule] = Injection(part.rule, part.fault, event.phase)
            row.eligible += 1
            row.planned += part.planned
            row.fired += part.fired
            row.delivered += part.fired and part.delivered
            # Held back by a limit, which has a name; without one the call was lost, and `planned` shows it.
            row.capped += part.planned and not part.fired and bool(part.why)
            if part.fired and not part.delivered:
                # One that was let go was under way when somebody ended it, as one at the run's end was.
                row.in_flight += event.ended is Ended.IN_FLIGHT or part.why == LET_GO
                row.skipped += event.did is Did.SKIPPED and part.why != LET_GO
            if part.planned and not part.delivered and (part.why or event.why):
                row.why[part.why or event.why] += 1
    return list(found.values())
