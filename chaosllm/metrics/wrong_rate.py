"""Wrong rate: answers that say they are fine and fail the `good` conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chaosllm.metrics import Better
from chaosllm.metrics._panel import LEAST_FOR_SHARE, OutcomeShare
from chaosllm.record import Outcome


class WrongRate(OutcomeShare):
    """Answers that claim to be fine and are not, over everything offered."""

    names: ClassVar[tuple[str, ...]] = ("wrong_rate",)
    summary: ClassVar[str] = "answers that say they are fine and fail the `good` conditions"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"wrong_rate": LEAST_FOR_SHARE}
    outcome: ClassVar[Outcome] = Outcome.WRONG


MEMBER = WrongRate()
