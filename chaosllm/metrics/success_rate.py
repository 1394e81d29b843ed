"""Success rate: good answers over all operations offered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from chaosllm.metrics import Better
from chaosllm.metrics._panel import LEAST_FOR_SHARE, OutcomeShare
from chaosllm.record import Outcome
from chaosllm.sources import Sees


class SuccessRate(OutcomeShare):
    """Good answers over everything offered: a dropped, wrong, degraded or late one counts against it."""

    names: ClassVar[tuple[str, ...]] = ("success_rate",)
    summary: ClassVar[str] = "good answers over all operations offered"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"success_rate": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"
    outcome: ClassVar[Outcome] = Outcome.GOOD


MEMBER = SuccessRate()
