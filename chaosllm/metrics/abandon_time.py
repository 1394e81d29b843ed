"""Abandon time: when the app gives up on a call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.gaps import troubled
from chaosllm.join import Run
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.metrics._percentile import percentile
from chaosllm.record import Ended


class AbandonTime(Metric):
    """Seconds after which the app hangs up on a call that has not ended (METHOD metric 24), the median.

    By operation its longest such call, over operations that had one. It should lie well below the user's deadline
    (`target.timeout`), so that there is time for another answer.
    """

    names: ClassVar[tuple[str, ...]] = ("abandon_time",)
    summary: ClassVar[str] = "seconds after which the app gives up on a call (median)"
    unit: ClassVar[Unit] = "seconds"
    needs: ClassVar[Mapping[str, int]] = {"abandon_time": 10}
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The median, with the wider of two intervals."""
        if not run.joined:
            return unmatched(run)
        if "abandoned" not in run.memory:
            took = np.full(len(run.samples), np.nan)
            for row, attempts in troubled(run):
                for event in attempts:
                    if event.ended is Ended.CLIENT_LEFT and event.t_end is not None:
                        took[row] = np.fmax(took[row], event.t_end - event.t)
            run.memory["abandoned"] = took
        durations = run.memory["abandoned"]
        return percentile(run, phase, durations, what="call that the app gave up", q=0.5, confidence=confidence)


MEMBER = AbandonTime()
