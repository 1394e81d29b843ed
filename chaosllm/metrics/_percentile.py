"""Percentiles of a duration in a phase, with an interval that knows bursts and small samples."""

from __future__ import annotations

import numpy as np

from chaosllm.join import Run
from chaosllm.metrics import Estimate
from chaosllm.metrics._panel import no_operations, panel
from chaosllm.stats import Floats, Ranked, quantile, quantile_interval, spread


def percentile(run: Run, phase: str | None, durations: Floats, *, what: str, q: float, confidence: float) -> Estimate:
    """The percentile q of `durations` (by row; NaN = none) in a phase.

    The interval is the wider of two: order statistics, which are exact for small samples, and the
    block bootstrap, which knows that slow operations come together.
    """
    found = panel(run, phase)
    if found is None:
        return no_operations(phase)
    took = durations[found.rows]
    there = np.isfinite(took)
    values, at = took[there], found.at[there]
    if not len(values):
        return Estimate.none(f"no operation of {phase} has a {what}")
    # By `what`, because sorting is most of the work, and the same for each q.
    if (place := ("ranked", what, found.place)) not in run.memory:
        run.memory[place] = Ranked.of(values, at, found.count)
    ranked: Ranked = run.memory[place]
    key = ("percentile", what, found.place, q)
    if key not in run.memory:
        # Bursts of slowness show in how many operations of a window lie above the percentile.
        value = quantile(ranked.ordered, q)
        slow = np.bincount(at, weights=values > value, minlength=found.count).astype(np.float64)
        run.memory[key] = value, ranked.quantile(q, found.drawn(slow))
    value, repeats = run.memory[key]
    low, high = quantile_interval(ranked.ordered, q, confidence, ordered=True)
    lower, upper = spread(repeats, confidence)
    return Estimate(value, min(low, lower), max(high, upper), len(values), repeats=repeats)
