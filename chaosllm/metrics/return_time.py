"""Return time: when the app asks its primary again once the fault is over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.fallbacks import at_primary, mask
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, unmatched
from chaosllm.metrics._recoveries import Recovery, recoveries
from chaosllm.recovery import window
from chaosllm.sources import Sees
from chaosllm.stats import windows

#: The share of operations that ask the primary again. Ours: one in ten may still be spared it.
BACK = 0.9


class ReturnTime(Metric):
    """Seconds from the end of the fault until 9 in 10 operations of every later window ask the primary again.

    METHOD metric 16. The resolution is a window: 1 s, or as long as 20 operations take. Only where a fallback was
    seen; never within the recovery: no value, and a low bound instead.
    """

    names: ClassVar[tuple[str, ...]] = ("return_time",)
    summary: ClassVar[str] = "seconds from the end of the fault until operations ask their primary again"
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"return_time": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "flags"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """Seconds, exact; after several faults the worst."""
        if not run.joined:
            return unmatched(run)
        if not mask(run, lambda service: service.fell_back).any():
            return Estimate.none("no fallback was seen")
        found = [_returned(run, one) for one in recoveries(run, phase)]
        if not found:
            return Estimate.none("the return to the primary is that of a recovery phase")
        return max(found, key=lambda one: (one.value is None, one.value if one.value is not None else one.low))


def _returned(run: Run, one: Recovery) -> Estimate:
    rows = one.rows[run.attempts[one.rows] > 0]
    if not len(rows) or not one.seconds:
        return Estimate.none("no operation of the recovery called the LLM")
    width = min(one.seconds, window(len(rows), one.seconds))
    at, count = windows(run.samples.t_due[rows], one.start, one.seconds, width)
    asks = np.bincount(at, weights=at_primary(run)[rows], minlength=count)
    away = np.flatnonzero(asks < BACK * np.bincount(at, minlength=count))
    if len(away) and away[-1] == count - 1:
        why = f"not back at the primary within the {one.seconds:g}s of recovery"
        return Estimate(None, one.seconds, math.inf, len(rows), why, exact=True)
    took = float(away[-1] + 1) * width if len(away) else 0.0
    return Estimate(took, took, took, len(rows), exact=True)


MEMBER = ReturnTime()
