"""Cumulative curves: which share of all ended within a time, thinned to what an eye can tell."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from chaosllm.chunk_gaps import MOST, middle
from chaosllm.columns import Floats, Ints

#: A curve of this many points looks the same as one of a million, and keeps the page small.
MOST_POINTS = 200

_MIDDLES = np.array([middle(at) for at in range(MOST + 1)])


@dataclass(frozen=True, eq=False)
class Curve:
    """`share[i]` of `n` lie at or below `x[i]` seconds; the last share is below 1 where some never ended."""

    x: Floats
    share: Floats
    n: int

    @property
    def never(self) -> float:
        """The share that never ended."""
        return 1 - float(self.share[-1]) if len(self.share) else 1.0

    def at(self, share: float) -> float:
        """The first time by which so many had ended; NaN when they never had."""
        place = int(np.searchsorted(self.share, share - 1e-9))
        return float(self.x[place]) if place < len(self.x) else float("nan")


def cumulative(values: Floats, most: int = MOST_POINTS) -> Curve | None:
    """The curve of `values` in seconds; infinity is what never ended, NaN does not count. None when nothing counts.

    A curve without a point is that of values of which none ever ended.
    """
    values = np.sort(values[~np.isnan(values)])
    ended = values[np.isfinite(values)]
    if not len(values):
        return None
    if not len(ended):
        return Curve(ended, ended, len(values))
    # Even steps in rank, and finer ones at the tail, which a log axis spreads out.
    tail = len(ended) - 1 - np.geomspace(1, len(ended), most // 4).astype(int) + 1
    places = np.unique(np.concatenate([np.linspace(0, len(ended) - 1, most - most // 4).astype(int), tail]))
    # The last of equal values, so that the share at x counts all that are not above it.
    places = np.unique(np.searchsorted(ended, ended[places], side="right") - 1)
    return Curve(ended[places], (places + 1) / len(values), len(values))


def pooled(gaps: Sequence[Sequence[int]], rows: Iterable[int]) -> Ints:
    """How many gaps between pieces of an answer fall into each class (`chunk_gaps`), over these rows together."""
    stored = (gaps[row] for row in rows if row < len(gaps))
    flat = np.fromiter(chain.from_iterable(stored), dtype=np.int64)
    counts = np.bincount(flat[::2], weights=flat[1::2], minlength=MOST + 1)
    return counts.astype(np.int64)


def of_classes(counts: Ints, longest: float = np.inf) -> Curve | None:
    """The curve of gaps counted by class, each taken for the middle of its class; None without a gap.

    `longest`: seconds of the longest gap, where it is known, because the middle of the last class may lie above it.
    """
    n = int(counts.sum())
    used = np.flatnonzero(counts)
    return Curve(np.minimum(_MIDDLES[used], longest), np.cumsum(counts[used]) / n, n) if n else None
