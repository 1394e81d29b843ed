"""Apps that need long to come back once the fault is gone."""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar, override

from chaosllm.chains import over
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import finding_of, operations
from chaosllm.findings.metastable import MEMBER as METASTABLE
from chaosllm.findings.metastable import faulted_before
from chaosllm.join import Run
from chaosllm.metrics.recovered_share import LEAST_DEADLINES, LEAST_SECONDS
from chaosllm.metrics.time_to_recover import MEMBER as TIME_TO_RECOVER
from chaosllm.scenario import Comparator, Role
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: Seconds in which an app should recover, beside its longest backoff (METHOD metric 8).
GATE = 30.0


class SlowRecovery(FindingKind):
    """Raised when the time to recover is above its gate, or the app did not recover within R, and is not metastable.

    The gate: the scenario's own objective on `time_to_recover`, else 30 s and the longest pause before a retry that
    was seen. "Not within R" is said of a recovery of at least max(10 s, 1.5 x the user's deadline) only: a shorter
    one ends before slow users have had their answers.
    """

    code: ClassVar[str] = "slow_recovery"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "the app took long to serve as before once the fault was gone"
    advice: ClassVar[str] = (
        "Cap the backoff (30 s at most), let circuit breakers probe every few seconds, drop queued work whose user "
        "has left, and drain connection pools that hang on broken connections."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    sees: ClassVar[Sees] = "status"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each recovery that took too long."""
        gate = _gate(run)
        unstable = {found.phase for found in METASTABLE.find(run)}
        found = []
        for phase in run.phases(Role.RECOVERY):
            took = TIME_TO_RECOVER.value(run, phase.name)
            if phase.judged_as in unstable or took.n < self.least or not faulted_before(run, phase.name):
                continue
            never = took.value is None and took.exact
            long_enough = run.seconds(phase.name) >= max(LEAST_SECONDS, LEAST_DEADLINES * run.timeout)
            if (never and long_enough) or (took.value is not None and took.value > gate):
                found.append(self._say(run, phase.name, took.value, gate))
        return found

    def _say(self, run: Run, phase: str, took: float | None, gate: float) -> Finding:
        rows = run.due(phase)
        bad = rows[~run.good[rows]]
        said = (
            f"not within the {format_duration(run.seconds(phase))} of the recovery"
            if took is None
            else f"after {format_duration(took)} (at most {format_duration(gate)})"
        )
        sentence = f"Service was as good as before {said}."
        return finding_of(
            run, self, run.judged_as(phase), bad[::-1], len(rows), title="The app recovers slowly", sentence=sentence
        )


def _gate(run: Run) -> float:
    """Seconds in which the app should have recovered."""
    said = [
        objective.bound
        for objective in run.scenario.objectives
        if objective.metric == "time_to_recover"
        and objective.reference is None
        and objective.comparator in (Comparator.LT, Comparator.LE)
    ]
    return min(said) if said else GATE + _longest_pause(run)


def _longest_pause(run: Run) -> float:
    """The longest pause between two calls of an operation that met a failure, in seconds."""
    if not run.joined:
        return 0.0
    pauses = (later.t - over(before) for _, attempts in operations(run) for before, later in pairwise(attempts))
    return max(0.0, max(pauses, default=0.0))


MEMBER = SlowRecovery()
