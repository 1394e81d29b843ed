"""How busy one of our own processes, or the app, is: how late its loop runs and what it needs of a core, by second.

Laws:
1. Nothing here reads a clock or sets a timer: both are handed in, so that asyncio and gevent are measured alike.
2. Memory is bounded: buckets of fixed bounds, and at most MOST_ROWS rows, which grow wider in a longer run.
3. Records of several processes stand beside each other and are never added up, because one worker at its limit
   is at its limit, however idle the others are.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

#: Seconds between two ticks: twenty a second cost about 0.1 % of a core, and show whatever lasts as long as a
#: delay that users notice.
STEP = 0.05
#: Ticks of a row, which is a second wide until the rows are too many.
TICKS = 20
#: An hour of seconds, 40 KB as JSON; of a longer run each row is 2 s wide, then 4 s, and so on.
MOST_ROWS = 3600

#: The greatest share of a second that a process may be busy: on a core, or ready and waiting for one. Queues grow
#: as 1 / (1 - share) (M/M/1): at 0.9 work waits for nine times what it takes, 9 ms where a call takes 1 ms; just
#: above, for as long as the load lasts.
MOST_BUSY = 0.90
#: Seconds; the greatest lag of a loop (METHOD section 1 for the generator; the proxy adds to the same latencies).
MOST_LAG = 0.05
#: The process that is not ours: watched from outside, where we started it; its lag is not known.
APP = "app"
#: From this share of a limit on, whoever watches a run is told.
NEAR = 0.85

# ISO 3, series R20: twenty steps of about 12 % in ten, and 5.0 is one of them, so that MOST_LAG is a bound.
_R20 = (1.0, 1.12, 1.25, 1.4, 1.6, 1.8, 2.0, 2.24, 2.5, 2.8, 3.15, 3.55, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1, 8.0, 9.0)
#: Upper bounds of the buckets of lag, seconds: 0.1 ms to 90 s; what is above falls into a last one.
BOUNDS = tuple(float(f"{one}e{power}") for power in range(-4, 2) for one in _R20)


class Vitals:
    """The record of one process: `run` ticks, `start` begins the record anew at the run's time 0.

    A tick that comes late stands for those that should have come meanwhile, each with its own lag, as
    HdrHistogram corrects for coordinated omission: else a loop that froze for 3 s would be late once.
    """

    def __init__(
        self, clock: Callable[[], float], cpu: Callable[[], float], wait: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`clock` gives monotonic seconds, `cpu` those that the process has used of a core, `wait` waited for one."""
        self.cpu = 0.0  # the share of a core in the newest row
        self.wait = 0.0  # the share of it in which the process was ready and had no core
        self.lag = 0.0  # the median lag in it, seconds
        self._clock, self._cpu, self._wait = clock, cpu, wait
        self._later: Callable[[float, Callable[[], object]], object] | None = None
        self.start(clock())

    def start(self, t0: float) -> None:
        """Forget what came before monotonic time `t0`, which may be yet to come."""
        self._t0, self._ticks, self._due = t0, 0, t0 + STEP
        self._lags: list[float] = []
        self._counts = [0] * (len(BOUNDS) + 1)
        self._worst = 0.0
        self._width = 1  # of a row, seconds
        self._rows: list[tuple[float, float, float]] = []  # (cpu, wait, lag)
        self._from = (self._clock(), self._cpu(), self._wait())

    def run(self, later: Callable[[float, Callable[[], object]], object]) -> None:
        """Tick from now on; `later(seconds, callback)` sets a timer (a loop's call_later, gevent's spawn_later)."""
        self._later = later
        self._tick()

    def stop(self) -> None:
        """Tick no more."""
        self._later = None

    def _tick(self) -> None:
        if self._later is not None:
            self._later(self.beat(self._clock()), self._tick)

    def beat(self, now: float) -> float:
        """Take a tick that came at monotonic time `now`; seconds until the next is due."""
        while self._due <= now:
            self._lags.append(now - self._due)
            self._ticks += 1
            self._due = self._t0 + (self._ticks + 1) * STEP
            if len(self._lags) == TICKS * self._width:
                self._close(now)
        return self._due - now

    def _close(self, now: float) -> None:
        lags = sorted(self._lags)
        self._lags.clear()
        for lag in lags:
            self._counts[bisect_left(BOUNDS, lag)] += 1
        self._worst = max(self._worst, lags[-1])
        since, used, waited = self._from
        if now > since:  # else several rows end in one late tick, and share its CPU evenly
            self._from = (now, self._cpu(), self._wait())
            self.cpu, self.wait = (self._from[1] - used) / (now - since), (self._from[2] - waited) / (now - since)
        self.lag = lags[len(lags) // 2]
        self._rows.append((self.cpu, self.wait, self.lag))
        if len(self._rows) == MOST_ROWS:  # which is even, so that no row is lost and none comes to stand too early
            pairs = zip(self._rows[::2], self._rows[1::2], strict=True)
            self._rows = [(max(a, d), max(b, e), max(c, f)) for (a, b, c), (d, e, f) in pairs]
            self._width *= 2

    @property
    def newest(self) -> dict[str, float]:
        """The newest row, for whoever watches; of several processes the highest of each number counts."""
        return {"cpu": round(self.cpu, 3), "wait": round(self.wait, 3), "lag": round(self.lag, 6)}

    def lag_at(self, q: float) -> float:
        """The quantile `q` of the lag since the start, seconds, up to 15 % too high; 0 before the first row ends."""
        return _quantile(self._counts, q, self._worst)

    def to_json(self) -> dict[str, Any]:
        """The stored form, as `Signs` reads it: whole rows only, empty buckets left out."""
        return {
            "t": self._t0,
            "width": self._width,
            "cpu": [round(cpu, 3) for cpu, _, _ in self._rows],
            "wait": [round(wait, 3) for _, wait, _ in self._rows],
            "lag": [round(lag, 4) for _, _, lag in self._rows],
            "counts": {str(place): count for place, count in enumerate(self._counts) if count},
            "worst": round(self._worst, 6),
        }


@dataclass(frozen=True, slots=True)
class Signs:
    """What one process told of itself; `cpu`, `wait` and `lag` have a row for each `width` seconds from `t` on."""

    process: str  # "proxy", "driver", "simulator" or APP
    worker: int | None = None  # which of several
    t: float = 0.0  # monotonic time at which the first row begins
    width: float = 1.0  # seconds
    cpu: Sequence[float] = ()  # share of one core, the highest of the row's seconds
    wait: Sequence[float] = ()  # the share of the time in which it was ready and had no core
    lag: Sequence[float] = ()  # the lag that half of the row's ticks reached, seconds
    counts: Sequence[int] = field(default_factory=list)  # ticks by bucket of lag (BOUNDS)
    worst: float = 0.0  # greatest lag of a tick, seconds

    @classmethod
    def read(cls, stored: object) -> Self | None:
        """The record in its stored form; None for what is none."""
        if not isinstance(stored, Mapping):
            return None
        counts = [0] * (len(BOUNDS) + 1)
        try:
            for place, count in stored["counts"].items():
                counts[int(place)] += int(count)
            cpu, wait, lag = ([float(value) for value in stored[name]] for name in ("cpu", "wait", "lag"))
            worker, width = stored.get("worker"), float(stored["width"])
            worker = None if worker is None else int(worker)
            name, t, worst = str(stored["process"]), float(stored["t"]), float(stored["worst"])
        except (KeyError, TypeError, ValueError, AttributeError, IndexError):
            return None
        numbers = (t, width, worst, *cpu, *wait, *lag)
        if not len(cpu) == len(wait) == len(lag) or width <= 0 or not all(map(math.isfinite, numbers)):
            return None
        return cls(name, worker, t, width, cpu, wait, lag, counts, worst)

    def rows(self, begin: float, end: float) -> range:
        """The rows that lie wholly between two monotonic times."""
        slack = STEP  # a timer is no finer, and phases begin where rows do
        first = max(0, _ceil((begin - self.t - slack) / self.width))
        return range(first, max(first, min(len(self.cpu), _floor((end - self.t + slack) / self.width))))

    def lag_at(self, q: float) -> float:
        """The quantile `q` of the lag, seconds; 0 without a tick."""
        return _quantile(self.counts, q, self.worst)


def near_limit(busy: float, lag: float) -> str:
    """What is near its limit in one second, as "is busy for 80% of a second (limit 90%)"; "" when nothing is."""
    if busy >= NEAR * MOST_BUSY:
        return f"is busy for {busy:.0%} of a second (limit {MOST_BUSY:.0%})"
    if lag >= NEAR * MOST_LAG:
        return f"runs {lag * 1000:.0f}ms late (limit {MOST_LAG * 1000:.0f}ms)"
    return ""


def _quantile(counts: Sequence[int], q: float, worst: float) -> float:
    left = q * sum(counts)
    for place, count in enumerate(counts):
        left -= count
        if count and left <= 1e-9:  # floating point may leave a trace of the last tick
            return min(worst, BOUNDS[place]) if place < len(BOUNDS) else worst
    return 0.0


def _floor(value: float) -> int:
    return int(value // 1)


def _ceil(value: float) -> int:
    return -int(-value // 1)
