"""The pauses between a failed call and the next attempt at it: what backoff, jitter and Retry-After are judged by.

Laws:
1. A gap begins when the failure was over and ends when the next attempt began.
2. The first gap of an operation at a provider and model tells how the app backs off; later ones grow from it.
3. A gap that a Retry-After asked for says nothing of the app's own backoff.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from chaosllm.chains import failed, over, same_place
from chaosllm.join import Run, is_call
from chaosllm.record import GOAWAY, Ended, Event

#: Timers fire early by some milliseconds, and the two ends are measured in two places (METHOD metric 12).
TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class Gap:
    """A failed call, the attempt that followed it, and the seconds between them."""

    row: int
    failure: Event
    retry: Event

    @property
    def seconds(self) -> float:
        """Never below 0: the proxy may see the second call before it knows that the first is over."""
        return max(0.0, self.retry.t - over(self.failure))

    @property
    def short(self) -> float:
        """Seconds by which it falls short of what Retry-After asked for; 0 or less when it does not."""
        return (self.failure.retry_after or 0.0) - (self.retry.t - over(self.failure))


def may_be_retried(event: Event) -> bool:
    """Whether a call failed before it answered, in a way that may pass: 408, 429, 5xx, a broken connection."""
    if event.reason == GOAWAY:
        return False  # HTTP libraries repeat it by themselves, as they should
    if event.status is None:
        return event.ended in (Ended.BROKEN, Ended.NO_ANSWER)
    return event.status in (408, 429) or event.status >= 500


def asks_to_wait(event: Event) -> bool:
    """Whether a call was refused with a Retry-After that can be ignored (429, 503, 529 and the like)."""
    refused = event.status is not None and (event.status == 429 or event.status >= 500)
    return refused and event.retry_after is not None and event.retry_after > TOLERANCE


def troubled(run: Run) -> Iterator[tuple[int, list[Event]]]:
    """(row, calls in order of time) of each operation that had a failed call."""
    if "failed rows" not in run.memory:
        rows = {
            int(row)
            for event, row in zip(run.events, run.row_of, strict=True)
            if row >= 0 and is_call(event) and failed(event)
        }
        run.memory["failed rows"] = sorted(rows)
    for row in run.memory["failed rows"]:
        yield row, run.attempts_of(row)


def first_gaps(run: Run) -> list[Gap]:
    """Of each operation, and each provider and model that it asks, the first gap that no Retry-After asked for."""
    if "first gaps" not in run.memory:
        run.memory["first gaps"] = [
            Gap(row, event, after)
            for row, attempts in troubled(run)
            for at, (event, after) in enumerate(zip(attempts, run.next_attempts(row), strict=True))
            if after is not None
            if may_be_retried(event) and event.retry_after is None and _is_first(attempts, at)
        ]
    found: list[Gap] = run.memory["first gaps"]
    return found


def _is_first(attempts: Sequence[Event], at: int) -> bool:
    return not any(same_place(attempts[at], earlier) and may_be_retried(earlier) for earlier in attempts[:at])


def slopes(run: Run) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """By row, how much longer each gap of a chain is than the one before it, as log2; NaN without two gaps.

    The slope of a line through log2(gap) by attempt: 0 is a fixed pause, 1 doubles it (METHOD metric 13).
    """
    if "slopes" not in run.memory:
        found = np.full(len(run.samples), np.nan)
        for row, attempts in troubled(run):
            gaps = _chain(run, row, attempts)
            if len(gaps) > 1 and all(gaps):
                found[row] = np.polyfit(np.arange(len(gaps)), np.log2(gaps), 1)[0]
        run.memory["slopes"] = found
    slope: np.ndarray[tuple[int], np.dtype[np.float64]] = run.memory["slopes"]
    return slope


def _chain(run: Run, row: int, attempts: Sequence[Event]) -> list[float]:
    """The app's own gaps of the first chain of retries of an operation, in order."""
    gaps: list[float] = []
    at = next((place for place, event in enumerate(attempts) if may_be_retried(event)), None)
    while at is not None and may_be_retried(attempts[at]) and attempts[at].retry_after is None:
        after = run.next_attempts(row)[at]
        if after is None:
            break
        gaps.append(Gap(row, attempts[at], after).seconds)
        at = next(place for place, event in enumerate(attempts) if event is after)
    return gaps
