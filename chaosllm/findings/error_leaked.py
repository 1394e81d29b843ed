"""The provider's own error text handed on to users."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import marked_findings, plural
from chaosllm.join import Run


class ErrorLeaked(FindingKind):
    """Raised when the provider's error text, request id, organisation or key fragment reached the user.

    The driver marks it while it holds the answer. An answer that is good and whose calls all went well
    is no evidence: there the words are the model's own.
    """

    code: ClassVar[str] = "error_leaked"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "the provider's error text or ids reached the user"
    advice: ClassVar[str] = (
        "Catch the SDK's exceptions where the request enters, log them there, and answer with words of your own; "
        "never put str(error) or the provider's body into a response."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    provoked_by: ClassVar[tuple[str, ...]] = (
        "rate_limit",
        "quota",
        "overload",
        "error",
        "stream_error",
        "refusal",
        "malformed",
    )

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with leaks."""
        return marked_findings(
            self,
            run,
            "provider_error",
            "The provider's errors reach users",
            lambda tally: (
                f"{tally.count:,} of {plural(tally.of, 'operation')} that met the fault showed the user the "
                "provider's own error text or ids."
            ),
        )


MEMBER = ErrorLeaked()
