"""Retries that pile onto a provider which is already failing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from statistics import fmean
from typing import ClassVar, override

import numpy as np

from chaosllm.chains import tries
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.join import Run, is_call, met_rule
from chaosllm.scenario import Phase, Role
from chaosllm.sources import ATTACHED, Sees

#: Attempts of one operation above which it is a storm by itself, and the mean above which all are (METHOD
#: metric 11). Three, the official SDKs' default, are none; Google SRE allows at most 3 tries a request.
MOST, MOST_ON_AVERAGE = 10, 4.0
#: "Keeps growing": each quarter of the phase makes this much more attempts than the one before, and the last at
#: least twice the operations due in it; "near 0": under 5 % good. Ours: METHOD gives no numbers.
GROWTH, PILED_UP, NEAR_ZERO = 1.2, 2.0, 0.05
#: A quarter of a shorter phase, or one with fewer attempts, says nothing about growth.
LEAST_SECONDS, LEAST_ATTEMPTS = 10.0, 80


@dataclass(slots=True)
class _Tried:
    """The operations of one phase that met a fault: their attempts in a row, by row of the operation."""

    by_row: dict[int, int] = field(default_factory=dict)
    last_call: dict[int, str] = field(default_factory=dict)
    by_rule: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))


class RetryStorm(FindingKind):
    """Raised on more than 10 attempts for one operation, a mean above 4, or attempts that keep growing.

    Attempts are those at one provider and model, each after a failed one. The mean is over the operations
    that met one rule. Growth is of attempts a second in a fault phase at constant load, while almost no
    operation is good.
    """

    code: ClassVar[str] = "retry_storm"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "failed calls were repeated so often that they pile onto the provider"
    advice: ClassVar[str] = (
        "Stop after 3 attempts, in one layer only (an SDK's max_retries times your own loop multiply), with "
        "exponential backoff and jitter, and cap retries for the whole service with a retry budget (about 10 % of "
        "calls) or a circuit breaker."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with a storm."""
        tallies = Tallies(run)
        worst: dict[str, int] = {}
        means: dict[str, float] = {}
        for phase, tried in _tried(run).items():
            mean = max((fmean(found) for found in tried.by_rule.values() if len(found) >= self.least), default=0.0)
            most = MOST if mean <= MOST_ON_AVERAGE else int(MOST_ON_AVERAGE)
            if any(_grows(run, one) for _, one in run.parts(phase)):
                most = 1
            worst[phase] = max(tried.by_row.values())
            means[phase] = fmean(tried.by_row.values())
            for row, count in tried.by_row.items():
                tallies.case(phase, row, seen=count > most, evidence=tried.last_call[row])
        title = "Failed calls are retried too often"
        found = tallies.findings(self, title, lambda tally: plural(tally.of, "operation"))
        return [_say(finding, worst[finding.phase], means[finding.phase]) for finding in found]


def _say(finding: Finding, worst: int, mean: float) -> Finding:
    sentence = (
        f"{finding.count:,} of {plural(finding.of, 'operation')} that met a failure were tried too often: "
        f"up to {worst} calls in a row for one operation, {mean:.1f} on average."
    )
    return replace(finding, sentence=sentence)


def _tried(run: Run) -> dict[str, _Tried]:
    """By phase, the operations that met a fault or were tried more than once."""
    found: dict[str, _Tried] = defaultdict(_Tried)
    for row, attempts in operations(run):
        met = [event for event in attempts if met_rule(event)]
        count = tries(attempts, run.usual)
        if not met and count < 2:
            continue
        tried = found[phase_of(run, row, *met)]
        tried.by_row[row] = count
        tried.last_call[row] = attempts[-1].call
        for rule in {met_rule(event) for event in met}:
            tried.by_rule[rule].append(count)
    return found


def _grows(run: Run, phase: Phase) -> bool:
    """Whether attempts a second keep growing in a fault phase while almost nothing is good, as far as that is known."""
    if phase.role is not Role.FAULT or run.seconds(phase.name) < LEAST_SECONDS:
        return False
    due = run.due(phase.name)
    if run.source == ATTACHED or not len(due) or run.good[due].mean() >= NEAR_ZERO:
        return False
    seconds = run.seconds(phase.name)
    borders = phase.start + seconds * np.arange(5) / 4
    when = np.array([event.t for event in run.events if is_call(event)], dtype=np.float64)
    attempts = np.histogram(when, borders)[0]
    offered = np.histogram(run.samples.t_due[due], borders)[0]
    growing = bool((attempts[1:] > GROWTH * attempts[:-1]).all())
    piled_up = attempts[-1] > PILED_UP * offered[-1] and attempts.sum() >= LEAST_ATTEMPTS
    return growing and bool(piled_up)


MEMBER = RetryStorm()
