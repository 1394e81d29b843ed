"""Error rate: operations that ended in an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chaosllm.metrics import Better
from chaosllm.metrics._panel import LEAST_FOR_SHARE, OutcomeShare
from chaosllm.record import Outcome
from chaosllm.sources import Sees


class ErrorRate(OutcomeShare):
    """Errors over everything offered; hangs, wrong answers and dropped operations have rates of their own."""

    names: ClassVar[tuple[str, ...]] = ("error_rate",)
    summary: ClassVar[str] = "operations that ended in an error"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"error_rate": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"
    outcome: ClassVar[Outcome] = Outcome.ERROR


MEMBER = ErrorRate()
