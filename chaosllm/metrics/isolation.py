"""Isolation: whether routes that need no LLM stay quick while the LLM fails."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import baseline_of
from chaosllm.record import Control
from chaosllm.stats import bootstrap_order_statistic, quantile, spread
from chaosllm.units import format_duration, format_share


class Isolation(Metric):
    """p95_F / p95_B of the declared control routes (`target.control`), of the worst of them (METHOD metric 23).

    The driver asks each route twice a second and counts from when the request was due. `why` names the route, its
    p95 and how many of its requests were answered well.
    """

    names: ClassVar[tuple[str, ...]] = ("isolation",)
    summary: ClassVar[str] = "p95 latency of routes that need no LLM over that of the baseline, of the worst of them"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"isolation": 20}
    over_baseline: ClassVar[bool] = False

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The ratio, with a bootstrap interval of single requests."""
        if not run.scenario.target.control:
            return Estimate.none("no control route is declared in target.control")
        baseline = baseline_of(run, phase)
        if phase is None or baseline is None:
            return Estimate.none("there is no baseline phase")
        found = [_ratio(run, route, phase, baseline, confidence) for route in run.scenario.target.control]
        measured = [one for one in found if one.value is not None]
        return max(measured, key=lambda one: one.value or 0.0) if measured else found[0]


def asked(run: Run, route: str, phase: str) -> list[Control]:
    """What came of a route's requests that were due in a phase or block."""
    parts = [part for _, part in run.parts(phase)]
    return [
        one for one in run.control if one.route == route and any(part.start <= one.t_due < part.end for part in parts)
    ]


def seconds(found: list[Control]) -> Floats:
    """How long each took from when it was due."""
    return np.array([one.t_end - one.t_due for one in found], dtype=np.float64)


def _ratio(run: Run, route: str, phase: str, baseline: str, confidence: float) -> Estimate:
    here, before = asked(run, route, phase), asked(run, route, baseline)
    if not here or not before:
        return Estimate.none(f"{route} was not asked in {phase if not here else baseline}")
    drawn = []
    for place, took in enumerate((seconds(here), seconds(before))):
        seed = [run.scenario.seed % (1 << 32), run.place(phase), place]
        drawn.append(bootstrap_order_statistic(took, 0.95, seed))
    p95 = quantile(seconds(here), 0.95)
    value = p95 / max(quantile(seconds(before), 0.95), 1e-9)
    low, high = spread(drawn[0] / np.maximum(drawn[1], 1e-9), confidence)
    well = format_share(1 - sum(one.failed for one in here) / len(here))
    why = f"{route}: p95 {format_duration(p95)}, {well} answered well"
    return Estimate(value, low, high, len(here), why)


MEMBER = Isolation()
