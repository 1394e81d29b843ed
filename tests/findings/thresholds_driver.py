"""Thresholds of what the routes that need no LLM suffer."""

from __future__ import annotations

from run_factory import controlled
from thresholds import Threshold

from chaosllm.join import Run


def _routes(
    took: float = 0.02, *, usual: float = 0.02, failed: int = 0, failed_before: int = 0, every: float = 0.5
) -> Run:
    """A control route takes so long in the storm (25 s to 45 s), and fails so often there and before."""
    bad = {25 + every * at for at in range(failed)} | {5 + every * at for at in range(failed_before)}
    return controlled(lambda t: took if 25 <= t < 45 else usual, lambda t: 503 if t in bad else 200, every=every)


THRESHOLDS = (
    Threshold("no_isolation", "p95 above 300 ms", lambda: _routes(0.299), lambda: _routes(0.301)),
    Threshold(
        "no_isolation", "and above 1.2 x baseline",
        lambda: _routes(0.59, usual=0.5), lambda: _routes(0.61, usual=0.5),
    ),
    Threshold("no_isolation", "by 20 requests", lambda: _routes(0.9, every=1.25), lambda: _routes(0.9, every=1.0)),
    Threshold("no_isolation", "1 s for certain", lambda: _routes(0.99, every=2.5), lambda: _routes(1.01, every=2.5)),
    Threshold("no_isolation", "a control route fails", lambda: _routes(failed=1), lambda: _routes(failed=2)),
    Threshold(
        "no_isolation", "that did not fail before",
        lambda: _routes(failed=2, failed_before=2), lambda: _routes(failed=2, failed_before=1),
    ),
)  # fmt: skip
