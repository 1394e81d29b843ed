"""Wasted tokens: what was produced for users who had left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.join import Run, is_call
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import no_operations, panel, unmatched

#: Seconds by which a call may end after its operation: the proxy hears of the end last.
_SAME_TIME = 0.05


class WastedTokens(Metric):
    """Output tokens of calls that went on after their user had an answer or had left (METHOD metric 24).

    Of such a call the part that lies after the user's end, as if tokens came evenly from its first text to its end.
    """

    names: ClassVar[tuple[str, ...]] = ("wasted_tokens",)
    summary: ClassVar[str] = "output tokens produced after the user had left or was served"
    unit: ClassVar[Unit] = "count"
    better: ClassVar[Better] = "lower"
    total: ClassVar[bool] = True
    needs: ClassVar[Mapping[str, int]] = {"wasted_tokens": 1}
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """How many in the phase, exact as far as tokens come evenly."""
        if not run.joined:
            return unmatched(run)
        found = panel(run, phase)
        if found is None:
            return no_operations(phase)
        if "wasted" not in run.memory:
            wasted = np.zeros(len(run.samples))
            for event, row in zip(run.events, run.row_of, strict=True):
                if row >= 0 and is_call(event) and event.tokens_out and event.t_end is not None:
                    late = event.t_end - float(run.samples.t_end[row])
                    began = event.t_first if event.t_first is not None else event.t
                    if late > _SAME_TIME:
                        wasted[row] += event.tokens_out * min(1.0, late / max(event.t_end - began, late))
            run.memory["wasted"] = wasted
        total = float(run.memory["wasted"][found.rows].sum())
        return Estimate.of(total, len(found.rows))


MEMBER = WastedTokens()
