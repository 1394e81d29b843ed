"""Operations and their attempts: the driver's samples and the proxy's events as one run.

Laws:
1. An operation belongs to the phase in which it was due; its attempts go with it.
2. What is not known to belong together is never guessed: `match_rate` says how much is known.
3. Columns, not objects: a million samples are judged without a Python loop over them.
4. Both records together say what a user got: an answer that looks good to the driver and was cut by
   the proxy is wrong, else a fault would pass for resilience.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from chaosllm.chains import Usual, next_attempts, usual_calls
from chaosllm.columns import CODES, Floats, Ints, Mask, Samples
from chaosllm.cuts import broken_by_us, cut_by_us, holds_broken, holds_cut
from chaosllm.faults import Fault
from chaosllm.grouping import grouped
from chaosllm.prices import PRICES, Price
from chaosllm.record import Control, Did, Event, Outcome
from chaosllm.scenario import Phase, Role, Scenario
from chaosllm.sources import ACCESS_LOG, ATTACHED, DRIVER, blind, source_of

#: Below this share of calls whose operation is known, per-operation metrics are withheld (METHOD section 1).
LEAST_MATCH = 0.95
#: A hang that a stop cut short of this share of the deadline is no evidence: it might still have been answered.
WHOLE_DEADLINE = 0.95


@dataclass(eq=False)
class Run:
    """One run, ready to be measured. Built by `join`; rows are places in `samples`."""

    scenario: Scenario
    samples: Samples
    events: list[Event]  # preflight left out, in order of time
    meta: Mapping[str, Any]
    phase_of: Ints  # of each row: the place of its phase in the scenario, -1 outside
    row_of: Ints  # of each event: the row of its operation, -1 when unknown
    control: Sequence[Control] = ()  # what came of the control routes
    took_cut: Mask = field(init=False)  # by row: the answer looked good and was a cut one (law 4)
    took_broken: Mask = field(init=False)  # the same of a broken one
    memory: dict[Any, Any] = field(default_factory=dict)  # what metrics computed once and need again

    def __post_init__(self) -> None:
        self.took_cut, self.took_broken = self._took()
        if (wrong := self.took_cut | self.took_broken).any():
            outcome = np.where(wrong, CODES[Outcome.WRONG], self.samples.outcome)
            self.samples = replace(self.samples, outcome=outcome)

    def _took(self) -> tuple[Mask, Mask]:
        """Operations that look good and whose last call was cut, or broken, with that text for an answer."""
        cut, broken = np.zeros(len(self.samples), dtype=bool), np.zeros(len(self.samples), dtype=bool)
        if not self.joined:
            return cut, broken
        good = self.samples.was(Outcome.GOOD)
        # An answer without text, or not of the kind that was asked for, fails `good` and says that it is fine.
        fine = good | (self.samples.was(Outcome.WRONG) & (np.asarray(self.samples.status) < 300))
        for row in sorted({int(row) for row in self.row_of[self._ours] if row >= 0}):
            last, prints = self.attempts_of(row)[-1], _at(self.samples.prints, row)
            marks = _at(self.samples.marks, row)
            if "error_event" not in marks:
                cut[row] = good[row] and cut_by_us(last) and holds_cut(prints, last)
                broken[row] = fine[row] and broken_by_us(last, self.faults) and holds_broken(prints, marks, last)
        return cut, broken

    @cached_property
    def _ours(self) -> Mask:
        """The calls whose answer we cut or broke."""
        found = (cut_by_us(event) or broken_by_us(event, self.faults) for event in self.events)
        return np.fromiter(found, dtype=bool, count=len(self.events))

    @cached_property
    def faults(self) -> Mapping[str, Fault]:
        """The fault of each rule."""
        return {rule.name: rule.fault for rule in self.scenario.rules}

    @property
    def stopped(self) -> str | None:
        """Why the run ended before its time; None when it did not.

        Driver and proxy give their accounts when all is over: without them somebody killed the run.
        """
        if found := self.meta.get("stopped"):
            return str(found)
        accounts = ("driver", "proxy") if self.driven else ("proxy",)
        return None if all(self.meta.get(name) for name in accounts) else "killed"

    @property
    def timeout(self) -> float:
        """The user's deadline in seconds."""
        return self.scenario.target.timeout

    @cached_property
    def prices(self) -> Mapping[str, Price]:
        """What tokens cost: the scenario's own prices before the table's."""
        return {**PRICES, **self.scenario.prices}

    @cached_property
    def end(self) -> float:
        """Seconds of the scenario that were really driven; all of them unless the run was stopped."""
        if not self.stopped:
            return self.scenario.duration
        ended = (self.meta.get("clock") or {}).get("ended")
        if isinstance(ended, int | float) and not self.driven:
            return min(self.scenario.duration, max(0.0, float(ended)))
        due = self.samples.t_due
        return float(min(self.scenario.duration, np.nanmax(due))) if np.isfinite(due).any() else 0.0

    def phase(self, name: str) -> Phase | None:
        """The phase of that name."""
        return self.scenario.phase(name)

    def judged_as(self, name: str) -> str:
        """The name under which a phase is judged: its block's, where it has one."""
        phase = self.phase(name)
        return phase.judged_as if phase is not None else name

    def place(self, name: str) -> int:
        """The place of a phase in the scenario, -1 when it has none of that name."""
        return next((at for at, phase in enumerate(self.scenario.phases) if phase.name == name), -1)

    def phases(self, role: Role) -> list[Phase]:
        """The phases with that role, in order."""
        return [phase for phase in self.scenario.phases if phase.role is role]

    def parts(self, name: str) -> list[tuple[int, Phase]]:
        """(place, phase) of what a name means: one phase, or all of a block."""
        return [(at, phase) for at, phase in enumerate(self.scenario.phases) if name in (phase.name, phase.block)]

    def seconds(self, name: str) -> float:
        """How long a phase, or all of a block, was driven."""
        return sum(max(0.0, min(phase.end, self.end) - phase.start) for _, phase in self.parts(name))

    # What can be known ------------------------------------------------------------------------

    @property
    def source(self) -> str:
        """Where the users' side comes from: see `sources`."""
        return source_of(self.meta)

    @property
    def driven(self) -> bool:
        """Whether our own load was the users, and saw every answer."""
        return self.source == DRIVER

    @property
    def noun(self) -> str:
        """What a row is called where people read."""
        return "requests (told by their calls)" if self.source == ATTACHED else "operations"

    def blind(self, kind: object) -> str:
        """Why a metric or finding cannot be known of this run; "" when it can."""
        return blind(self.meta, getattr(kind, "sees", "answers"))

    def side(self, kind: object) -> Run:
        """The run as that metric or finding must look at it."""
        return self.calls_side if getattr(kind, "sees", "") == "calls" else self

    @property
    def calls_side(self) -> Run:
        """The run as what sees the proxy's calls alone must look at it.

        Calls that cannot be matched to an access log are still grouped among themselves.
        """
        return self._calls_alone if self.source == ACCESS_LOG and not self.joined else self

    @cached_property
    def _calls_alone(self) -> Run:
        none = Samples.of(())
        return join(self.scenario, none, self.events, {**self.meta, "source": ATTACHED}, control=self.control)

    # Operations -------------------------------------------------------------------------------

    @cached_property
    def unfinished(self) -> Mask:
        """Operations that the stop of the run cut off before their deadline: neither good nor bad."""
        samples = self.samples
        if not self.stopped:
            return np.zeros(len(samples), dtype=bool)
        took = np.where(np.isfinite(samples.t_end), samples.t_end - samples.t_sent, 0.0)
        cut_short = samples.was(Outcome.HANG) & ~(took >= WHOLE_DEADLINE * self.timeout)
        return cut_short | (np.isnan(samples.t_end) & ~samples.was(Outcome.DROPPED))

    def due(self, name: str) -> Ints:
        """Rows of the operations that were due in a phase or block, unfinished ones left out."""
        places = [at for at, _ in self.parts(name)]
        return np.flatnonzero(np.isin(self.phase_of, places) & ~self.unfinished)

    def rows(self, name: str) -> Ints:
        """Rows that metrics of a phase or block count: as `due`, less, for a baseline, what reached into another role.

        Because such an operation was served partly under the fault, and the baseline must not know it.
        """
        key = ("rows", name)
        if key not in self.memory:
            rows = self.due(name)
            ends = np.full(len(self.scenario.phases), np.inf)
            for at, phase in self.parts(name):
                if phase.role is Role.BASELINE:
                    ends[at] = self._end_of_role(phase)
            ended = np.where(self.samples.was(Outcome.DROPPED)[rows], -np.inf, self.samples.t_end[rows])
            reached = np.nan_to_num(ended, nan=np.inf, neginf=-np.inf) > ends[self.phase_of[rows]]
            self.memory[key] = rows[~reached]
        found: Ints = self.memory[key]
        return found

    def _end_of_role(self, phase: Phase) -> float:
        """When the stretch of phases with this phase's role ends; infinity for the last one."""
        later = [other for other in self.scenario.phases if other.start >= phase.end and other.role is not phase.role]
        return later[0].start if later else float("inf")

    @cached_property
    def latency(self) -> Floats:
        """Seconds from the intended start to the end, by row; NaN for what was never sent or never finished.

        A hang counts as the deadline or more: its true latency is unknown and not shorter.
        """
        samples = self.samples
        took = samples.t_end - samples.t_due
        hung = samples.was(Outcome.HANG)
        took = np.where(hung, np.fmax(took, self.timeout), took)
        return np.where(samples.was(Outcome.DROPPED) | self.unfinished, np.nan, took)

    @cached_property
    def with_gaps(self) -> Ints:
        """Rows of the operations whose answer came in more than one piece."""
        gaps = self.samples.gaps[: len(self.samples)]
        return np.flatnonzero(np.fromiter(map(len, gaps), dtype=np.int64, count=len(gaps)))

    @cached_property
    def good(self) -> Mask:
        """Operations whose user got a good answer."""
        return self.samples.was(Outcome.GOOD)

    # Attempts ---------------------------------------------------------------------------------

    @cached_property
    def event_phase(self) -> Ints:
        """Of each call, the place of the phase that the proxy put it in; -1 outside the phases, and for no call."""
        places = {phase.name: at for at, phase in enumerate(self.scenario.phases)}
        found = [places.get(event.phase, -1) if is_call(event) else -1 for event in self.events]
        return np.array(found, dtype=np.int64)

    @cached_property
    def match_rate(self) -> float | None:
        """The share of calls in the phases whose operation is known; None without calls.

        In a stopped run an operation that was in flight has no sample, and its calls do not count.
        """
        inside = self.event_phase >= 0
        if self.stopped:
            inside &= (self.row_of >= 0) | np.array([event.operation is None for event in self.events], dtype=bool)
        return float((self.row_of[inside] >= 0).mean()) if inside.any() else None

    @property
    def joined(self) -> bool:
        """Whether enough calls are matched for metrics and findings by operation."""
        return self.match_rate is not None and self.match_rate >= LEAST_MATCH

    @cached_property
    def attempts(self) -> Ints:
        """How many calls each operation made, by row."""
        return np.bincount(self.row_of[self.row_of >= 0], minlength=len(self.samples)).astype(np.int64)

    @cached_property
    def _order(self) -> tuple[list[Event], Ints]:
        """(events in order of operation and time, where in them each row begins)."""
        known = np.flatnonzero(self.row_of >= 0)
        order = known[np.argsort(self.row_of[known], kind="stable")]  # events are in order of time already
        begins = np.searchsorted(self.row_of[order], np.arange(len(self.samples) + 1))
        return [self.events[at] for at in order], begins

    def attempts_of(self, row: int) -> list[Event]:
        """The calls that an operation made, in order of time."""
        order, begins = self._order
        return order[begins[row] : begins[row + 1]]

    def next_attempts(self, row: int) -> list[Event | None]:
        """Of each call of `attempts_of`, the attempt that followed it, None where none came."""
        if row not in self._followed:
            self._followed[row] = next_attempts(self.attempts_of(row), self.usual)
        return self._followed[row]

    @cached_property
    def _followed(self) -> dict[int, list[Event | None]]:
        return {}

    @cached_property
    def usual(self) -> Usual:
        """How many distinct calls an operation makes to each provider and model when nothing fails."""
        return usual_calls(self.attempts_of(int(row)) for row in np.flatnonzero(self.attempts))

    @cached_property
    def hits(self) -> dict[str, int]:
        """By phase and block, how many operations met one of its rules; calls instead, when calls cannot be joined.

        Of a port that refused, the operations that were due meanwhile.
        """
        seen: dict[str, set[int]] = {phase.name: set() for phase in self.scenario.phases}
        for at, (event, row) in enumerate(zip(self.events, self.row_of, strict=True)):
            if (rule := met_rule(event)) and (phase := self.rule_phase.get(rule, event.phase)) in seen:
                if is_port(event):
                    seen[phase].update(self._due_during(event))
                else:
                    seen[phase].add(int(row) if self.joined and row >= 0 else -1 - at)
        blocks = {phase.block for phase in self.scenario.phases if phase.block}
        together = {block: set[int]().union(*(seen[part.name] for _, part in self.parts(block))) for block in blocks}
        return {name: len(found) for name, found in (seen | together).items()}

    def _due_during(self, event: Event) -> list[int]:
        """Rows of the operations that were sent while a port refused: nobody sees who knocked at it."""
        due, end = self.samples.t_due, event.t if event.t_end is None else event.t_end
        rows = np.flatnonzero((due >= event.t) & (due < end) & ~self.samples.was(Outcome.DROPPED))
        return [int(row) for row in rows]

    @cached_property
    def rule_phase(self) -> dict[str, str]:
        """The phase that each rule stands in."""
        return {rule.name: phase.name for phase in self.scenario.phases for rule in phase.rules}

    def phase_of_row(self, row: int) -> str:
        """The name of the phase in which an operation was due; "" outside."""
        place = int(self.phase_of[row])
        return self.scenario.phases[place].name if place >= 0 else ""


def _at[T](rows: Sequence[Sequence[T]], row: int) -> Sequence[T]:
    return rows[row] if row < len(rows) else ()


def is_call(event: Event) -> bool:
    """Whether an event is a call; the other kind is a connection, or a port, that a rule could strike."""
    return event.endpoint != "connection"


def is_port(event: Event) -> bool:
    """Whether an event is some time of a port, struck or spared, and so of everybody who came to it."""
    return not is_call(event) and event.call.startswith("port-")


def met_rule(event: Event) -> str:
    """The first rule whose fault a call really met; "" when none touched it."""
    if event.did is not Did.INJECTED:
        return ""
    return next((part.rule for part in event.rules if part.fired), "")


def join(
    scenario: Scenario,
    samples: Samples,
    events: Sequence[Event],
    meta: Mapping[str, Any],
    *,
    control: Sequence[Control] = (),
) -> Run:
    """The run that these records tell of; events before the phases ("preflight") are left out."""
    kept = sorted((event for event in events if event.phase != "preflight"), key=lambda event: event.t)
    groups: list[int] | None = None
    if source_of(meta) == ATTACHED:  # nobody saw users: what is known of their requests is which calls they caused
        kept, groups, count = grouped(kept)
        samples = Samples.unseen(kept, groups, count)
    starts = np.array([phase.start for phase in scenario.phases], dtype=np.float64)
    due = np.asarray(samples.t_due, dtype=np.float64)
    phase_of = np.searchsorted(starts, due, side="right").astype(np.int64) - 1
    phase_of[~((due >= 0) & (due < scenario.duration))] = -1
    rows = _rows(samples, kept) if groups is None else np.array(groups, dtype=np.int64)
    return Run(scenario, samples, kept, meta, phase_of, rows, control)


def _rows(samples: Samples, events: Sequence[Event]) -> Ints:
    """The row of each event's operation, -1 where the event names none or one that no sample has."""
    named = np.array([-1 if event.operation is None else event.operation for event in events], dtype=np.int64)
    known = np.asarray(samples.operation).astype(np.int64)
    if not len(known) or not len(named):
        return np.full(len(named), -1, dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = np.minimum(np.searchsorted(known, named, sorter=order), len(known) - 1)
    rows = order[at]
    return np.where(known[rows] == named, rows, -1).astype(np.int64)
