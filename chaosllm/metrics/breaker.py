"""Breaker: whether the app stops asking a provider that keeps failing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import ClassVar, override

import numpy as np

from chaosllm.chains import failed
from chaosllm.columns import Mask
from chaosllm.fallbacks import at_primary, place_of, primaries
from chaosllm.join import Run, is_call
from chaosllm.metrics import Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, unmatched
from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.sources import Sees
from chaosllm.stats import wilson

#: Seconds of failures after which a breaker should be open, and the share of operations it then spares (METHOD 21).
AFTER, OPEN = 10.0, 0.9
#: The share of the primary's calls that must fail for a breaker to open. Ours: half is the default of resilience4j.
FAILING = 0.5
#: Seconds of the windows in which it is looked whether the breaker is open.
_WINDOW = 1.0


class Breaker(Metric):
    """Operations that never asked their failing primary, after 10 s of its failures: shed = 1 - A/U.

    METHOD metric 21, informational; `why` says present (0.9 and more), flapping (it opened and closed more than
    once) or absent. Only where at least half of the primary's calls failed.
    """

    names: ClassVar[tuple[str, ...]] = ("breaker",)
    summary: ClassVar[str] = "operations that were spared a failing provider, after 10 s of its failures"
    unit: ClassVar[Unit] = "share"
    needs: ClassVar[Mapping[str, int]] = {"breaker": LEAST_FOR_SHARE}
    sees: ClassVar[Sees] = "status"
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        if not run.joined:
            return unmatched(run)
        one = run.phase(phase) if phase is not None else None
        if one is None or one.role is not Role.FAULT:
            return Estimate.none("a breaker shows in a fault phase")
        usual = frozenset[tuple[str, str]]().union(*primaries(run).values())
        calls = [
            failed(event)
            for event in run.events
            if is_call(event) and event.phase == one.name and place_of(event) in usual
        ]
        if not calls or sum(calls) < FAILING * len(calls):
            return Estimate.none(f"fewer than half of the primary's calls failed in {phase}")
        rows = run.due(one.name)
        rows = rows[~run.samples.was(Outcome.DROPPED)[rows]]
        late = run.samples.t_due[rows] - one.start
        rows, late = rows[late >= AFTER], late[late >= AFTER]
        if not len(rows):
            return Estimate.none(f"no operation was due in {phase} after its first {AFTER:g}s")
        shed = ~at_primary(run)[rows]
        low, high = wilson(float(shed.sum()), len(rows), confidence)
        return Estimate(float(shed.mean()), low, high, len(rows), _word(shed, (late / _WINDOW).astype(np.int64)))


def _word(shed: Mask, window: np.ndarray[tuple[int], np.dtype[np.int64]]) -> str:
    """Present, flapping or absent."""
    if shed.mean() >= OPEN:
        return "present"
    is_open = [bool(shed[window == one].mean() >= OPEN) for one in np.unique(window)]
    changes = sum(one != other for one, other in pairwise(is_open))
    return "flapping" if changes > 1 else "absent"


MEMBER = Breaker()
