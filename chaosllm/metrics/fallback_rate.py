"""Fallback rate: how many operations were served although their primary failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.fallbacks import mask
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, share_among, unmatched
from chaosllm.sources import Sees


class FallbackRate(Metric):
    """Operations served by another provider, model or declared marker, over those whose primary failed.

    METHOD metric 16. A failure that a retry at the primary made good needs no fallback and is not counted; an
    operation that never asked its primary, as behind an open breaker, is.
    """

    names: ClassVar[tuple[str, ...]] = ("fallback_rate",)
    summary: ClassVar[str] = "operations served elsewhere or by a declared default, of those whose primary failed"
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"fallback_rate": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "flags"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        if not run.joined:
            return unmatched(run)
        needed = mask(run, lambda service: service.needed)
        served = mask(run, lambda service: service.fell_back)
        nobody = f"the primary failed no operation of {phase}"
        return share_among(run, phase, served, among=needed, confidence=confidence, nobody=nobody)


MEMBER = FallbackRate()
