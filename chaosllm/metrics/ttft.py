"""Time to first token: from the intended start to the first non-empty answer text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._percentile import percentile

_SHARES = {"ttft_p50": 0.50, "ttft_p95": 0.95}


class TimeToFirstToken(Metric):
    """Seconds to the first answer text, over the operations that got any."""

    names: ClassVar[tuple[str, ...]] = tuple(_SHARES)
    summary: ClassVar[str] = "seconds from the intended start to the first answer text"
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"ttft_p50": 30, "ttft_p95": 300}  # as for latency

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The percentile, with the wider of two intervals."""
        waited = run.samples.t_first - run.samples.t_due
        q = _SHARES[name or self.names[0]]
        return percentile(run, phase, waited, what="first token", q=q, confidence=confidence)


MEMBER = TimeToFirstToken()
