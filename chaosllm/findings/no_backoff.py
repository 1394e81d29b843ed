"""Retries at once, without any pause."""

from __future__ import annotations

from statistics import median
from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, counted, phase_of, plural
from chaosllm.gaps import first_gaps
from chaosllm.join import Run
from chaosllm.script import Reply
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: A shorter pause is none: a loop without a sleep takes single milliseconds (METHOD section 5).
SHORTEST = 0.05


class NoBackoff(FindingKind):
    """Raised when the median first gap before a retry is under 50 ms, and no Retry-After asked for it.

    The first gap: from the first refusal or broken connection of an operation at a provider and model to
    its next attempt there. Refusals that carry a Retry-After are `retry_after_ignored`'s matter, and a call that
    GOAWAY sent away is to be asked once more at once.
    """

    code: ClassVar[str] = "no_backoff"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "failed calls were repeated at once, without a pause"
    advice: ClassVar[str] = (
        "Pause before each retry, longer each time and by a random share (exponential backoff with full jitter: "
        "random between 0 and min(cap, base * 2^attempt), base about 0.5 s), and stop after three attempts."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("rate_limit", "overload", "error", "quota", "connection", "reset")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal that may pass and names no wait."""
        return (reply.status in (408, 429) or reply.status >= 500) and reply.retry_after is None

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with first gaps."""
        tallies = Tallies(run)
        chosen = counted(run)
        for gap in first_gaps(run):
            if chosen[gap.row]:
                phase, short = phase_of(run, gap.row, gap.failure), gap.seconds < SHORTEST
                tallies.case(phase, gap.row, seen=short, evidence=gap.retry.call, amount=gap.seconds)
        return tallies.findings(
            self,
            "Retries come without a pause",
            lambda tally: (
                f"The first retry came {format_duration(median(tally.amounts))} after the failure "
                f"(median of {plural(tally.of, 'retry').replace('retrys', 'retries')})."
            ),
            raised=lambda tally: median(tally.amounts) < SHORTEST,
        )


MEMBER = NoBackoff()
