"""Retry amplification: how much more the app asks of the LLM than in calm weather."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._ratio import over_baseline
from chaosllm.metrics.attempts import MEMBER as ATTEMPTS
from chaosllm.sources import Sees


class RetryAmplification(Metric):
    """(A_F / U_F) / (A_B / U_B): attempts per operation in a phase over those in the baseline.

    With m retries and a fault share f expect the sum of f^i for i = 0..m (AWS Builders' Library;
    Google SRE chapters 21 and 22).
    """

    names: ClassVar[tuple[str, ...]] = ("retry_amplification",)
    summary: ClassVar[str] = "calls per operation over those of the baseline"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"retry_amplification": 30}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True
    over_baseline: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio, with a block-bootstrap interval."""
        return over_baseline(ATTEMPTS.value, run, phase, confidence)


MEMBER = RetryAmplification()
