"""Degradation: how much slower a phase is than its baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._ratio import over_baseline
from chaosllm.metrics.latency import MEMBER as LATENCY
from chaosllm.sources import Sees


class Degradation(Metric):
    """D = p95_F / p95_B (METHOD metric 5), with the interval of a block bootstrap.

    Percentiles of the repeats' ratios are those of their logarithms, so neither side of the ratio is favoured.
    """

    names: ClassVar[tuple[str, ...]] = ("degradation",)
    summary: ClassVar[str] = "p95 latency over that of the baseline"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"degradation": 300}  # as for latency_p95
    sees: ClassVar[Sees] = "status"
    over_baseline: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio; 1 is as fast as before."""
        return over_baseline(lambda run, phase: LATENCY.value(run, phase, name="latency_p95"), run, phase, confidence)


MEMBER = Degradation()
