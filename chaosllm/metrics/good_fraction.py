"""Good fraction: the share of offered operations that were good and in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, share
from chaosllm.metrics.goodput import in_time
from chaosllm.sources import Sees


class GoodFraction(Metric):
    """Goodput over the offered load; dropped operations stay in the denominator (METHOD metric 2)."""

    names: ClassVar[tuple[str, ...]] = ("good_fraction",)
    summary: ClassVar[str] = "share of offered operations that were good and met every latency objective"
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"good_fraction": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        return share(run, phase, in_time(run, phase), confidence)


MEMBER = GoodFraction()
