"""Error surface: how gracefully users are told that there is no good answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.columns import Mask
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import LEAST_FOR_SHARE, share_among
from chaosllm.record import Outcome

#: What a declared refusal answers with: come back later.
_LATER = (429, 503)
#: What makes any answer a bad one, however it is framed.
_UGLY = ("stack_trace", "html", "provider_error")


class ErrorSurface(Metric):
    """Graceful answers over all operations that were sent and not good (METHOD metric 22).

    Graceful: a declared fallback answer, a 429 or 503 with JSON and Retry-After, or an error event in a stream.
    Not graceful: all else, such as a bare 500, a reset, a hang, a wrong answer, and whatever shows a stack trace,
    a debug page or the provider's own error.
    """

    names: ClassVar[tuple[str, ...]] = ("error_surface",)
    summary: ClassVar[str] = "operations without a good answer that were told so gracefully, of all without one"
    unit: ClassVar[Unit] = "share"
    better: ClassVar[Better] = "higher"
    needs: ClassVar[Mapping[str, int]] = {"error_surface": LEAST_FOR_SHARE}

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The share, with Wilson's interval."""
        bad = ~run.good & ~run.samples.was(Outcome.DROPPED)
        nobody = f"every operation of {phase} was good"
        return share_among(run, phase, graceful(run), among=bad, confidence=confidence, nobody=nobody)


def graceful(run: Run) -> Mask:
    """By row, whether an answer that is not good says so as it should."""
    if "graceful" not in run.memory:
        samples = run.samples
        found = samples.was(Outcome.DEGRADED)
        later = np.isin(samples.status, _LATER)
        for row in map(int, np.flatnonzero(~run.good & ~samples.was(Outcome.DROPPED))):
            marks = samples.marks[row] if row < len(samples.marks) else ()
            declared = later[row] and "json_error" in marks and "retry_after" in marks
            found[row] = (found[row] or declared or "error_event" in marks) and not any(one in marks for one in _UGLY)
        run.memory["graceful"] = found
    told: Mask = run.memory["graceful"]
    return told


MEMBER = ErrorSurface()
