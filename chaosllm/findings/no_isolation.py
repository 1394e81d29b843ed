"""Routes that need no LLM and fail with it."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.findings import MOST_EVIDENCE, Finding, FindingKind, Severity
from chaosllm.findings._evidence import plural
from chaosllm.join import Run
from chaosllm.metrics._panel import baseline_of
from chaosllm.metrics.isolation import asked, seconds
from chaosllm.scenario import Role
from chaosllm.stats import quantile
from chaosllm.units import format_duration

#: How much slower than in the baseline a control route may be, and what is quick enough anyway (METHOD metric 23).
MOST_RATIO, QUICK = 1.2, 0.3
#: A p95 above this is slow for certain, however few requests tell it; below, it takes so many of them.
FOR_CERTAIN, LEAST_ASKED = 1.0, 20
#: Requests that must fail. Ours: a single one may be a connection that was closed as it was used.
LEAST_FAILED = 2


class NoIsolation(FindingKind):
    """Raised when a control route fails in F, or its p95 is above 1.2 x baseline and above 300 ms.

    Fails: two requests and more are not answered, or with an error, on a route that did not fail in the baseline.
    Slow: by at least 20 requests, or above 1 s, which is slow for certain.
    """

    code: ClassVar[str] = "no_isolation"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "routes that need no LLM failed or slowed down with it"
    advice: ClassVar[str] = (
        "Keep calls to the LLM from using up what all routes share: an async client or a pool of threads of their own, "
        "a cap on calls in flight (a semaphore of 20 to 100) that answers 503 when it is full, and a timeout on each "
        "call. A health check that hangs gets the whole app restarted."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    waits: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("hang", "stall", "latency", "connection", "rate_limit", "overload")

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each fault phase in which such a route suffered; of several the worst."""
        found = []
        for phase in dict.fromkeys(one.judged_as for one in run.phases(Role.FAULT)):
            baseline = baseline_of(run, phase)
            if baseline is None or run.hits.get(phase, 0) < self.least:
                continue
            routes = [self._of(run, route, phase, baseline) for route in run.scenario.target.control]
            found += sorted((one for one in routes if one), key=lambda one: -one.count)[:1]
        return found

    def _of(self, run: Run, route: str, phase: str, baseline: str) -> Finding | None:
        here, before = asked(run, route, phase), asked(run, route, baseline)
        if not here or not before:
            return None
        p95, usual = quantile(seconds(here), 0.95), quantile(seconds(before), 0.95)
        slow = p95 > max(QUICK, MOST_RATIO * usual) and (len(here) >= LEAST_ASKED or p95 > FOR_CERTAIN)
        failed = [one for one in here if one.failed]
        fails = len(failed) >= LEAST_FAILED and sum(one.failed for one in before) < LEAST_FAILED
        if not (fails or slow) or len(here) < self.least:
            return None
        bad = [one for one in here if (fails and one.failed) or (slow and one.t_end - one.t_due > max(QUICK, usual))]
        sentence = (
            f"{route} took {format_duration(p95)} (p95, {format_duration(usual)} in {baseline}), and "
            f"{len(failed):,} of {plural(len(here), 'request')} failed."
        )
        evidence = tuple(f"control {route} at {one.t_due:.1f}s" for one in bad[:MOST_EVIDENCE])
        return Finding(
            self.code, self.severity, phase, len(bad), len(here), "The whole app suffers with the LLM", sentence,
            self.advice, evidence,
        )  # fmt: skip


MEMBER = NoIsolation()
