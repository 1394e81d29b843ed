"""Broken answers passed on to users as good ones."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, override

from chaosllm.cuts import broken_by_us
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, operations, phase_of, plural
from chaosllm.join import Run, met_rule


class MalformedAccepted(FindingKind):
    """Raised when a good-looking operation holds what a broken answer said.

    METHOD metric 18: status 2xx, ended, not marked as degraded, no error event; the last attempt brought broken
    JSON, broken tool arguments, no text, a page, an error in the answer's place, or a refusal; and the answer's
    prints hold the text that was delivered, or the user got as little. Over the operations whose last attempt was
    broken so. An honest cut (finish reason length) is `truncated_accepted`'s matter. Major; critical where users
    are promised JSON (`good: {json, schema}`) and for tool calls.
    """

    code: ClassVar[str] = "malformed_accepted"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "a broken, empty or refused answer reached the user as if it were a good one"
    advice: ClassVar[str] = (
        "Look at what came before you use it: a choice is there, its text is not empty, the finish reason says stop, "
        "tool arguments and promised JSON parse against their schema (pydantic's model_validate_json); else ask once "
        "more with the error in the prompt, fall back, or tell the user."
    )
    least: ClassVar[int] = 1
    joined: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("malformed", "empty", "refusal", "tool_call")

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that broke answers."""
        tallies = Tallies(run)
        tools: set[str] = set()
        for row, attempts in operations(run):
            last = attempts[-1]
            if broken_by_us(last, run.faults):
                phase = phase_of(run, row, last)
                tallies.case(phase, row, seen=bool(run.took_broken[row]), evidence=last.call)
                if run.took_broken[row] and _breaks_tools(run, met_rule(last)):
                    tools.add(phase)
        found = tallies.findings(
            self,
            "Broken answers are passed on as good",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} whose last call brought a broken answer passed "
                "it on to the user as if it were a good one."
            ),
        )
        promised = any(one.good.json or one.good.schema is not None for one in run.scenario.target.operations)
        return [replace(one, severity="critical") if promised or one.phase in tools else one for one in found]


def _breaks_tools(run: Run, rule: str) -> bool:
    fault = run.faults.get(rule)
    return fault is not None and (fault.name == "tool_call" or getattr(fault, "shape", "") == "tool_arguments")


MEMBER = MalformedAccepted()
