"""A bad state that outlives its trigger."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import finding_of, plural
from chaosllm.join import Run
from chaosllm.metrics.recovered_share import MEMBER as RECOVERED_SHARE
from chaosllm.metrics.recovered_share import late
from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.sources import Sees
from chaosllm.units import format_share

#: The good fraction in the second half of R over that of B below which the state has outlived its trigger.
LEAST_RECOVERED = 0.9


class Metastable(FindingKind):
    """Raised when the recovered share (METHOD metric 9) is below 0.9, and chance does not explain it.

    The recovery lasts at least max(10 s, 1.5 x the user's deadline), at the load of the baseline, with the trigger
    gone. An app that answers with a declared default all the while is not in a bad state but `stuck_on_fallback`.
    """

    code: ClassVar[str] = "metastable"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "the app did not come back though the fault was gone and the load the same"
    advice: ClassVar[str] = (
        "Break the loop that keeps the load up: bound the queue and drop what is older than its user's deadline "
        "(answer 503 with Retry-After at once), cap retries with a budget of about 10 % of calls, and let a circuit "
        "breaker shed work until answers are quick again."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    sees: ClassVar[Sees] = "status"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each recovery that is none."""
        return [found for phase in run.phases(Role.RECOVERY) if (found := self._of(run, phase.name)) is not None]

    def _of(self, run: Run, phase: str) -> Finding | None:
        share = RECOVERED_SHARE.value(run, phase, confidence=0.9)
        rows = late(run, phase)
        bad = rows[~run.good[rows] & ~run.samples.was(Outcome.DEGRADED)[rows]]
        if share.value is None or share.n < self.least or not faulted_before(run, phase):
            return None
        served = share.value + float(run.samples.was(Outcome.DEGRADED)[rows].mean())
        if served >= LEAST_RECOVERED or share.high >= 1:
            return None
        sentence = (
            f"{len(bad):,} of {plural(len(rows), 'operation')} in the second half of the recovery were not served, "
            f"at the same load: {format_share(share.value)} of the baseline's good share."
        )
        return finding_of(
            run, self, run.judged_as(phase), bad, len(rows), title="The app does not come back", sentence=sentence
        )


def faulted_before(run: Run, phase: str) -> bool:
    """Whether a fault was met before this phase, so that there is something to recover from."""
    place = run.place(phase)
    return any(run.hits.get(one.name, 0) for one in run.scenario.phases[:place] if one.role is Role.FAULT)


MEMBER = Metastable()
