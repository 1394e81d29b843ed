"""Backoff slope: whether pauses between retries grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.gaps import slopes
from chaosllm.join import Run
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.metrics._percentile import percentile
from chaosllm.sources import Sees


class BackoffSlope(Metric):
    """The slope of log2(gap) by attempt, the median over the operations that waited at least twice (METHOD metric 13).

    0 is a fixed pause, 1 doubles it; at least 0.5 is exponential. Gaps that a Retry-After asked for are left out.
    """

    names: ClassVar[tuple[str, ...]] = ("backoff_slope",)
    summary: ClassVar[str] = "how pauses between retries grow: 0 fixed, 1 doubled each time (median)"
    unit: ClassVar[Unit] = "ratio"
    needs: ClassVar[Mapping[str, int]] = {"backoff_slope": 10}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The median, with the wider of two intervals."""
        if not run.joined:
            return unmatched(run)
        return percentile(run, phase, slopes(run), what="second retry", q=0.5, confidence=confidence)


MEMBER = BackoffSlope()
