"""Retry-After honoured: how many of the provider's wishes to be left alone the app grants."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import ClassVar, override

import numpy as np

from chaosllm.gaps import TOLERANCE, Gap, asks_to_wait, troubled
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, no_operations, panel, unmatched
from chaosllm.sources import Sees
from chaosllm.stats import effective_n, wilson
from chaosllm.units import format_duration


class RetryAfterHonoured(Metric):
    """The share of 429 and 5xx with Retry-After whose next gap is at least as long, less 50 ms (METHOD metric 12).

    RFC 9110, section 10.2.3. A refusal after which the app asks no more, or asks elsewhere, is honoured. `why` tells
    the median of what the short waits fell short by.
    """

    names: ClassVar[tuple[str, ...]] = ("retry_after_honoured",)
    summary: ClassVar[str] = "refusals with Retry-After after which the app waited as long as it asked"
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"retry_after_honoured": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "calls"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval at the effective number of refusals."""
        if not run.joined:
            return unmatched(run)
        found = panel(run, phase)
        if found is None:
            return no_operations(phase)
        asked, kept = np.zeros(len(run.samples)), np.zeros(len(run.samples))
        short = []
        chosen = np.zeros(len(run.samples), dtype=bool)
        chosen[found.rows] = True
        for row, wait in _waits(run):
            asked[row] += 1
            kept[row] += wait <= TOLERANCE
            if chosen[row] and wait > TOLERANCE:
                short.append(wait)
        n = int(asked[found.rows].sum())
        if not n:
            return Estimate.none(f"no refusal of {phase} asked for a wait")
        value = float(kept[found.rows].sum()) / n
        worth = effective_n(found.sums(kept[found.rows]), found.sums(asked[found.rows]))
        low, high = wilson(value * worth, worth, confidence)
        why = f"the short waits fell {format_duration(median(short))} short (median)" if short else ""
        return Estimate(value, low, high, n, why)


def _waits(run: Run) -> list[tuple[int, float]]:
    """(row, seconds by which the next attempt came too soon, 0 without one) of each refusal with Retry-After."""
    if "waits" not in run.memory:
        run.memory["waits"] = [
            (row, Gap(row, event, after).short if after is not None else 0.0)
            for row, attempts in troubled(run)
            for event, after in zip(attempts, run.next_attempts(row), strict=True)
            if asks_to_wait(event)
        ]
    found: list[tuple[int, float]] = run.memory["waits"]
    return found


MEMBER = RetryAfterHonoured()
