"""How the load goes: counts, the newest latencies, and the samples on their way to disk."""

from __future__ import annotations

from array import array
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from chaosllm.adapters.driver.samples import Samples
from chaosllm.record import Outcome, Sample
from chaosllm.scenario import Scenario

#: Seconds of the newest operations that a progress message sums up.
_RECENT = 10.0
#: Kinds of error that a progress message names, characters of each, and kinds that are kept apart at all: with
#: escapes that is at most 2 kB of a message that must stay under PIPE_BUF, and what an app says is bounded.
_NAMED, _LONGEST, _KINDS = 5, 60, 200


@dataclass(slots=True)
class Counts:
    """How far the load is."""

    due: int = 0
    sent: int = 0
    dropped: int = 0
    ended: int = 0
    cut_short: int = 0  # sessions that could not go on, because an answer lacked what the next request needs
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)  # what users got that was not good, by kind
    lags: array[float] = field(default_factory=lambda: array("d"))  # actual start - due, seconds


class Account:
    """The account of one load; `samples` keeps what ended."""

    def __init__(self, scenario: Scenario, samples: Samples | None) -> None:
        self.counts = Counts()
        self._scenario = scenario
        self._samples = samples
        self._recent: deque[tuple[float, float]] = deque()  # (t_end, latency)
        self._recent_lags: deque[tuple[float, float]] = deque()  # (t_sent, lag)

    def retime(self, scenario: Scenario) -> None:
        """The phases last as long as they do in this one."""
        self._scenario = scenario

    def began(self, t_sent: float, lag: float) -> None:
        """An operation was sent `lag` seconds after it was due."""
        self.counts.lags.append(lag)
        self._recent_lags.append((t_sent, lag))

    def keep(self, sample: Sample) -> None:
        """An operation has its outcome."""
        self.counts.outcomes[str(sample.outcome)] += 1
        if sample.outcome is not Outcome.GOOD and sample.outcome is not Outcome.DEGRADED:
            self._blame(sample.error or str(sample.outcome))
        if sample.t_end is not None:
            self._recent.append((sample.t_end, sample.t_end - sample.t_due))
        if self._samples is not None:
            self._samples.add(sample)

    def flush(self) -> None:
        """Writes out what is kept. Raises OSError when the disk is full."""
        if self._samples is not None:
            self._samples.flush()

    def close(self) -> None:
        """Closes the sample files. Raises OSError when the disk is full."""
        if self._samples is not None:
            self._samples.close()

    def progress(self, t: float, in_flight: int) -> dict[str, Any]:
        """How the load goes at second `t` of the run; times over the last ten seconds."""
        for recent in (self._recent, self._recent_lags):
            while recent and recent[0][0] < t - _RECENT:
                recent.popleft()
        latencies = sorted(latency for _, latency in self._recent)
        phase = self._scenario.phase_at(t)
        return {
            "t": round(t, 3),
            "phase": phase.name if phase else "",
            "due": self.counts.due,
            "sent": self.counts.sent,
            "in_flight": in_flight,
            "dropped": self.counts.dropped,
            "outcomes": dict(self.counts.outcomes),
            "errors": dict(self.counts.errors.most_common(_NAMED)),
            "p50": quantile(latencies, 0.5),
            "p95": quantile(latencies, 0.95),
            "lag_p99": quantile(sorted(lag for _, lag in self._recent_lags), 0.99),
        }

    def _blame(self, error: str) -> None:
        kind, errors = error[:_LONGEST], self.counts.errors
        errors[kind if kind in errors or len(errors) < _KINDS else "other"] += 1

    def totals(self) -> dict[str, Any]:
        """The load's account of itself, once it is over."""
        lags = sorted(self.counts.lags)
        return {
            "lag_p50": quantile(lags, 0.5),
            "lag_p99": quantile(lags, 0.99),
            "due": self.counts.due,
            "sent": self.counts.sent,
            "dropped": self.counts.dropped,
            "unfinished": self.counts.sent - self.counts.ended,
            "outcomes": dict(self.counts.outcomes),
        } | ({"sessions_cut_short": self.counts.cut_short} if self._scenario.target.sessions else {})


def quantile(ordered: list[float], q: float) -> float:
    """The nearest-rank quantile of sorted numbers, 0.0 for none: for progress only, never for a verdict."""
    return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))], 6) if ordered else 0.0
