"""Harmful markup that the model said, handed on to users as it was."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.canaries import CANARIES
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import planted_findings
from chaosllm.join import Run

_KINDS = tuple(kind for kind, canary in CANARIES.items() if canary.markup)


class UnsafeMarkupPassed(FindingKind):
    """Raised when a canary of the fault `content` that is markup, html or link, reached the user unescaped.

    The driver marks it while it holds the answer. Only operations one of whose calls met a fault count.
    """

    code: ClassVar[str] = "unsafe_markup_passed"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "an unescaped script, event handler or exfiltrating link reached the user"
    advice: ClassVar[str] = (
        "Treat the model's text as a stranger's: escape HTML or pass it through a sanitizer with a short list "
        "of tags, and show images and links of your own hosts only (OWASP LLM05, improper output handling)."
    )
    least: ClassVar[int] = 1
    joined: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("content",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with such answers."""
        return planted_findings(
            self, run, _KINDS, "Unsafe markup reaches users", "markup that does harm where it is shown as it is"
        )


MEMBER = UnsafeMarkupPassed()
