"""A measure of one phase over the same measure of its baseline."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from chaosllm.join import Run
from chaosllm.metrics import Estimate
from chaosllm.metrics._panel import baseline_of
from chaosllm.stats import spread


def over_baseline(
    measure: Callable[[Run, str | None], Estimate], run: Run, phase: str | None, confidence: float
) -> Estimate:
    """The ratio, with the interval of independent bootstrap repeats of both phases."""
    baseline = baseline_of(run, phase)
    if baseline is None:
        return Estimate.none("there is no baseline phase")
    here = measure(run, phase)
    there = measure(run, baseline)
    for part in (here, there):
        if part.value is None:
            return part
    if not there.value or here.value is None or here.repeats is None or there.repeats is None:
        return Estimate.none(f"nothing was measured in {baseline}")
    if phase == baseline:
        return Estimate.of(1.0, here.n)
    # The draws of two phases come from two seeds, so pairing them by place mixes independent repeats.
    with np.errstate(divide="ignore", invalid="ignore"):
        repeats = here.repeats / there.repeats
    return Estimate(here.value / there.value, *spread(repeats, confidence), min(here.n, there.n), repeats=repeats)
