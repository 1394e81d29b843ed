"""Fallback delay: how long users wait for a fallback after the primary has failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Floats
from chaosllm.fallbacks import services
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.metrics._percentile import percentile
from chaosllm.sources import Sees


class FallbackDelay(Metric):
    """The median of the seconds from the first failure at the primary to the end of the answer (METHOD metric 16).

    Of operations that got a fallback after a failure; one that never asked its primary waited for none.
    """

    names: ClassVar[tuple[str, ...]] = ("fallback_delay",)
    summary: ClassVar[str] = "seconds from the primary's failure to the end of the fallback's answer (median)"
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"fallback_delay": 10}
    sees: ClassVar[Sees] = "flags"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The median, with the wider of two intervals."""
        if not run.joined:
            return unmatched(run)
        return percentile(run, phase, delays(run), what="fallback", q=0.5, confidence=confidence)


def delays(run: Run) -> Floats:
    """By row, seconds from the first failure at the primary to the end of the answer; NaN without a fallback."""
    found = np.full(len(run.samples), np.nan)
    for row, service in services(run).items():
        if service.fell_back and service.failed_at is not None:
            found[row] = max(0.0, float(run.samples.t_end[row]) - service.failed_at)
    return found


MEMBER = FallbackDelay()
