"""Calls repeated unchanged after an error that repeating cannot mend."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.chains import later_attempts
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.findings.quota_retried import out_of_quota
from chaosllm.join import Run
from chaosllm.script import Reply
from chaosllm.sources import Sees

#: The request or the key is wrong, and will be (METHOD section 5).
HOPELESS = frozenset({400, 401, 403, 404, 413, 422})


class NonRetryableRetried(FindingKind):
    """Raised when the same call is made again after 400, 401, 403, 404, 413 or 422.

    The same call: the same provider and model and the same request. A mended request, such as a shorter
    prompt, is no retry, and what the provider itself asks to retry (x-should-retry) is none to blame. Quota errors
    have a finding of their own, `quota_retried`.
    """

    code: ClassVar[str] = "non_retryable_retried"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "calls were repeated unchanged after an error that repeating cannot mend"
    advice: ClassVar[str] = (
        "Retry only what may pass by itself: 408, 429, 500, 502, 503, 504, 529 and broken connections. On 400, 401, "
        "403, 404, 413 and 422 stop at once: mend the request, or answer the user and alert."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("error", "rate_limit", "refusal")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal that repeating cannot mend."""
        return reply.status in HOPELESS and not reply.retryable and not reply.reason.startswith("quota")

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that gave such errors."""
        tallies = Tallies(run)
        for row, attempts in operations(run):
            for at, event in enumerate(attempts):
                if event.status not in HOPELESS or event.retryable or out_of_quota(event):
                    continue
                again = next((other for other in later_attempts(attempts, at) if other.index == event.index), None)
                tallies.case(
                    phase_of(run, row, event), row, seen=again is not None, evidence=again.call if again else ""
                )
        return tallies.findings(
            self,
            "Hopeless calls are retried",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'error')} that repeating cannot mend "
                f"were followed by the same call."
            ),
        )


MEMBER = NonRetryableRetried()
