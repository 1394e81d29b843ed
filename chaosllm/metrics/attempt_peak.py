"""Attempt peak: the longest chain of retries that one operation set off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.chains import tries
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import no_operations, panel, unmatched
from chaosllm.sources import Sees


class AttemptPeak(Metric):
    """The most attempts in a row that one operation made at one provider and model, each after a failure.

    Not the calls of an agent that asks ten times and is answered ten times.
    """

    names: ClassVar[tuple[str, ...]] = ("attempt_peak",)
    summary: ClassVar[str] = "most attempts of one operation at one provider, each after a failed one"
    unit: ClassVar[Unit] = "count"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"attempt_peak": 1}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The count, without chance in it."""
        if not run.joined:
            return unmatched(run)
        found = panel(run, phase)
        if found is None:
            return no_operations(phase)
        several = found.rows[run.attempts[found.rows] > 1]
        one = int((run.attempts[found.rows] > 0).any())
        peak = max((tries(run.attempts_of(int(row)), run.usual) for row in several), default=one)
        return Estimate.of(float(peak), len(found.rows))


MEMBER = AttemptPeak()
