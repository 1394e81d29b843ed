"""Stop conditions: `success_rate(last 10s) < 20%` held against the driver's progress, once a second."""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from chaosllm.errors import ChaosError, Exit
from chaosllm.record import Outcome
from chaosllm.scenario import Comparator, StopCondition

#: Operations that must have ended in the window: fewer show nothing (k6 lets an empty threshold pass; we wait).
LEAST = 5

_COMPARE: dict[Comparator, Callable[[float, float], bool]] = {
    Comparator.LT: operator.lt,
    Comparator.LE: operator.le,
    Comparator.GT: operator.gt,
    Comparator.GE: operator.ge,
    Comparator.EQ: operator.eq,
}

#: Metric -> the outcomes it is the share of.
_SHARES: dict[str, tuple[Outcome, ...]] = {
    "success_rate": (Outcome.GOOD,),
    "good_fraction": (Outcome.GOOD,),
    "degraded_rate": (Outcome.DEGRADED,),
    "error_rate": (Outcome.ERROR, Outcome.WRONG, Outcome.HANG, Outcome.DROPPED),
    "hang_rate": (Outcome.HANG,),
}
#: Metric -> the progress field that is the driver's own quantile of the last 10 s.
_QUANTILES = {"latency_p50": "p50", "latency_p95": "p95"}


def refuse_unknown(conditions: tuple[StopCondition, ...]) -> None:
    """Raise ChaosError for a condition on a metric that is not known while the run goes on."""
    known = [*_SHARES, "goodput", *_QUANTILES]
    for condition in conditions:
        if condition.metric not in known:
            raise ChaosError(
                f"stop_when: {condition.text}: {condition.metric} is not known before the run is over",
                hint=f"use one of {', '.join(known)}",
                exit_code=Exit.USAGE,
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """Where a condition stands; `value` is None while its window shows too little to tell."""

    condition: StopCondition
    value: float | None

    @property
    def holds(self) -> bool:
        """Whether everything is to stop now."""
        return self.value is not None and _COMPARE[self.condition.comparator](self.value, self.condition.bound)

    @property
    def away(self) -> float | None:
        """How far the value is from where the condition begins to hold, in its own unit; 0 when it holds."""
        if self.value is None:
            return None
        return 0.0 if self.holds else abs(self.value - self.condition.bound)

    @property
    def unit(self) -> Literal["share", "rate", "seconds"]:
        """Of value, bound and distance."""
        metric = self.condition.metric
        return "share" if metric in _SHARES else "seconds" if metric in _QUANTILES else "rate"


@dataclass(slots=True)
class StopWatch:
    """Keeps the progress of the longest window, and says which condition came true."""

    conditions: tuple[StopCondition, ...]
    _history: deque[dict[str, Any]] = field(default_factory=deque)

    def see(self, progress: dict[str, Any]) -> StopCondition | None:
        """Take one progress message (cumulative outcomes); the first condition that now holds, or None."""
        self._history.append(progress)
        longest = max((condition.window for condition in self.conditions), default=0.0)
        while len(self._history) > 2 and self._history[1]["t"] <= progress["t"] - longest:
            self._history.popleft()
        return next((one.condition for one in self.readings() if one.holds), None)

    def readings(self) -> tuple[Reading, ...]:
        """Where each condition stands, in the scenario's order."""
        return tuple(Reading(condition, self._value(condition)) for condition in self.conditions)

    def _value(self, condition: StopCondition) -> float | None:
        if not self._history:
            return None
        last = self._history[-1]
        first = next((one for one in reversed(self._history) if one["t"] <= last["t"] - condition.window), None)
        if first is None:
            return None
        ended = {name: last["outcomes"].get(name, 0) - first["outcomes"].get(name, 0) for name in last["outcomes"]}
        total = sum(ended.values())
        if condition.metric == "goodput":  # nothing ended is the worst goodput, so it needs no least
            return float(ended.get(Outcome.GOOD, 0) / (last["t"] - first["t"]))
        if total < LEAST:
            return None
        if condition.metric in _SHARES:
            return float(sum(ended.get(outcome, 0) for outcome in _SHARES[condition.metric]) / total)
        measured = last.get(_QUANTILES[condition.metric])
        return None if measured is None else float(measured)
