"""Fallbacks that come so late that users have waited for nothing first."""

from __future__ import annotations

from statistics import median
from typing import ClassVar, override

import numpy as np

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, counted, first_met, name, phase_of, plural
from chaosllm.join import Run
from chaosllm.metrics.fallback_delay import delays
from chaosllm.scenario import Role
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: Seconds after the first failure, and the share of the user's deadline, within which a fallback should answer.
LATEST, LATEST_SHARE = 2.0, 0.5


class SlowFallback(FindingKind):
    """Raised when fallbacks answered later than 2 s, or than half the deadline, after the first failure (median).

    What an answer usually takes (the baseline's median latency) is taken off before it is held against the 2 s,
    because a fallback cannot be quicker than a model that needs five seconds for its answer.
    """

    code: ClassVar[str] = "slow_fallback"
    severity: ClassVar[Severity] = "minor"
    summary: ClassVar[str] = "the fallback answered long after the primary had failed"
    advice: ClassVar[str] = (
        "Fall back after the first or second failure instead of after all retries (max_retries=1 for a call that has "
        "a fallback), and open a circuit breaker after some failures in a row, so that the next users do not wait for "
        "the primary at all."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "flags"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase whose fallbacks came late."""
        took = delays(run)
        usual = _usual(run)
        tallies = Tallies(run)
        for row in np.flatnonzero(np.isfinite(took) & counted(run)):
            met = first_met(run, int(row))
            if met is not None:
                delay = float(took[row])
                seen = delay - usual > LATEST or delay > LATEST_SHARE * run.timeout
                phase = phase_of(run, int(row), met)
                tallies.case(phase, int(row), seen=seen, evidence=name(run, int(row)), amount=delay)
        return tallies.findings(
            self,
            "The fallback comes late",
            lambda tally: (
                f"The fallback answered {format_duration(median(tally.amounts))} after the primary had failed "
                f"(median of {plural(tally.of, 'operation')})."
            ),
            raised=lambda tally: 2 * tally.count > tally.of,
        )


def _usual(run: Run) -> float:
    """The median latency of the baseline, in seconds; 0 without one."""
    rows = np.concatenate([np.empty(0, dtype=np.int64), *(run.rows(one.name) for one in run.phases(Role.BASELINE))])
    latency = run.latency[rows]
    latency = latency[np.isfinite(latency)]
    return float(np.median(latency)) if len(latency) else 0.0


MEMBER = SlowFallback()
