"""Hedge rate: operations that asked once more before the first call had failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, override

import numpy as np

from chaosllm.chains import over
from chaosllm.columns import Mask
from chaosllm.join import Run, is_call
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, share_among, unmatched
from chaosllm.record import Event

#: Seconds: a retry may begin before the proxy knows that the call before it is over.
_SAME_TIME = 0.05


class HedgeRate(Metric):
    """Operations that sent the same call again while it was still open, over those that called (METHOD metric 25).

    The Tail at Scale (CACM 2013). A retry begins when the call before it is over, and is no hedge; what hedging
    gains shows in latency_p95.
    """

    names: ClassVar[tuple[str, ...]] = ("hedge_rate",)
    summary: ClassVar[str] = "operations that sent a call again while it was still open"
    unit: ClassVar[Unit] = "share"
    needs: ClassVar[Mapping[str, int]] = {"hedge_rate": LEAST_FOR_SHARE}
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        if not run.joined:
            return unmatched(run)
        nobody = f"no operation of {phase} called the LLM"
        return share_among(run, phase, _hedged(run), among=run.attempts > 0, confidence=confidence, nobody=nobody)


def _hedged(run: Run) -> Mask:
    if "hedged" not in run.memory:
        found = np.zeros(len(run.samples), dtype=bool)
        for row in map(int, np.flatnonzero(run.attempts > 1)):
            found[row] = _overlap(run.attempts_of(row))
        run.memory["hedged"] = found
    hedged: Mask = run.memory["hedged"]
    return hedged


def _overlap(calls: Sequence[Event]) -> bool:
    """Whether one of these calls, in order of time, began while the same one was open."""
    until: dict[tuple[str, str, int], float] = {}
    for event in filter(is_call, calls):
        same = (event.provider, event.model, event.index)
        if event.t < until.get(same, 0.0) - _SAME_TIME:
            return True
        until[same] = max(over(event), until.get(same, 0.0))
    return False


MEMBER = HedgeRate()
