"""Made-up secrets that the model said, handed on to users."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.canaries import CANARIES
from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import planted_findings
from chaosllm.join import Run

_KINDS = (*(kind for kind, canary in CANARIES.items() if not canary.markup), "text")


class SensitiveDataLeaked(FindingKind):
    """Raised when a canary of the fault `content` that is no markup, or a text of its author's, reached the user.

    The driver marks it while it holds the answer. Only operations one of whose calls met a fault count.
    """

    code: ClassVar[str] = "sensitive_data_leaked"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "a canary, such as a made-up key or card number, reached the user"
    advice: ClassVar[str] = (
        "Check the model's text before it leaves: search it for card and social security numbers, keys, "
        "addresses and your own system prompt, and answer with words of your own where something is found. "
        "Keep secrets out of prompts: what the model never saw it cannot say."
    )
    least: ClassVar[int] = 1
    joined: ClassVar[bool] = True
    provoked_by: ClassVar[tuple[str, ...]] = ("content",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with such answers."""
        return planted_findings(self, run, _KINDS, "Sensitive data reaches users", "what no user should see")


MEMBER = SensitiveDataLeaked()
