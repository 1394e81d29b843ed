"""Retries that come sooner than the provider asked for."""

from __future__ import annotations

from statistics import median
from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.gaps import TOLERANCE, Gap, asks_to_wait
from chaosllm.join import Run
from chaosllm.script import Reply
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: The share of waits that may be too short.
ALLOWED = 0.05


class RetryAfterIgnored(FindingKind):
    """Raised when over 5 % of the waits are shorter than Retry-After less 50 ms (METHOD metric 12).

    A wait begins when the refusal ended and ends with the next attempt of the same operation at the
    same provider and model. When none comes, or the app goes elsewhere, Retry-After was honoured.
    """

    code: ClassVar[str] = "retry_after_ignored"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "retries came sooner than the provider's Retry-After asked for"
    advice: ClassVar[str] = (
        "Wait at least as long as Retry-After (or retry-after-ms) says before the next call to that provider; when "
        "the user's deadline does not allow it, fall back at once instead. The official SDKs do the waiting for you: "
        "leave max_retries on and do not wrap them in a loop of your own."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("rate_limit", "overload", "quota", "error")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal that asks for a wait."""
        return (reply.status == 429 or reply.status >= 500) and (reply.retry_after or 0.0) > TOLERANCE

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that asked for a wait."""
        tallies = Tallies(run)
        for row, attempts in operations(run):
            for event, after in zip(attempts, run.next_attempts(row), strict=True):
                if not asks_to_wait(event):
                    continue
                short = Gap(row, event, after).short if after is not None else 0.0
                tallies.case(
                    phase_of(run, row, event),
                    row,
                    seen=short > TOLERANCE,
                    evidence=after.call if after is not None else "",
                    amount=short if short > TOLERANCE else None,
                )
        return tallies.findings(
            self,
            "Retry-After is ignored",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'wait')}, in {plural(len(tally.seen), 'operation')}, were "
                f"shorter than Retry-After asked for, by {format_duration(median(tally.amounts))} (median)."
            ),
            raised=lambda tally: tally.count > ALLOWED * tally.of,
        )


MEMBER = RetryAfterIgnored()
