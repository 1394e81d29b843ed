"""Findings: behaviours of the app that were seen, with the records that show them. One file each.

A finding is a pure function of a Run; its condition is that of METHOD section 5 and stands in its
docstring. It is raised only on evidence, and belongs to the phase of the rule that its evidence met.
A new one: `findings/<code>.py` with a class that satisfies `FindingKind`, and `MEMBER = TheClass()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from chaosllm.join import Run
from chaosllm.sources import Sees

type Severity = Literal["critical", "major", "minor", "info"]

#: Worst first.
SEVERITIES: tuple[Severity, ...] = ("critical", "major", "minor", "info")
#: Where each has a part of its own: when it speaks, and what to do.
PAGE = "docs/findings.md"
#: Evidence ids kept; the rest is in the records.
MOST_EVIDENCE = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """A behaviour seen `count` times `of` the cases that could have shown it."""

    code: str
    severity: Severity
    phase: str
    count: int
    of: int
    title: str
    sentence: str  # what was seen, with its numbers
    advice: str  # the fix, concretely
    evidence: tuple[str, ...]  # "op-17/call-2", at most MOST_EVIDENCE, each of another operation
    operations: int | None = None  # that show it, where `count` counts something else, such as waits

    def to_json(self) -> dict[str, Any]:
        """The row of summary.json."""
        names = ("code", "severity", "phase", "count", "of", "title", "sentence", "advice")
        more: dict[str, Any] = {"docs": f"{PAGE}#{self.code}", "evidence": list(self.evidence)}
        more |= {"operations": self.operations} if self.operations is not None else {}
        return {name: getattr(self, name) for name in names} | more


class FindingKind(Protocol):
    """One behaviour worth telling.

    For `explain` it may also hold `shown_by(reply)`: whether such a refusal can bring it to light, and
    `possible(scenario)`: whether the scenario declares what it looks at.
    """

    code: ClassVar[str]
    severity: ClassVar[Severity]
    summary: ClassVar[str]
    advice: ClassVar[str]
    least: ClassVar[int]  # hits before it may be raised or its absence claimed
    joined: ClassVar[bool]  # whether calls must be matched to operations
    waits: ClassVar[bool] = False  # whether users' waiting shows it, which a machine without a free core lengthens too
    sees: ClassVar[Sees] = "answers"  # what of a run it needs, at least: see `sources`
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)  # the faults that can bring it to light; `*` is any

    def find(self, run: Run) -> list[Finding]:
        """At most one finding for each phase; none without evidence."""
