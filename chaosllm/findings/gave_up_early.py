"""Users failed although there was time for another try."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.chains import over, tries
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.findings.quota_retried import out_of_quota
from chaosllm.gaps import may_be_retried
from chaosllm.join import Run, met_rule
from chaosllm.record import Outcome
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: The share of the user's deadline that must be left (METHOD section 5).
LEFT = 0.5


class GaveUpEarly(FindingKind):
    """Raised when an operation was retried and failed with more than half of its deadline left.

    The last call failed in a way that may pass, and its Retry-After, if it had one, allowed another try within the
    deadline. Over the operations that were retried and failed.
    """

    code: ClassVar[str] = "gave_up_early"
    severity: ClassVar[Severity] = "minor"
    summary: ClassVar[str] = "the app stopped trying with more than half of the user's deadline left"
    advice: ClassVar[str] = (
        "Spread the same three attempts over more of the deadline instead of making more of them: a longer first "
        "pause (1 to 2 s) that doubles, with jitter, and the last attempt as late as one answer's time before the "
        "deadline. Answer with a default sooner when you have one."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "status"
    provoked_by: ClassVar[tuple[str, ...]] = ("rate_limit", "overload", "error", "connection", "reset")

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with such operations."""
        tallies = Tallies(run)
        failed = run.samples.was(Outcome.ERROR, Outcome.WRONG)
        for row, attempts in operations(run):
            last = attempts[-1]
            if not failed[row] or not met_rule(last) or tries(attempts, run.usual) < 2:
                continue
            left = float(run.samples.t_due[row]) + run.timeout - float(run.samples.t_end[row])
            may_pass = may_be_retried(last) and last.retryable is not False and not out_of_quota(last)
            allowed = (last.retry_after or 0.0) < left - max(0.0, over(last) - float(run.samples.t_end[row]))
            seen = may_pass and allowed and left > LEFT * run.timeout
            tallies.case(phase_of(run, row, last), row, seen=seen, evidence=last.call, amount=left if seen else None)
        return tallies.findings(
            self,
            "The app gives up early",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} that were retried and failed gave up with at "
                f"least {format_duration(min(tally.amounts))} of {format_duration(run.timeout)} left."
            ),
        )


MEMBER = GaveUpEarly()
