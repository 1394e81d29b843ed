"""Users failed by errors that one more try would most likely have mended."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.chains import over
from chaosllm.fallbacks import services
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, Tally, operations, phase_of, plural
from chaosllm.findings.quota_retried import out_of_quota
from chaosllm.gaps import may_be_retried
from chaosllm.join import Run, met_rule
from chaosllm.record import Event, Outcome
from chaosllm.script import Reply
from chaosllm.sources import Sees


class NoRetry(FindingKind):
    """Raised when no operation hit by 429, 5xx or overload was retried or served otherwise, and some users failed.

    Hits: operations whose first failure was one that may pass and that Retry-After let be tried again within the
    user's deadline. An exhausted quota, and what the provider says not to retry, is none.
    """

    code: ClassVar[str] = "no_retry"
    severity: ClassVar[Severity] = "minor"
    summary: ClassVar[str] = "users failed on errors that pass, and nothing was tried again"
    advice: ClassVar[str] = (
        "Retry 408, 429, 5xx and broken connections twice (max_retries=2, the official SDKs' default), with "
        "exponential backoff, jitter and Retry-After honoured, within the user's deadline."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "status"
    provoked_by: ClassVar[tuple[str, ...]] = ("rate_limit", "overload", "error")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal that may pass."""
        return (reply.status == 429 or reply.status >= 500) and reply.retryable

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase in which nobody tried again."""
        tallies = Tallies(run)
        bad = run.samples.was(Outcome.ERROR, Outcome.WRONG, Outcome.HANG)
        for row, attempts in operations(run):
            at = next((place for place, event in enumerate(attempts) if met_rule(event) and _may_pass(event)), None)
            if at is None or not _in_time(run, row, attempts[at]):
                continue
            served = services(run)[row].fell_back or run.next_attempts(row)[at] is not None
            # `amount` 1: something was done about it.
            failed = bool(bad[row]) and not served
            phase = phase_of(run, row, attempts[at])
            tallies.case(phase, row, seen=failed, evidence=attempts[at].call, amount=float(served))
        return tallies.findings(self, "Nothing is tried again", _say, raised=lambda tally: not any(tally.amounts))


def _say(tally: Tally) -> str:
    return (
        f"None of {plural(tally.of, 'operation')} that met an error which passes was tried again or served otherwise; "
        f"{tally.count:,} of them failed."
    )


def _may_pass(event: Event) -> bool:
    """Whether trying again is what the provider expects: 429, 5xx, overload."""
    return (
        event.status is not None and may_be_retried(event) and event.retryable is not False and not out_of_quota(event)
    )


def _in_time(run: Run, row: int, event: Event) -> bool:
    """Whether Retry-After lets the app try again before the user's deadline."""
    return over(event) + (event.retry_after or 0.0) < float(run.samples.t_due[row]) + run.timeout


MEMBER = NoRetry()
