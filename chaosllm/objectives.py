"""Objectives held against what was measured: pass, fail, or what it would take to tell.

Laws:
1. FAIL when the interval excludes the bound on the bad side, PASS when it lies on the good side; one-sided 95 %.
2. What has no chance in it (counts of findings, time to recover, "none at all") is decided by its value.
3. Of several statistical objectives, failing is corrected by Holm; passing needs none, because all must pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chaosllm import registry
from chaosllm.analysis import measure
from chaosllm.findings import Finding
from chaosllm.join import Run
from chaosllm.metrics import Estimate, finite
from chaosllm.metrics._panel import unmatched
from chaosllm.power import ALPHA, needed
from chaosllm.recovery import LONGEST_HOLD
from chaosllm.scenario import Comparator, Objective, Role
from chaosllm.sources import ACCESS_LOG, ATTACHED
from chaosllm.stats import difference, spread
from chaosllm.units import format_duration

#: What stands by every latency of a locustfile's load (METHOD section 1: coordinated omission).
CLOSED_LOOP = "closed loop: latency counts from sending, so stalls hide"
SESSIONS = "sessions: a stalled answer delays the user's next requests, which nobody counts as late"
FROM_LOG = "from the app's access log: good is a status below 400, latency counts from when the app took the request"
#: Metrics that an open loop counts from the intended start.
_FROM_DUE = ("latency_", "ttft_", "degradation", "time_to_recover")
#: An answer to "how many operations would decide it" above this is no help.
_TOO_MANY = 1_000_000


@dataclass(frozen=True, slots=True)
class Judged:
    """One objective with what was measured; `verdict` is pass, fail or inconclusive."""

    objective: Objective
    unit: str
    estimate: Estimate
    bound: float | None  # in base units; of a relative objective what the factor times the reference is
    verdict: str
    why: str = ""  # of an inconclusive one: why, and what would decide it
    note: str = ""  # what to know when its value is read

    def to_json(self) -> dict[str, Any]:
        """The row of summary.json."""
        row = {
            "text": self.objective.text, "metric": self.objective.metric, "phase": self.objective.phase,
            "unit": self.unit, **self.estimate.to_json(), "bound": finite(self.bound), "n": self.estimate.n,
            "verdict": self.verdict,
        }  # fmt: skip
        return row | ({"why": self.why} if self.why else {}) | ({"note": self.note} if self.note else {})


def judge_objectives(run: Run, findings: Sequence[Finding], spoiled: Callable[[Objective], str | None]) -> list[Judged]:
    """All objectives of the scenario; `spoiled` names the validity check that spoils one, if any does."""
    judged = [_judge(run, objective, findings, ALPHA) for objective in run.scenario.objectives]
    doubtful = [at for at, one in enumerate(judged) if not one.estimate.exact and one.estimate.value is not None]
    failed = [at for at in doubtful if judged[at].verdict == "fail"]
    confirmed: set[int] = set()
    while True:
        alpha = ALPHA / max(1, len(doubtful) - len(confirmed))
        more = {
            at
            for at in failed
            if at not in confirmed and _judge(run, judged[at].objective, findings, alpha).verdict == "fail"
        }
        if not more:
            break
        confirmed |= more
    for at in failed:
        if at not in confirmed:
            why = f"too close to tell when {len(doubtful)} objectives are tested at once (Holm): lengthen the run"
            judged[at] = replace(judged[at], verdict="inconclusive", why=why)
    judged = [replace(one, note=_note(run, one.objective)) for one in judged]
    return [
        replace(one, verdict="inconclusive", why=reason)
        if one.verdict != "inconclusive" and (reason := spoiled(one.objective))
        else one
        for one in judged
    ]


def _note(run: Run, objective: Objective) -> str:
    """What it means for a latency that users wait for answers: it counts from sending, and what stalls sends less."""
    names = (objective.metric, objective.reference[0] if objective.reference else "")
    if run.source == ACCESS_LOG:
        members = [registry.members("metrics").get(name) for name in names]
        return FROM_LOG if any(one is not None and getattr(one, "sees", "") != "calls" for one in members) else ""
    if run.source == ATTACHED:
        return ""
    timed = any(name.startswith(_FROM_DUE) for name in names)
    if not timed:
        return ""
    return CLOSED_LOOP if run.scenario.load.closed else SESSIONS if run.scenario.target.sessions else ""


def _judge(run: Run, objective: Objective, findings: Sequence[Finding], alpha: float) -> Judged:
    if objective.metric in registry.members("findings"):
        return _judge_finding(run, objective, findings)
    metric = registry.member("metrics", objective.metric)
    confidence = 1 - 2 * alpha
    estimate = measure(run, objective.metric, objective.phase, confidence)

    def undecided(why: str, bound: float | None = None, shown: Estimate = estimate) -> Judged:
        return Judged(objective, metric.unit, shown, bound, "inconclusive", why)

    bound = objective.bound if objective.reference is None else None
    if estimate.value is None and not math.isfinite(estimate.low):
        return undecided(estimate.why, bound)
    least = metric.needs[objective.metric]
    if estimate.n < least:
        return undecided(f"needs {least} operations in {_where(objective.phase)}, had {estimate.n}", bound)
    if objective.reference is not None:
        name, phase = objective.reference
        other = measure(run, name, phase, confidence)
        if other.value is None:
            return undecided(other.why)
        least = registry.member("metrics", name).needs[name]
        if other.n < least:
            return undecided(f"needs {least} operations in {_where(phase)}, had {other.n}")
        bound = objective.bound * other.value
        estimate = _against(estimate, other, objective.bound, confidence)
    assert bound is not None  # noqa: S101  # for the type checker: one of the two branches set it
    if metric.unit == "share" and objective.reference is None and _all_or_none(objective):
        estimate = replace(estimate, exact=True, repeats=None)
        verdict = _decide(objective.comparator, estimate.value, estimate.value, bound)
        return Judged(objective, metric.unit, estimate, bound, verdict)
    verdict = _decide(objective.comparator, estimate.low, estimate.high, bound)
    if verdict != "inconclusive":
        return Judged(objective, metric.unit, estimate, bound, verdict)
    share = metric.unit == "share" and objective.reference is None
    return undecided(_what_would_decide(estimate, bound, objective, share=share), bound, estimate)


def _judge_finding(run: Run, objective: Objective, findings: Sequence[Finding]) -> Judged:
    """A finding's code as a metric: how often it was seen."""
    kind = registry.member("findings", objective.metric)
    if why := run.blind(kind):
        return Judged(objective, "count", Estimate.none(why), objective.bound, "inconclusive", why)
    if kind.joined and not run.side(kind).joined:
        return Judged(objective, "count", unmatched(run), objective.bound, "inconclusive", unmatched(run).why)
    seen = [one for one in findings if one.code == objective.metric and objective.phase in (None, one.phase)]
    count = float(sum(one.count for one in seen))
    phases = run.scenario.judged(objective.phase)
    hits = sum(run.hits[phase.name] for phase in phases)
    estimate = Estimate.of(count, hits)
    verdict = _decide(objective.comparator, count, count, objective.bound)
    # Absence is claimed only where it could have shown itself; a phase without rules promises no hits.
    if not seen and hits < kind.least and any(phase.rules for phase in phases):
        needed = "1 operation" if kind.least == 1 else f"{kind.least} operations"
        why = f"needs {needed} that met a fault, had {hits}"
        return Judged(objective, "count", estimate, objective.bound, "inconclusive", why)
    return Judged(objective, "count", estimate, objective.bound, verdict)


def _all_or_none(objective: Objective) -> bool:
    """Whether the bound is "none at all" or "all of them", which no sample shows but each can break."""
    at_zero = objective.bound == 0 and objective.comparator in (Comparator.LE, Comparator.EQ, Comparator.GT)
    return at_zero or (objective.bound == 1 and objective.comparator in (Comparator.GE, Comparator.EQ, Comparator.LT))


def _decide(comparator: Comparator, low: float | None, high: float | None, bound: float) -> str:
    if low is None or high is None:
        return "inconclusive"
    match comparator:
        case Comparator.LE:
            good, bad = high <= bound, low > bound
        case Comparator.LT:
            good, bad = high < bound, low >= bound
        case Comparator.GE:
            good, bad = low >= bound, high < bound
        case Comparator.GT:
            good, bad = low > bound, high <= bound
        case Comparator.EQ:
            good, bad = low == bound == high, low > bound or high < bound
    return "fail" if bad else "pass" if good else "inconclusive"


def _against(estimate: Estimate, other: Estimate, factor: float, confidence: float) -> Estimate:
    """The estimate with an interval that holds the reference's uncertainty too, to be held against its value."""
    if estimate.value is None or other.value is None or (estimate.exact and other.exact):
        return estimate
    bound = factor * other.value
    n = min(estimate.n, other.n)
    if estimate.repeats is not None and other.repeats is not None and estimate.value > 0 and other.value > 0:
        # The bootstrap of the log ratio (METHOD metric 5), moved back to the scale of the metric.
        with np.errstate(divide="ignore", invalid="ignore"):
            low, high = spread(np.log(estimate.repeats) - np.log(other.repeats), confidence)
        low = math.exp(low) * other.value if math.isfinite(low) else -math.inf
        high = math.exp(high) * other.value if math.isfinite(high) else math.inf
    else:
        first = (estimate.value, estimate.low, estimate.high)
        low, high = difference(first, (other.value, other.low, other.high), factor)
        low, high = bound + low, bound + high
    return Estimate(estimate.value, low, high, n)


def _what_would_decide(estimate: Estimate, bound: float, objective: Objective, *, share: bool) -> str:
    """In words, what would decide it if the value stays what it is."""
    if estimate.value is None:
        # Only a recovery that never came has a low bound without a value: see time_to_recover's hold.
        return f"{estimate.why}; lengthen it to {format_duration(min(1.5 * bound, bound + LONGEST_HOLD) + 1)}"
    edge = estimate.high if estimate.value < bound else estimate.low
    gap = abs(bound - estimate.value)
    had = f"had {estimate.n:,}"
    if gap and math.isfinite(edge):
        # A score test for shares; else widths shrink with the root of n.
        n = needed(estimate.value, bound, 1 - 2 * ALPHA) if share else estimate.n * ((edge - estimate.value) / gap) ** 2
        n = math.ceil(max(n or 0, estimate.n + 1))
        if n < _TOO_MANY:
            where = _where(objective.phase)
            if objective.reference is not None:
                where = f"each of {where} and {_where(objective.reference[1])}"
            return f"needs about {n:,} operations in {where} to decide, {had}"
    return f"the interval holds the bound; more operations may not decide it, {had}"


def _where(phase: str | None) -> str:
    return phase or Role.RECOVERY.value
