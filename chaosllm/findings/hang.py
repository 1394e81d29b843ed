"""Users left without an answer past their deadline."""

from __future__ import annotations

from typing import ClassVar, override

import numpy as np

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, counted, first_met, name, phase_of, plural
from chaosllm.join import Run
from chaosllm.record import Outcome
from chaosllm.sources import Sees
from chaosllm.units import format_duration


class Hang(FindingKind):
    """Raised when an operation passed the user's deadline, or was still in flight at the end of the run.

    Operations that a stop of the run cut off before their deadline are no evidence (METHOD metric 20).
    """

    code: ClassVar[str] = "hang"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "users had no answer within their deadline"
    advice: ClassVar[str] = (
        "Give every call to the LLM a timeout well below the user's deadline (the official SDKs wait 600 s by "
        "default: set timeout=), bound all attempts together by one deadline, and answer with a marked default when "
        "it is over."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    sees: ClassVar[Sees] = "status"
    provoked_by: ClassVar[tuple[str, ...]] = (
        "hang",
        "stall",
        "latency",
        "connection",
        "repetition",
        "rate_limit",
        "overload",
        "quota",
        "error",
    )

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with hangs."""
        samples = run.samples
        open_at_end = np.isnan(samples.t_end) & ~samples.was(Outcome.DROPPED)
        tallies = Tallies(run)
        for row in np.flatnonzero((samples.was(Outcome.HANG) | open_at_end) & counted(run)):
            met = first_met(run, int(row))
            phase = phase_of(run, int(row), *([met] if met is not None else []))
            tallies.case(phase, int(row), seen=True, evidence=name(run, int(row)))
        for phase, tally in tallies.by_phase.items():
            tally.of = max(tally.count, len(run.due(phase)))
        return tallies.findings(
            self,
            "Users are left hanging",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} had no answer within the user's deadline "
                f"of {format_duration(run.timeout)}."
            ),
        )


MEMBER = Hang()
