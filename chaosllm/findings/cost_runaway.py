"""Bills that grow while the provider fails."""

from __future__ import annotations

from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Mask
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import finding_of, plural
from chaosllm.join import Run, met_rule
from chaosllm.metrics._panel import baseline_of
from chaosllm.metrics.cost_amplification import tokens_billed
from chaosllm.scenario import Role
from chaosllm.sources import Sees

#: Tokens billed for each operation over those of the baseline (METHOD section 5).
MOST_TOKENS = 3.0
#: Answered calls of one operation above which a tool loop is out of hand: the recursion limit of LangGraph is 25,
#: the turns of OpenAI's Agents SDK are 10 by default.
MOST_CALLS = 25


class CostRunaway(FindingKind):
    """Raised when tokens billed for each operation in F are above 3 x those in B, or a tool loop is over its cap.

    For each operation and not for each good answer, because the fault itself destroys answers. A loop: more than 25
    distinct calls in one operation, and more than 3 x what an operation makes when nothing fails.
    """

    code: ClassVar[str] = "cost_runaway"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "operations cost several times as much while the fault was on"
    advice: ClassVar[str] = (
        "Bound what one request may cost: at most 10 turns of a tool loop (max_turns=10, recursion_limit=25), "
        "max_retries=2 in one layer only, max_tokens on each call, and a token budget for each user's request that "
        "ends in an honest answer when it is spent."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = True
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase whose operations cost too much."""
        loops = _loops(run)
        tokens = tokens_billed(run)
        found = []
        for name in dict.fromkeys(phase.judged_as for phase in run.phases(Role.FAULT)):
            rows = run.due(name)
            rows = rows[run.attempts[rows] > 0]
            baseline = baseline_of(run, name)
            before = run.rows(baseline) if baseline is not None else rows[:0]
            usual = float(tokens[before].mean()) if len(before) else 0.0
            ratio = float(tokens[rows].mean()) / usual if usual and len(rows) else 0.0
            dear = rows[tokens[rows] > MOST_TOKENS * usual] if ratio > MOST_TOKENS else rows[:0]
            seen = np.union1d(dear, rows[loops[rows]])
            if len(seen) and run.hits.get(name, 0) >= self.least:
                sentence = _sentence(len(seen), len(rows), ratio)
                title = "Operations run up a bill"
                found.append(finding_of(run, self, name, seen, len(rows), title=title, sentence=sentence))
        return found


def _sentence(count: int, of: int, ratio: float) -> str:
    if ratio > MOST_TOKENS:
        return (
            f"An operation was billed {ratio:.1f} times the tokens of one in the baseline; "
            f"{count:,} of {plural(of, 'operation')} stand out."
        )
    return f"{count:,} of {plural(of, 'operation')} made more than {MOST_CALLS} different calls."


def _loops(run: Run) -> Mask:
    """By row, the operations that made too many different calls and met a fault."""
    most = max(MOST_CALLS, MOST_TOKENS * sum(run.usual.values()))
    found = np.zeros(len(run.samples), dtype=bool)
    for row in np.flatnonzero(run.attempts > most):
        attempts = run.attempts_of(int(row))
        distinct = {(event.provider, event.model, event.index) for event in attempts}
        found[row] = len(distinct) > most and any(map(met_rule, attempts))
    return found


MEMBER = CostRunaway()
