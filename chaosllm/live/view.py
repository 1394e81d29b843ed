"""What a run shows while it runs: figures made of the messages that the driver and the proxy sent so far.

Laws:
1. The figures are a function of the scenario and the messages seen: no clock is read, nothing is drawn or printed.
2. Memory is bounded, however long the run: rows are thinned out once they are too many.
3. A figure that cannot be known yet is None, and never 0.
4. What is shown live is for watching: verdicts come from the records alone.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chaosllm.live.spending import Spend, spend_of
from chaosllm.live.stopping import Reading, StopWatch
from chaosllm.record import Outcome
from chaosllm.scenario import Phase, Role, Scenario

#: Seconds over which rates are told: of five messages, so that one that is late does not make them jump.
WINDOW = 5.0
#: Seconds below which a rate would show the chance of single arrivals.
LEAST_SPAN = 1.0
#: Seconds that a point of the curve of goodput stands for at least, for the same reason.
POINT = 2.0
#: Rows kept of each series; two hours of seconds.
MOST_ROWS = 7200
#: Operations that a ratio of attempts needs: fewer would show chance.
LEAST = 5


@dataclass(frozen=True, slots=True)
class RuleFigures:
    """The counts of one rule (DESIGN law 4)."""

    name: str
    fault: str
    active: bool  # its phase is on
    planned: int = 0
    fired: int = 0
    delivered: int = 0
    capped: int = 0
    in_flight: int = 0


@dataclass(frozen=True, slots=True)
class Figures:
    """One moment of a run; rates are a second, over the last WINDOW seconds, times in seconds."""

    t: float
    duration: float
    phase: str  # "" before the first and after the last
    role: Role | None
    phase_left: float
    due: int
    sent: int
    in_flight: int
    outcomes: Mapping[str, int]
    phase_outcomes: Mapping[str, int]  # of what ended since the phase began; after the last phase, in that
    offered: float | None  # operations due
    achieved: float | None  # operations sent
    answered: float | None  # operations that ended, well or not
    goodput: float | None  # operations that ended well
    baseline: float | None  # goodput of the baseline
    p50: float | None  # of the newest operations, as the driver tells them
    p95: float | None
    attempts: float | None  # calls for each operation in this phase
    baseline_attempts: float | None
    calls: int
    injected: int
    rules: Sequence[RuleFigures]
    errors: Sequence[tuple[str, int]]  # foreign text, most frequent first
    spend: Spend
    stops: Sequence[Reading]

    @property
    def ended(self) -> int:
        """Operations that have an outcome."""
        return sum(self.outcomes.values())

    @property
    def left(self) -> float:
        """Seconds of load that are to come."""
        return max(0.0, self.duration - self.t)

    @property
    def planned(self) -> int:
        """Injections that draws and triggers asked for, over all rules."""
        return sum(rule.planned for rule in self.rules)

    @property
    def fired(self) -> int:
        """Planned injections that no limit held back."""
        return sum(rule.fired for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """As `run --json` prints them; what is not known is null."""
        rates = ("offered", "achieved", "answered", "goodput", "baseline", "p50", "p95", "attempts",
                 "baseline_attempts")  # fmt: skip
        return {
            "t": round(self.t, 3),
            "duration": round(self.duration, 3),
            "phase": self.phase,
            "role": str(self.role) if self.role else None,
            "phase_left": round(self.phase_left, 3),
            "due": self.due,
            "sent": self.sent,
            "in_flight": self.in_flight,
            "outcomes": dict(self.outcomes),
            "phase_outcomes": dict(self.phase_outcomes),
            **{name: None if (value := getattr(self, name)) is None else round(value, 4) for name in rates},
            "calls": self.calls,
            "injected": self.injected,
            "planned": self.planned,
            "fired": self.fired,
            "rules": [
                {"rule": one.name, "fault": one.fault, "planned": one.planned, "fired": one.fired,
                 "delivered": one.delivered, "capped": one.capped, "in_flight": one.in_flight}
                for one in self.rules
            ],
            "errors": [{"error": what, "count": count} for what, count in self.errors],
            "spend": {"usd": round(self.spend.usd, 6), "estimated": self.spend.estimated,
                      "simulated": self.spend.simulated},
            "stop_when": [one.to_json() for one in self.stops],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Queue:
    """Where a run stands among several; `told` how earlier ones ended, `later` seconds of load after it."""

    at: int = 1
    of: int = 1
    told: str = ""
    later: float = 0.0


@dataclass(slots=True)
class _Series:
    """Counts that only grow, at the times they were told; between two rows they grow evenly."""

    times: list[float] = field(default_factory=lambda: [0.0])
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def add(self, t: float, row: tuple[float, ...]) -> None:
        if not self.rows:
            self.rows.append((0.0,) * len(row))
        if t <= self.times[-1]:
            return
        self.times.append(t)
        self.rows.append(row)
        if len(self.times) > MOST_ROWS:
            del self.times[1:-1:2], self.rows[1:-1:2]

    def at(self, t: float, column: int) -> float:
        """The count at second `t`; the last one after the last row."""
        if not self.rows:
            return 0.0
        place = bisect_right(self.times, t)
        if place >= len(self.times):
            return self.rows[-1][column]
        if place == 0:
            return self.rows[0][column]
        before, after = self.times[place - 1], self.times[place]
        low, high = self.rows[place - 1][column], self.rows[place][column]
        return low + (high - low) * (t - before) / (after - before)

    @property
    def last(self) -> float:
        """The time of the newest row."""
        return self.times[-1]

    def rate(self, begin: float, end: float, column: int, *, least: float = 0.0) -> float | None:
        """Growth a second; None where there is no time between, or less than `least`."""
        span = (end := min(end, self.last)) - begin
        return (self.at(end, column) - self.at(begin, column)) / span if span > 0 and span >= least else None


#: Columns of the driver's series, and of that of the calls.
_DUE, _SENT, _ENDED, _GOOD = range(4)
_OPERATIONS, _CALLS = range(2)


class LiveView:
    """Takes messages in, second by second, and gives the figures of the moment."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._watch = StopWatch(scenario.stop_when)
        self._outside: tuple[Reading, ...] = ()
        self._spend = spend_of(scenario, {})
        self._load = _Series()
        self._calls = _Series()
        self._asked: tuple[float, int] | None = None  # (t, operations sent) when the newest status was asked for
        self._first: int | None = None  # calls before the load began
        self._phase = ""
        self._before: Mapping[str, int] = {}  # outcomes when the phase began
        self._driver: Mapping[str, Any] = {}
        self._proxy: Mapping[str, Any] = {}

    def see(self, driver: Mapping[str, Any], proxy: Mapping[str, Any], outside: Sequence[Reading] = ()) -> None:
        """Take the driver's progress, and the proxy's latest status: the answer to what was asked at the last one.

        `outside`: where probes, levers and the dead man's switch stand, which the messages do not say.
        """
        t, outcomes = float(driver.get("t") or 0.0), driver.get("outcomes") or {}
        phase = self.scenario.phase_at(t)
        if phase is not None and phase.name != self._phase:
            self._phase, self._before = phase.name, self._driver.get("outcomes") or {}
        self._driver, self._proxy = driver, proxy
        row = (driver.get("due", 0), driver.get("sent", 0), sum(outcomes.values()), outcomes.get(Outcome.GOOD, 0))
        self._load.add(t, row)
        recognised = proxy.get("recognised", 0)
        if self._first is None:
            self._first = recognised
        if self._asked is not None:
            self._calls.add(self._asked[0], (self._asked[1], recognised - self._first))
        self._asked = (t, int(driver.get("sent", 0)))
        self._outside = tuple(outside)
        self._spend = spend_of(self.scenario, proxy)
        calls = recognised - self._first if proxy else None
        self._watch.see({**driver, "t": t, "outcomes": outcomes}, spend=self._spend.usd if proxy else None, calls=calls)

    @property
    def figures(self) -> Figures:
        """The figures of the newest message."""
        driver, proxy, t = self._driver, self._proxy, float(self._driver.get("t") or 0.0)
        phase = self.scenario.phase_at(t)
        since = max(0.0, t - WINDOW)
        return Figures(
            t=t,
            duration=self.scenario.duration,
            phase=phase.name if phase else "",
            role=phase.role if phase else None,
            phase_left=phase.end - t if phase else 0.0,
            due=driver.get("due", 0),
            sent=driver.get("sent", 0),
            in_flight=driver.get("in_flight", 0),
            outcomes=(outcomes := driver.get("outcomes") or {}),
            phase_outcomes={name: more for name in outcomes if (more := outcomes[name] - self._before.get(name, 0))},
            offered=self._load.rate(since, t, _DUE, least=LEAST_SPAN),
            achieved=self._load.rate(since, t, _SENT, least=LEAST_SPAN),
            answered=self._load.rate(since, t, _ENDED, least=LEAST_SPAN),
            goodput=self._load.rate(since, t, _GOOD, least=LEAST_SPAN),
            baseline=self._baseline(),
            p50=float(driver.get("p50") or 0.0) or None,
            p95=float(driver.get("p95") or 0.0) or None,
            attempts=self._attempts([phase] if phase else []),
            baseline_attempts=self._attempts(self._quiet()),
            calls=max(0, proxy.get("recognised", 0) - (self._first or 0)),
            injected=proxy.get("injected", 0),
            rules=self._rules(phase),
            errors=[*(driver.get("errors") or {}).items()],
            spend=self._spend,
            stops=(*self._watch.readings(), *self._outside),
        )

    def goodput(self, columns: int) -> list[float | None]:
        """Goodput over the whole run in equal stretches of it; None for those that are yet to come."""
        width, found = self.scenario.duration / columns, list[float | None]()
        for at in range(columns):
            end = min((at + 1) * width, self._load.last)
            begin = max(0.0, min(at * width, end - POINT))
            found.append(self._load.rate(begin, end, _GOOD) if end > at * width else None)
        return found

    def _quiet(self) -> list[Phase]:
        return [phase for phase in self.scenario.phases if phase.role is Role.BASELINE]

    def _baseline(self) -> float | None:
        """Good answers a second over the baseline, as far as it has come."""
        good = seconds = 0.0
        for phase in self._quiet():
            end = min(phase.end, self._load.last)
            if end > phase.start:
                good += self._load.at(end, _GOOD) - self._load.at(phase.start, _GOOD)
                seconds += end - phase.start
        return good / seconds if seconds else None

    def _attempts(self, phases: Sequence[Phase]) -> float | None:
        """Calls for each operation sent in these phases, as far as they have come."""
        operations = calls = 0.0
        for phase in phases:
            operations += self._calls.at(phase.end, _OPERATIONS) - self._calls.at(phase.start, _OPERATIONS)
            calls += self._calls.at(phase.end, _CALLS) - self._calls.at(phase.start, _CALLS)
        return calls / operations if operations >= LEAST else None

    def _rules(self, now: Phase | None) -> list[RuleFigures]:
        counted = self._proxy.get("by_rule") or {}
        names = ("planned", "fired", "delivered", "capped", "in_flight")
        return [
            RuleFigures(
                rule.name, rule.fault.name, phase is now,
                **{name: int((counted.get(rule.name) or {}).get(name, 0)) for name in names},
            )
            for phase in self.scenario.phases for rule in phase.rules
        ]  # fmt: skip
