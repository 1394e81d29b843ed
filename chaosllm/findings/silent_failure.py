"""Users who were failed and not told."""

from __future__ import annotations

from typing import ClassVar, override

import numpy as np

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, counted, first_met, name, phase_of, plural
from chaosllm.join import Run
from chaosllm.record import Outcome

#: The driver's word for an answer that is right but late, which users do notice.
_LATE = "too slow"


class SilentFailure(FindingKind):
    """Raised when users failed and neither status, error, degraded marker nor error event said so.

    Such an answer says that it is fine (a status below 400, whole) and misses what the scenario calls good. Of
    operations that met a fault; a cut or broken answer that was passed on as whole has findings of its own.
    """

    code: ClassVar[str] = "silent_failure"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "users got a bad answer that says it is a good one"
    advice: ClassVar[str] = (
        "Say so when there is no answer: status 503 with Retry-After and a JSON body, an error event in a stream, or "
        "a marked default (a header such as x-degraded: 1, declared as `degraded` in the scenario). An apology with "
        "status 200 hides the failure from clients, monitors and caches."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with such answers."""
        samples = run.samples
        wrong = samples.was(Outcome.WRONG) & (samples.status < 400) & counted(run) & ~run.took_cut & ~run.took_broken
        tallies = Tallies(run)
        for row in map(int, np.flatnonzero(wrong)):
            met = first_met(run, row)
            marks = samples.marks[row] if row < len(samples.marks) else ()
            late = row < len(samples.error) and samples.error[row] == _LATE
            if met is not None and "error_event" not in marks and not late:
                tallies.case(phase_of(run, row, met), row, seen=True, evidence=name(run, row))
        for phase, tally in tallies.by_phase.items():
            tally.of = max(tally.count, run.hits.get(phase, 0))
        return tallies.findings(
            self,
            "Failures are hidden from users",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} that met the fault gave the user an answer that "
                "says it is fine and is not."
            ),
        )


MEMBER = SilentFailure()
