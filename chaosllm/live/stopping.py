"""What stops a run: conditions held against the driver's progress once a second, and where each of them stands.

success_rate(last 10s) < 20%    of the last seconds, not judged before they have passed
spend > 5 USD                   of the whole run, judged at once: what only grows needs no window
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chaosllm.errors import ChaosError, Exit
from chaosllm.language.expression import GROWING, LIVE
from chaosllm.record import Outcome
from chaosllm.scenario import Comparator, StopCondition
from chaosllm.units import format_duration, format_share

#: Operations that must have ended in the window: fewer show nothing (k6 lets an empty threshold pass; we wait).
LEAST = 5

type Kind = Literal[
    "command", "interrupt", "stop_when", "probe", "lever", "dead_man", "max_duration", "time_box"
]  # fmt: skip
type Unit = Literal["share", "rate", "seconds", "usd", "count", "ratio", "failures"]

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
_UNITS: dict[str, Unit] = {
    **dict.fromkeys(_SHARES, "share"),
    **dict.fromkeys(_QUANTILES, "seconds"),
    "goodput": "rate",
    "attempts": "ratio",
    "hangs": "count",
    "spend": "usd",
}


@dataclass(frozen=True, slots=True)
class Stop:
    """Why everything ends now; `who` is where it came from, such as "console" or "lever"."""

    kind: Kind
    text: str  # "success_rate(last 10s) < 20%: 12% now"
    who: str = "chaosllm"


def refuse_unknown(conditions: tuple[StopCondition, ...]) -> None:
    """Raise ChaosError for a condition on a metric that is not known while the run goes on."""
    for condition in conditions:
        if condition.metric not in _UNITS:
            raise ChaosError(
                f"stop_when: {condition.text}: {condition.metric} is not known before the run is over",
                hint=f"use one of {', '.join(LIVE)}",
                exit_code=Exit.USAGE,
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """Where one thing that may stop the run stands; `value` is None while it is not known."""

    text: str  # the condition as it is written, a probe or a lever in words
    value: float | None
    bound: float
    unit: Unit
    holds: bool  # everything is to stop now
    kind: Kind = "stop_when"
    said: str = ""  # of a probe, a lever, a dead man's switch: what was seen last, in words

    @property
    def away(self) -> float | None:
        """How far the value is from where everything stops, in its own unit; 0 when it holds."""
        if self.value is None:
            return None
        return 0.0 if self.holds else abs(self.value - self.bound)

    @property
    def now(self) -> str:
        """The value as people read it, such as "12%", "1.20 of 5 USD" or "503 after 2ms, 2 of 3 failed"."""
        if self.said:
            failed = self.unit == "failures" and self.value
            return f"{self.said}, {self.value:g} of {self.bound:g} failed" if failed else self.said
        return "" if self.value is None else quantity(self.value, self.unit, of=self.bound)

    def to_json(self) -> dict[str, Any]:
        """As events and the state of a live run hold it."""
        return {
            "kind": self.kind,
            "text": self.text,
            "value": None if self.value is None else round(self.value, 4),
            "bound": self.bound,
            "unit": self.unit,
            "away": None if self.away is None else round(self.away, 4),
            "holds": self.holds,
            "now": self.now,
        }


def quantity(value: float, unit: Unit, *, of: float | None = None) -> str:
    """A value with its unit; of what only grows beside its bound `of`, where that is given."""
    match unit:
        case "share":
            return format_share(round(value, 3))
        case "seconds":
            return format_duration(value)
        case "rate":
            return f"{value:,.0f}/s" if value >= 100 else f"{f'{value:.1f}'.removesuffix('.0')}/s"
        case "usd":
            spent = f"{value:,.{2 if value >= 1 or value == 0 else 4}f}"
            return f"{spent} USD" if of is None else f"{spent} of {of:g} USD"
        case "count" | "failures":
            return f"{value:,.0f}" if of is None else f"{value:,.0f} of {of:,.0f}"
    return f"{value:.2f}"


@dataclass(frozen=True, slots=True)
class _Row:
    """Counts since the run's start at second `t`; None is not known yet."""

    t: float
    outcomes: Mapping[str, int] = field(default_factory=dict)
    p: Mapping[str, Any] = field(default_factory=dict)  # the message itself, for the driver's quantiles
    spend: float | None = None
    calls: int | None = None
    asked: int = 0  # operations sent when `calls` was asked for


@dataclass(slots=True)
class StopWatch:
    """Keeps the progress of the longest window, and says which condition came true."""

    conditions: tuple[StopCondition, ...]
    _history: deque[_Row] = field(default_factory=deque)
    _sent: int = 0  # in the message before

    def see(
        self, progress: Mapping[str, Any], *, spend: float | None = None, calls: int | None = None
    ) -> StopCondition | None:
        """Take one progress message (cumulative outcomes); the first condition that now holds, or None.

        `spend` is US dollars so far, `calls` those of the app so far, as the proxy answered to what it was asked at
        the message before; None: it did not, and what it said before stands.
        """
        t = float(progress["t"])
        last = self._history[-1] if self._history else _Row(t)
        if calls is None:
            calls, asked = last.calls, last.asked
        else:
            asked = self._sent
        self._sent = int(progress.get("sent") or 0)
        row = _Row(t, progress.get("outcomes") or {}, progress, last.spend if spend is None else spend, calls, asked)
        self._history.append(row)
        longest = max((condition.window or 0.0 for condition in self.conditions), default=0.0)
        while len(self._history) > 2 and self._history[1].t <= t - longest:
            self._history.popleft()
        return next(
            (condition for condition, one in zip(self.conditions, self.readings(), strict=True) if one.holds), None
        )

    def readings(self) -> tuple[Reading, ...]:
        """Where each condition stands, in the scenario's order."""
        return tuple(self._reading(condition) for condition in self.conditions)

    def _reading(self, condition: StopCondition) -> Reading:
        value = self._value(condition) if self._history else None
        holds = value is not None and _COMPARE[condition.comparator](value, condition.bound)
        return Reading(condition.text, value, condition.bound, _UNITS[condition.metric], holds)

    def _value(self, condition: StopCondition) -> float | None:
        last, metric = self._history[-1], condition.metric
        before = None
        if condition.window is not None:
            begin = last.t - condition.window
            before = next((one for one in reversed(self._history) if one.t <= begin), None)
        if metric in GROWING:
            first = before or _Row(0.0, spend=0.0)
            if metric == "hangs":
                return float(last.outcomes.get(Outcome.HANG, 0) - first.outcomes.get(Outcome.HANG, 0))
            return None if last.spend is None else last.spend - (first.spend or 0.0)
        if before is None:
            return None
        ended = {name: last.outcomes.get(name, 0) - before.outcomes.get(name, 0) for name in last.outcomes}
        total = sum(ended.values())
        if metric == "goodput":  # nothing ended is the worst goodput, so it needs no least
            return float(ended.get(Outcome.GOOD, 0) / (last.t - before.t))
        if metric == "attempts":
            return _attempts(before, last)
        if total < LEAST:
            return None
        if metric in _SHARES:
            return float(sum(ended.get(outcome, 0) for outcome in _SHARES[metric]) / total)
        measured = last.p.get(_QUANTILES[metric])
        return None if measured is None else float(measured)


def _attempts(before: _Row, last: _Row) -> float | None:
    """Calls for each operation sent between two rows."""
    if last.calls is None or before.calls is None or last.asked - before.asked < LEAST:
        return None
    return (last.calls - before.calls) / (last.asked - before.asked)
