"""Retries that all come after exactly the same pause."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import ClassVar, override

import numpy as np

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, Tally, counted, phase_of, plural
from chaosllm.findings.no_backoff import SHORTEST
from chaosllm.gaps import first_gaps
from chaosllm.join import Run
from chaosllm.script import Reply
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: Coefficient of variation below which pauses are the same; full jitter has 0.58, OpenAI's SDK 0.082 (METHOD 13).
LEAST_CV = 0.03
#: A busy machine makes pauses longer and never shorter, so their lower half tells what the app meant: of so many gaps,
#: those from the 5th to the 50th percentile lie so close to the median, as a share of it and in seconds. What a machine
#: adds does not grow with the pause. The zoo's: fixed pauses of 300 ms had a CV of 0.01 to 0.05 and a lower half of 0.4
#: to 4 %, once of 7 % (22 ms); OpenAI's SDK has 8 to 15 % (36 ms and more), a jitter of 10 % on 1.2 s 8 % (95 ms).
LOWER_HALF = ((60, 0.08, 0.025), (20, 0.05, float("inf")))


class NoJitter(FindingKind):
    """Raised when the CV of the first gap is under 0.03, with at least 6 gaps and a mean above 50 ms.

    Or when the lower half of at least 20 gaps lies within 5 % below their median (of 60, within 8 % and 25 ms),
    because a busy machine makes pauses longer and never shorter. Of gaps that no Retry-After asked for: whoever waits
    out a Retry-After waits as long as all the others. Shorter gaps are `no_backoff`'s matter.
    """

    code: ClassVar[str] = "no_jitter"
    severity: ClassVar[Severity] = "minor"
    summary: ClassVar[str] = "retries all came after the same pause, so they come all at once"
    advice: ClassVar[str] = (
        "Draw the pause at random (full jitter: random between 0 and min(cap, base * 2^attempt), such as tenacity's "
        "wait_random_exponential), so that users who failed together do not come back together."
    )
    least: ClassVar[int] = 6
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("rate_limit", "overload", "error", "quota", "connection", "reset")

    def shown_by(self, reply: Reply) -> bool:
        """A refusal that may pass and names no wait."""
        return (reply.status in (408, 429) or reply.status >= 500) and reply.retry_after is None

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with such gaps."""
        tallies = Tallies(run)
        chosen = counted(run)
        for gap in first_gaps(run):
            if chosen[gap.row]:
                phase = phase_of(run, gap.row, gap.failure)
                tallies.case(phase, gap.row, seen=True, evidence=gap.retry.call, amount=gap.seconds)
        return tallies.findings(
            self,
            "Retries come in step",
            lambda tally: (
                f"{plural(tally.of, 'operation')} waited {format_duration(fmean(tally.amounts))} before the first "
                f"retry, give or take {format_duration(stdev(tally.amounts))}."
            ),
            raised=self._in_step,
        )

    def _in_step(self, tally: Tally) -> bool:
        if tally.of < self.least or (mean := fmean(tally.amounts)) <= SHORTEST:
            return False
        if stdev(tally.amounts) < LEAST_CV * mean:
            return True
        low, middle = np.quantile(tally.amounts, (0.05, 0.5))
        rules = [(share, seconds) for least, share, seconds in LOWER_HALF if tally.of >= least]
        return any(middle - low < min(share * middle, seconds) for share, seconds in rules)


MEMBER = NoJitter()
