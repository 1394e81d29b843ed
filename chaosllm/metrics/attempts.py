"""Attempts: how many calls to the LLM an operation costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import no_operations, panel, unmatched
from chaosllm.record import Outcome
from chaosllm.sources import Sees
from chaosllm.stats import bootstrap_ratio, spread


class Attempts(Metric):
    """Calls per operation sent, to every provider; a dropped operation was never sent and does not count."""

    names: ClassVar[tuple[str, ...]] = ("attempts",)
    summary: ClassVar[str] = "calls to the LLM for each operation sent"
    unit: ClassVar[Unit] = "ratio"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"attempts": 30}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The mean, with a block-bootstrap interval."""
        if not run.joined:
            return unmatched(run)
        found = panel(run, phase)
        if found is None:
            return no_operations(phase)
        sent = ~run.samples.was(Outcome.DROPPED)[found.rows]
        n = int(sent.sum())
        if not n:
            return Estimate.none(f"no operation of {phase} was sent")
        calls = found.sums(run.attempts[found.rows])
        key = ("attempts", found.place)
        if key not in run.memory:
            run.memory[key] = bootstrap_ratio(calls, found.sums(sent), found.drawn(calls))
        repeats = run.memory[key]
        return Estimate(float(np.sum(calls)) / n, *spread(repeats, confidence), n, repeats=repeats)


MEMBER = Attempts()
