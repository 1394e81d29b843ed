"""Synchronisation: whether retries come back in waves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.chains import failed
from chaosllm.gaps import troubled
from chaosllm.join import Run, met_rule
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.sources import Sees

#: Seconds of a bin, and for how long after the first failure retries are counted (METHOD metric 14).
BIN, AFTER = 0.1, 10.0


class Synchronisation(Metric):
    """The most retries in 100 ms over their mean, in the 10 s after the first injected failure (METHOD metric 14).

    Above 4 with 100 retries and more, retries come in waves. It says something only where many calls fail at
    once, as in an outage: the bins are counted, and there is no chance in that.
    """

    names: ClassVar[tuple[str, ...]] = ("synchronisation",)
    summary: ClassVar[str] = "most retries in 100 ms over their mean, in the 10 s after the first failure"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"synchronisation": 100}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio; 1 is evenly spread."""
        if not run.joined:
            return unmatched(run)
        names = {part.name for _, part in run.parts(phase)} if phase is not None else set()
        met = [event.t for event in run.events if met_rule(event) and event.phase in names]
        if not met:
            return Estimate.none(f"no call of {phase} met a fault")
        start, end = min(met), min(min(met) + AFTER, run.scenario.duration)
        when = np.array([t for t in _retries(run) if start <= t < end])
        if not len(when) or end - start < BIN:
            return Estimate.none(f"nothing was retried in the {AFTER:g}s after the first failure of {phase}")
        bins = np.bincount(((when - start) / BIN).astype(np.int64), minlength=max(1, round((end - start) / BIN)))
        return Estimate.of(float(bins.max() / bins.mean()), len(when))


def _retries(run: Run) -> list[float]:
    """When each retry began, in seconds of the run."""
    if "retries" not in run.memory:
        run.memory["retries"] = [
            after.t
            for row, attempts in troubled(run)
            for event, after in zip(attempts, run.next_attempts(row), strict=True)
            if after is not None and failed(event)
        ]
    found: list[float] = run.memory["retries"]
    return found


MEMBER = Synchronisation()
