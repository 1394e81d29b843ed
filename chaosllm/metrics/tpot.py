"""TPOT: the time each further token of a streamed answer takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, override

import numpy as np

from chaosllm.chains import failed
from chaosllm.columns import Floats
from chaosllm.join import Run, is_call
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import unmatched
from chaosllm.metrics._percentile import percentile


class Tpot(Metric):
    """(E2E - TTFT) / (output tokens - 1), the median over streamed answers (METHOD metric 4, vLLM's formula).

    Tokens are those of the operation's last whole call, as its provider counted them. Answers of one token or one
    piece have none.
    """

    names: ClassVar[tuple[str, ...]] = ("tpot",)
    summary: ClassVar[str] = "seconds for each output token after the first of a streamed answer (median)"
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"tpot": 30}
    joined: ClassVar[bool] = True

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The median, with the wider of two intervals."""
        if not run.joined:
            return unmatched(run)
        if "tpot" not in run.memory:
            samples, tokens = run.samples, _tokens(run)
            with np.errstate(invalid="ignore", divide="ignore"):
                each = (samples.t_end - samples.t_first) / (tokens - 1)
            run.memory["tpot"] = np.where((tokens > 1) & (np.asarray(samples.chunks) > 1), each, np.nan)
        return percentile(run, phase, run.memory["tpot"], what="streamed answer", q=0.5, confidence=confidence)


def _tokens(run: Run) -> Floats:
    """By row, the output tokens of the last whole call; 0 without one."""
    tokens = np.zeros(len(run.samples))
    for event, row in zip(run.events, run.row_of, strict=True):  # in order of time, so the last one stays
        if row >= 0 and is_call(event) and not failed(event):
            tokens[row] = event.tokens_out
    return tokens


MEMBER = Tpot()
