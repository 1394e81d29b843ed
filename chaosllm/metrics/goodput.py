"""Goodput: good answers a second that also met every latency objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.columns import Mask
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, panel, share
from chaosllm.scenario import Comparator
from chaosllm.sources import Sees


class Goodput(Metric):
    """Good answers a second in time (DistServe's goodput): what the user would call served.

    In time = within the phase's absolute latency and TTFT objectives, each taken as a bound on every
    operation. Objectives relative to another phase bound nothing here, because their number is known
    only after the run.
    """

    names: ClassVar[tuple[str, ...]] = ("goodput",)
    summary: ClassVar[str] = "good answers a second that met every latency objective"
    unit: ClassVar[Unit] = "per_second"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"goodput": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The good fraction, with its interval, times the offered rate, which the clock fixed."""
        found = share(run, phase, in_time(run, phase), confidence)
        window = panel(run, phase)
        if found.value is None or window is None or phase is None:
            return found
        # Of all that were due: those of a baseline that reached into a fault count in no share, but were asked too.
        rate = len(run.due(phase)) / window.seconds
        return Estimate(found.value * rate, found.low * rate, found.high * rate, found.n)


def in_time(run: Run, phase: str | None) -> Mask:
    """Good answers, by row, that met the phase's absolute latency and TTFT objectives."""
    slowest = _bound(run, phase, "latency_")
    latest = _bound(run, phase, "ttft_")
    good = run.good
    if math.isfinite(slowest):
        good = good & (run.latency <= slowest)
    if math.isfinite(latest):
        good = good & (run.samples.t_first - run.samples.t_due <= latest)
    return good


def _bound(run: Run, phase: str | None, prefix: str) -> float:
    return min(
        (
            objective.bound
            for objective in run.scenario.objectives
            if objective.metric.startswith(prefix)
            and (objective.phase == phase or phase in [part.name for _, part in run.parts(objective.phase or "")])
            and objective.reference is None
            and objective.comparator in (Comparator.LT, Comparator.LE)
        ),
        default=math.inf,
    )


MEMBER = Goodput()
