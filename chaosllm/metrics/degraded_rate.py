"""Degraded rate: operations that got a declared fallback answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chaosllm.metrics._panel import LEAST_FOR_SHARE, OutcomeShare
from chaosllm.record import Outcome
from chaosllm.sources import Sees


class DegradedRate(OutcomeShare):
    """Declared fallback answers over everything offered."""

    names: ClassVar[tuple[str, ...]] = ("degraded_rate",)
    summary: ClassVar[str] = "operations that got a declared fallback answer"
    needs: ClassVar[Mapping[str, int]] = {"degraded_rate": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "flags"
    outcome: ClassVar[Outcome] = Outcome.DEGRADED


MEMBER = DegradedRate()
