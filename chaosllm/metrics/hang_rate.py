"""Hang rate: operations without an answer within the user's deadline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chaosllm.metrics import Better
from chaosllm.metrics._panel import LEAST_FOR_SHARE, OutcomeShare
from chaosllm.record import Outcome
from chaosllm.sources import Sees


class HangRate(OutcomeShare):
    """Operations past the user's deadline, over everything offered (METHOD metric 20)."""

    names: ClassVar[tuple[str, ...]] = ("hang_rate",)
    summary: ClassVar[str] = "operations without an answer within the user's deadline"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"hang_rate": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"
    outcome: ClassVar[Outcome] = Outcome.HANG


MEMBER = HangRate()
