"""Backoff CV: how much the pause before the first retry varies, which is jitter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.gaps import first_gaps
from chaosllm.join import Run
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.sources import Sees
from chaosllm.stats import resample, spread


class BackoffCv(Metric):
    """Standard deviation over mean of the first gap (METHOD metric 13).

    Full jitter has 0.58, OpenAI's SDK 0.082, a fixed pause less than 0.03 (AWS, Exponential Backoff And Jitter).
    Gaps that a Retry-After asked for are left out.
    """

    names: ClassVar[tuple[str, ...]] = ("backoff_cv",)
    summary: ClassVar[str] = "coefficient of variation of the pause before the first retry: 0 none, 0.58 full jitter"
    unit: ClassVar[Unit] = "ratio"
    needs: ClassVar[Mapping[str, int]] = {"backoff_cv": 6}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio, with a bootstrap interval."""
        if not run.joined:
            return unmatched(run)
        chosen = np.zeros(len(run.samples), dtype=bool)
        chosen[run.rows(phase) if phase is not None else slice(0)] = True
        gaps = np.array([gap.seconds for gap in first_gaps(run) if chosen[gap.row]], dtype=np.float64)
        n = len(gaps)
        if n < 2 or not gaps.mean():
            return Estimate.none(f"fewer than two operations of {phase} retried after a pause of their own", n)
        drawn = resample(n, 1, [run.scenario.seed % (1 << 32), n])
        mean = drawn @ gaps / n
        variance = np.maximum(0.0, drawn @ gaps**2 / n - mean**2) * n / (n - 1)
        low, high = spread(np.sqrt(variance) / mean, confidence)
        return Estimate(float(gaps.std(ddof=1) / gaps.mean()), low, high, n)


MEMBER = BackoffCv()
