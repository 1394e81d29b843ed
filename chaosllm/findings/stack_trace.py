"""Stack traces and debug pages shown to users."""

from __future__ import annotations

from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import marked_findings, plural
from chaosllm.join import Run


class StackTrace(FindingKind):
    """Raised when a stack trace or a framework's debug page reached the user, which the driver marks.

    A trace in an answer that is good and whose calls all went well is the model's own, and no evidence.
    """

    code: ClassVar[str] = "stack_trace"
    severity: ClassVar[Severity] = "critical"
    summary: ClassVar[str] = "a stack trace or debug page reached the user"
    advice: ClassVar[str] = (
        "Turn the framework's debug mode off, install an error handler for everything that is not caught, and answer "
        "with a short message and an id that leads to the log."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    provoked_by: ClassVar[tuple[str, ...]] = ("*",)

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase with traces."""
        return marked_findings(
            self,
            run,
            "stack_trace",
            "Stack traces reach users",
            lambda tally: f"{plural(tally.count, 'operation')} showed the user a stack trace or a debug page.",
        )


MEMBER = StackTrace()
