"""Samples by column: what users got, one row for each operation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chaosllm.chains import over
from chaosllm.record import OUTCOMES, Ended, Event, Outcome, Sample
from chaosllm.sources import UNSEEN

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]
type Mask = NDArray[np.bool_]

CODES = {outcome: code for code, outcome in enumerate(OUTCOMES)}


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples by column, one row for each operation; NaN is a time that never came."""

    operation: NDArray[Any]
    t_due: Floats
    t_sent: Floats
    t_first: Floats
    t_last: Floats
    t_end: Floats
    status: NDArray[Any]
    chunks: NDArray[Any]
    chars: NDArray[Any]
    gap_max: Floats
    outcome: NDArray[Any]  # place in record.OUTCOMES
    error: Sequence[str] = ()
    marks: Sequence[Sequence[str]] = ()
    prints: Sequence[Sequence[int]] = ()
    gaps: Sequence[Sequence[int]] = ()

    def __len__(self) -> int:
        return len(self.operation)

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> Samples:
        """The columns of samples held as objects."""

        def times(name: str) -> Floats:
            found = (getattr(sample, name) for sample in samples)
            return np.array([np.nan if value is None else value for value in found], dtype=np.float64)

        def counts(name: str) -> Ints:
            return np.array([getattr(sample, name) for sample in samples], dtype=np.int64)

        return cls(
            operation=counts("operation"),
            t_due=times("t_due"),
            t_sent=times("t_sent"),
            t_first=times("t_first"),
            t_last=times("t_last"),
            t_end=times("t_end"),
            status=counts("status"),
            chunks=counts("chunks"),
            chars=counts("chars"),
            gap_max=times("gap_max"),
            outcome=np.array([CODES[sample.outcome] for sample in samples], dtype=np.uint8),
            error=[sample.error for sample in samples],
            marks=[sample.marks for sample in samples],
            prints=[sample.prints for sample in samples],
            gaps=[sample.gaps for sample in samples],
        )

    def was(self, *outcomes: Outcome) -> Mask:
        """Which operations had one of these outcomes."""
        return np.isin(self.outcome, [CODES[outcome] for outcome in outcomes])

    @classmethod
    def unseen(cls, events: Sequence[Event], groups: Sequence[int], count: int) -> Samples:
        """A row for each group of calls, of whose user nothing is known: when its calls began and ended, no outcome."""
        began, ended = np.full(count, np.nan), np.full(count, -np.inf)
        for event, group in zip(events, groups, strict=True):
            if group >= 0:
                began[group] = event.t if np.isnan(began[group]) else began[group]  # in order of time
                ended[group] = np.inf if event.ended is Ended.IN_FLIGHT else max(ended[group], over(event))
        ended[np.isinf(ended)] = np.nan
        none, zeros = np.full(count, np.nan), np.zeros(count, dtype=np.int64)
        return cls(
            np.arange(count), began, began, none, none, ended, zeros, zeros, zeros, np.zeros(count),
            np.full(count, UNSEEN, dtype=np.uint8), [""] * count, [()] * count, [()] * count, [()] * count,
        )  # fmt: skip
