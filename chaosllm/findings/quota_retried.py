"""Calls repeated after the provider said that the quota, credit or budget is used up."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.chains import reactions
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.join import Run
from chaosllm.record import Event
from chaosllm.script import Reply
from chaosllm.sources import Sees


class QuotaRetried(FindingKind):
    """Raised when an operation calls the same provider and model again after its quota, credit or spend error."""

    code: ClassVar[str] = "quota_retried"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "calls were repeated after the provider's quota, credit or spend error"
    advice: ClassVar[str] = (
        "Read the error code, not only the status: insufficient_quota, a credit or a spend limit comes as 429 or 400 "
        "too, but waiting cannot help. Stop calling that provider, fall back to another or to a default answer, and "
        "alert whoever pays the bill."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("quota", "rate_limit")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal for quota, credit or spend."""
        return not reply.retryable and reply.reason.startswith("quota") and reply.status >= 400

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that refused for quota."""
        tallies = Tallies(run)
        for row, attempts in operations(run):
            # Once an operation: its first quota error, and every later call that ought not to have been made.
            at = next((place for place, event in enumerate(attempts) if out_of_quota(event)), None)
            if at is None:
                continue
            again = reactions(attempts, at)
            tallies.case(
                phase_of(run, row, attempts[at]),
                row,
                seen=bool(again),
                evidence=again[0].call if again else "",
                amount=float(len(again)) if again else None,
            )
        return tallies.findings(
            self,
            "Exhausted quota is retried",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} called again after the quota error, "
                f"{plural(round(sum(tally.amounts)), 'useless call')} in all."
            ),
        )


def out_of_quota(event: Event) -> bool:
    """Whether a call was refused for quota, credit or spend, and not with the word that it be retried."""
    return (
        not event.retryable
        and event.reason.split("/")[0] == "quota"
        and event.status is not None
        and event.status >= 400
    )


MEMBER = QuotaRetried()
