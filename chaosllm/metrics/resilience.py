"""Resilience: the share of good service that was kept, from the first fault to the end of recovery."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, baseline_of
from chaosllm.metrics._recoveries import fault_and_after
from chaosllm.recovery import window
from chaosllm.sources import Sees
from chaosllm.stats import block_length, resample, spread, windows


class Resilience(Metric):
    """R = 1 - integral over F and R of max(0, 1 - g(t)/g_B) dt / (t_F + t_R) (METHOD metric 6).

    g is the good fraction of each window (1 s, or as long as 20 operations take), over the fault phase and the
    recovery that follows it: the resilience triangle of Bruneau and others (2003). Without a phase: all faults.
    Windows in which nothing was due are left out.
    """

    names: ClassVar[tuple[str, ...]] = ("resilience",)
    summary: ClassVar[str] = "good service kept from the fault to the end of recovery, as a share of the baseline's"
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"resilience": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with a block-bootstrap interval."""
        baseline = baseline_of(run, phase)
        before = run.rows(baseline) if baseline is not None else np.empty(0, dtype=np.int64)
        good = float(run.good[before].mean()) if len(before) else 0.0
        if not good:
            return Estimate.none("there is no good baseline to hold it against")
        parts = fault_and_after(run, phase)
        if not parts:
            return Estimate.none("resilience is that of a fault phase and the recovery after it")
        lost, all_ = _lost(run, [part.name for _, part in parts], good)
        there = all_ > 0
        if not there.any():
            return Estimate.none(f"no operation was due in {phase or 'a fault phase'}")
        lost, n = lost[there], int(all_.sum())
        length = block_length(lost, float(len(lost)), 1.0)
        seed = [run.scenario.seed % (1 << 32), parts[0][0], len(lost)]
        repeats = 1 - resample(len(lost), length, seed) @ lost / len(lost)
        low, high = spread(repeats, confidence)
        return Estimate(1 - float(lost.mean()), max(0.0, low), min(1.0, high), n, repeats=repeats)


def _lost(run: Run, names: list[str], good: float) -> tuple[Floats, Floats]:
    """(the share of good service that each window lost, its operations)."""
    lost: list[Floats] = []
    counts: list[Floats] = []
    for name in names:
        phase = run.phase(name)
        rows, seconds = run.due(name), run.seconds(name)
        if phase is None or not len(rows) or not seconds:
            continue
        at, count = windows(run.samples.t_due[rows], phase.start, seconds, min(seconds, window(len(rows), seconds)))
        n = np.bincount(at, minlength=count).astype(np.float64)
        with np.errstate(invalid="ignore"):
            share = np.bincount(at, weights=run.good[rows], minlength=count) / n
        lost.append(np.maximum(0.0, 1 - share / good))
        counts.append(n)
    none = np.empty(0)
    return np.concatenate([none, *lost]), np.concatenate([none, *counts])


MEMBER = Resilience()
