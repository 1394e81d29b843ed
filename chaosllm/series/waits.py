"""How long the app waited before it tried again, beside what the provider's Retry-After asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Floats, Ints, Mask
from chaosllm.gaps import TOLERANCE, Gap, asks_to_wait, may_be_retried, troubled
from chaosllm.join import Run

#: Of more failed operations every k-th is looked at: a histogram of so many looks the same.
MOST_OPERATIONS = 20_000
#: Rows of the chart; more values of Retry-After than that are put together in ranges.
MOST_ROWS = 5
#: Bins of gaps: twelve to a decade, from 10 ms, below which a gap is none for a provider.
SHORTEST = 0.01
PER_DECADE = 12


@dataclass(frozen=True, eq=False)
class Row:
    """The gaps after refusals that asked for `low` to `high` seconds; NaN for failures that asked for nothing."""

    low: float
    high: float
    soon: Ints  # gaps shorter than asked, by bin
    kept: Ints  # the others
    over: int  # refusals after which no attempt came

    @property
    def n(self) -> int:
        """Failures in the row."""
        return int(self.soon.sum() + self.kept.sum()) + self.over


@dataclass(frozen=True, eq=False)
class Waits:
    """`edges` are those of the bins, in seconds."""

    rows: list[Row]
    edges: Floats
    asked: int  # refusals that asked for a wait
    soon: int  # of these, how many were tried again too soon
    gap: float  # median of the gaps that were too short, NaN for none
    wish: float  # median of what those had been asked for
    every: int  # one in so many failed operations was looked at


def waits(run: Run) -> Waits | None:
    """The gaps of a run; None when no failed call was followed by another attempt, and none asked for a wait."""
    asked, gaps, every = _gaps(run)
    if not len(gaps) or (np.isnan(gaps).all() and np.isnan(asked).all()):
        return None
    with np.errstate(invalid="ignore"):
        soon = gaps < asked - TOLERANCE
    longest = max(1.0, float(np.nanmax(np.fmax(gaps, asked))) if np.isfinite(np.fmax(gaps, asked)).any() else 1.0)
    decades = np.ceil(np.log10(longest / SHORTEST) * PER_DECADE) + 1
    edges = SHORTEST * 10 ** (np.arange(decades + 1) / PER_DECADE)
    rows = [_row(gaps, asked, soon, mine, edges) for mine in _ranges(asked)]
    return Waits(
        [row for row in rows if row.n],
        edges,
        int(np.isfinite(asked).sum()),
        int(soon.sum()),
        float(np.median(gaps[soon])) if soon.any() else float("nan"),
        float(np.median(asked[soon])) if soon.any() else float("nan"),
        every,
    )


def _gaps(run: Run) -> tuple[Floats, Floats, int]:
    """(seconds asked for, seconds until the next attempt, every how many operations were looked at)."""
    failures = list(troubled(run))
    every = -(-len(failures) // MOST_OPERATIONS) or 1
    found = []
    for row, attempts in failures[::every]:
        for event, after in zip(attempts, run.next_attempts(row), strict=True):
            wants = asks_to_wait(event)
            if wants or (may_be_retried(event) and event.retry_after is None):
                gap = Gap(row, event, after).seconds if after is not None else np.nan
                found.append((event.retry_after if wants else np.nan, gap))
    table = np.array(found, dtype=np.float64).reshape(-1, 2)
    return table[:, 0], table[:, 1], every


def _ranges(asked: Floats) -> list[Mask]:
    """Which failures share a row: those of each wish, or of neighbouring ones where there are many; the rest last."""
    wishes = np.unique(asked[np.isfinite(asked)])
    parts = [part for part in np.array_split(wishes, min(len(wishes), MOST_ROWS)) if len(part)] if len(wishes) else []
    return [(asked >= part[0]) & (asked <= part[-1]) for part in parts] + [np.isnan(asked)]


def _row(gaps: Floats, asked: Floats, soon: Mask, mine: Mask, edges: Floats) -> Row:
    inside = np.clip(gaps, edges[0], edges[-1])
    tried = np.isfinite(gaps) & mine
    wishes = asked[mine & np.isfinite(asked)]
    return Row(
        float(wishes.min()) if len(wishes) else float("nan"),
        float(wishes.max()) if len(wishes) else float("nan"),
        np.histogram(inside[tried & soon], edges)[0].astype(np.int64),
        np.histogram(inside[tried & ~soon], edges)[0].astype(np.int64),
        int((np.isnan(gaps) & mine).sum()),
    )
