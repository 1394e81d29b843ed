"""Truncated answers passed on to users as whole ones."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.cuts import cut_by_us
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.join import Run


class TruncatedAccepted(FindingKind):
    """Raised when a good-looking operation holds the text before a cut and not the text after it.

    METHOD metric 17: the answer is good (2xx, ended, not marked as degraded, no error event), the last
    attempt was cut, the answer's prints hold the text delivered before the cut and none of the text
    withheld. Over the operations whose last attempt was cut. A cut that withheld nothing is no case.
    """

    code: ClassVar[str] = "truncated_accepted"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "an answer that was cut off reached the user as if it were whole"
    advice: ClassVar[str] = (
        "Check how each answer ended before you use it: the finish reason must be there and say stop (OpenAI "
        "finish_reason, Anthropic stop_reason), and a stream must have reached its end event; else retry, fall back, "
        "or tell the user."
    )
    least: ClassVar[int] = 1
    joined: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("truncate", "reset", "connection", "drop", "stream_error")

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that cut answers."""
        tallies = Tallies(run)
        for row, attempts in operations(run):
            last = attempts[-1]
            if cut_by_us(last) and last.withheld:
                tallies.case(phase_of(run, row, last), row, seen=bool(run.took_cut[row]), evidence=last.call)
        return tallies.findings(
            self,
            "Cut-off answers are passed on as whole",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} whose last call was cut gave the user the cut-off "
                "answer as if it were whole."
            ),
        )


MEMBER = TruncatedAccepted()
