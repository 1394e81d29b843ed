"""Inter-chunk latency: the gaps between the pieces of a streamed answer."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import ClassVar, override

import numpy as np

from chaosllm.chunk_gaps import MOST, middle
from chaosllm.columns import Floats
from chaosllm.join import Run
from chaosllm.metrics import Better, Estimate, Metric, Unit
from chaosllm.metrics._panel import Panel, no_operations, panel
from chaosllm.stats import spread

_SHARES = {"inter_chunk_p50": 0.50, "inter_chunk_p95": 0.95}


class InterChunk(Metric):
    """Seconds between two pieces of answer text, over all gaps of a phase together (METHOD metric 4, vLLM's ITL).

    A piece is an event with text, which is a token only where the provider sends one at a time. Percentiles are those
    of classes 10 % wide, so at most 5 % off; the longest gap is exact.
    """

    names: ClassVar[tuple[str, ...]] = (*_SHARES, "inter_chunk_max")
    summary: ClassVar[str] = "seconds between two pieces of a streamed answer, all gaps together"
    unit: ClassVar[Unit] = "seconds"
    better: ClassVar[Better] = "lower"
    needs: ClassVar[Mapping[str, int]] = {"inter_chunk_p50": 30, "inter_chunk_p95": 300, "inter_chunk_max": 1}

    @override
    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The percentile with a block-bootstrap interval, or the longest gap, which has no chance in it."""
        found = panel(run, phase)
        if found is None:
            return no_operations(phase)
        cells = _cells(run, found)
        n = int(cells.sum())
        if not n:
            return Estimate.none(f"no answer of {phase} came in more than one piece", n)
        if name == "inter_chunk_max":
            return Estimate.of(float(np.nanmax(run.samples.gap_max[found.rows])), n)
        q = _SHARES[name or self.names[0]]
        slow = cells[:, _class(cells.sum(axis=0)[None, :], q)[0] :].sum(axis=1)
        repeats = _MIDDLES[_class(found.drawn(slow) @ cells, q)]
        value = float(_MIDDLES[_class(cells.sum(axis=0)[None, :], q)[0]])
        return Estimate(value, *spread(repeats, confidence), n, repeats=repeats)


_MIDDLES = np.array([middle(at) for at in range(MOST + 1)])


def _class(counts: Floats, q: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Of each row of counts by class, the class in which the percentile lies."""
    total = counts.sum(axis=1, keepdims=True)
    below = (np.cumsum(counts, axis=1) < np.ceil(q * total - 1e-9).clip(min=1)).sum(axis=1)
    return np.minimum(below, MOST).astype(np.int64)


def _cells(run: Run, found: Panel) -> Floats:
    """Gaps by window and class."""
    key = ("chunk gaps", found.place)
    if key not in run.memory:
        there = np.isin(found.rows, run.with_gaps)
        mine = [run.samples.gaps[row] for row in found.rows[there].tolist()]
        flat = np.fromiter(chain.from_iterable(mine), dtype=np.int64)
        pairs = np.fromiter(map(len, mine), dtype=np.int64, count=len(mine)) // 2
        cell = np.repeat(found.at[there], pairs) * (MOST + 1) + flat[::2]
        counts = np.bincount(cell, weights=flat[1::2], minlength=found.count * (MOST + 1))
        run.memory[key] = counts.reshape(found.count, MOST + 1)
    made: Floats = run.memory[key]
    return made


MEMBER = InterChunk()
