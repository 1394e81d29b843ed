"""Thresholds of what users get when the primary fails, of recovery and of the bill."""

from __future__ import annotations

from dataclasses import replace

import run_factory as made
from run_factory import Operation, Try, only_in_storm, refused
from thresholds import Threshold

from chaosllm.join import Run
from chaosllm.record import Outcome
from chaosllm.scenario import Degraded, Role, Target
from chaosllm.scenario import Operation as Asked


def _elsewhere(at: float = 0.05, **more) -> Try:
    return Try(at=at, provider="anthropic", model="claude", **more)


def _served(of: int, out_of: int) -> Run:
    """So many of so many operations are served elsewhere when the primary refuses; 400 are due in the storm."""

    def conduct(number: int) -> Operation:
        if number - 500 >= out_of:
            return Operation()
        if number - 500 < of:
            return Operation(tries=[refused(), _elsewhere()])
        return Operation(Outcome.ERROR, tries=[refused()])

    return made.run(only_in_storm(conduct))


def _delayed(seconds: float, timeout: float = 30.0) -> Run:
    """Fallbacks that answer so long after the failure, in an app that usually answers in 0.25 s (median)."""
    conduct = only_in_storm(lambda _: Operation(seconds=0.01 + seconds, tries=[refused(), _elsewhere()]))
    return made.run(conduct, made.scenario(timeout=timeout))


def _stuck(share: float, *, ill: bool = False, recovery: float = 30) -> Run:
    """So many operations of the second half of the recovery avoid the primary."""

    def conduct(number: int, due: float, phase) -> Operation:
        if phase.role is Role.FAULT:
            return Operation(tries=[refused(), _elsewhere()])
        if phase.role is Role.RECOVERY and number % 100 < 100 * share:
            return Operation(tries=[_elsewhere(0.0)])
        if phase.role is Role.RECOVERY and ill:
            return Operation(tries=[Try(status=503, took=0.01), _elsewhere()])
        return made.calm(number, due, phase)

    return made.run(conduct, made.scenario(recovery=recovery))


def _late(bad: float, outcome: Outcome = Outcome.ERROR, recovery: float = 30, timeout: float = 10.0) -> Run:
    """So many operations fail in the second half of the recovery."""

    def conduct(number: int, due: float, phase) -> Operation:
        if phase.role is Role.FAULT:
            return made.hit(number, due, phase)
        late = phase.role is Role.RECOVERY and due - phase.start >= phase.duration / 2
        return Operation(outcome) if late and number % 100 < 100 * bad else made.calm(number, due, phase)

    return made.run(conduct, made.scenario(recovery=recovery, timeout=timeout))


def _recovers_after(seconds: float, recovery: float = 60, *objectives: str) -> Run:
    def conduct(number: int, due: float, phase) -> Operation:
        if phase.role is Role.FAULT:
            return made.hit(number, due, phase)
        ill = phase.role is Role.RECOVERY and due - phase.start < seconds
        return Operation(Outcome.ERROR) if ill else made.calm(number, due, phase)

    read = tuple(made.objective(text) for text in objectives)
    return made.run(conduct, made.scenario(recovery=recovery, timeout=6.0, objectives=read))


def _slow_after(seconds: float) -> Run:
    """Answers of the recovery, which lasts 12 s, are good and take three times as long for so many seconds."""

    def conduct(number: int, due: float, phase) -> Operation:
        if phase.role is Role.RECOVERY and due - phase.start < seconds:
            return Operation(seconds=0.8)
        return made.hit(number, due, phase)

    return made.run(conduct, made.scenario(recovery=12, timeout=6.0))


def _billed(factor: float) -> Run:
    """The storm's operations are billed so many times what an operation costs."""

    def change(samples, events):
        for at, one in enumerate(events):
            if one.phase == "storm" and one.status == 200:
                events[at] = replace(one, tokens_in=10, tokens_out=round(60 * factor) - 10)

    return made.run(change=change)


def _turns(count: int) -> Run:
    """A tool loop of so many calls in the storm, all of them answered."""
    met = {"fields": {"tokens_in": 1, "tokens_out": 1}}
    conduct = only_in_storm(
        lambda _: Operation(
            tries=[Try(at=0.01 * at, took=0.005, index=at, rule=made.RULE, **met) for at in range(count)]
        )
    )
    return made.run(conduct)


def _answered(outcome: Outcome, hits: int = 400, **fields) -> Run:
    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        return Operation(outcome, tries=[refused()], fields=fields)

    return made.run(only_in_storm(conduct))


GATED = ("time_to_recover <= 10s",)
WRONG = Outcome.WRONG

THRESHOLDS = (
    Threshold(
        "no_fallback",
        "under 95 % of operations whose primary failed",
        lambda: _served(95, 100),
        lambda: _served(94, 100),
    ),
    Threshold("no_fallback", "at least 5 operations", lambda: _served(0, 4), lambda: _served(0, 5)),
    Threshold(
        "no_fallback",
        "whose primary failed, not those that a retry made good",
        lambda: made.run(made.hit),
        lambda: _served(0, 100),
    ),
    Threshold(
        "no_fallback",
        "a declared default is a fallback",
        lambda: _answered(Outcome.DEGRADED),
        lambda: _answered(Outcome.ERROR),
    ),
    Threshold(
        "slow_fallback", "later than 2 s, less what an answer takes", lambda: _delayed(2.2), lambda: _delayed(2.3)
    ),
    Threshold(
        "slow_fallback", "later than half the deadline", lambda: _delayed(0.98, 2.0), lambda: _delayed(1.02, 2.0)
    ),
    Threshold("stuck_on_fallback", "at least 90 % avoid the primary", lambda: _stuck(0.89), lambda: _stuck(0.90)),
    Threshold(
        "stuck_on_fallback", "the recovery lasts 3 s",
        lambda: _stuck(1.0, recovery=2.9), lambda: _stuck(1.0, recovery=3.0),
    ),
    Threshold("stuck_on_fallback", "the primary is healthy", lambda: _stuck(0.95, ill=True), lambda: _stuck(0.95)),
    Threshold("metastable", "recovered share below 0.9", lambda: _late(0.10), lambda: _late(0.11)),
    Threshold(
        "metastable", "a declared default is no bad state", lambda: _late(1.0, Outcome.DEGRADED), lambda: _late(1.0)
    ),
    Threshold(
        "metastable",
        "the recovery lasts 10 s",
        lambda: _late(0.5, recovery=9.9, timeout=5.0),
        lambda: _late(0.5, recovery=10, timeout=5.0),
    ),
    Threshold("metastable", "and 1.5 deadlines", lambda: _late(0.5, timeout=20.1), lambda: _late(0.5, timeout=20.0)),
    Threshold(
        "slow_recovery", "above 30 s and the longest backoff", lambda: _recovers_after(31), lambda: _recovers_after(33)
    ),
    Threshold(
        "slow_recovery",
        "above the scenario's own objective",
        lambda: _recovers_after(10, 60, *GATED),
        lambda: _recovers_after(11, 60, *GATED),
    ),
    Threshold("slow_recovery", "not within R", lambda: _slow_after(7), lambda: _slow_after(9)),
    Threshold("slow_recovery", "and not metastable", lambda: _recovers_after(60), lambda: _recovers_after(32)),
    Threshold(
        "cost_runaway", "above 3 x the tokens of B for each operation", lambda: _billed(3.0), lambda: _billed(3.05)
    ),
    Threshold("cost_runaway", "a tool loop of more than 25 calls", lambda: _turns(25), lambda: _turns(26)),
    Threshold("silent_failure", "at least 5 users", lambda: _answered(WRONG, 4), lambda: _answered(WRONG, 5)),
    Threshold(
        "silent_failure",
        "the status says nothing",
        lambda: _answered(WRONG, status=503),
        lambda: _answered(WRONG, status=200),
    ),
    Threshold(
        "silent_failure",
        "no error event says so",
        lambda: _answered(WRONG, marks=["error_event"]),
        lambda: _answered(WRONG, marks=["end_seen"]),
    ),
    Threshold(
        "silent_failure",
        "late is not hidden",
        lambda: _answered(WRONG, error="too slow"),
        lambda: _answered(WRONG, error="too short"),
    ),
)  # fmt: skip


def declared() -> Run:
    """A scenario that declares a fallback answer, and an app that gives none."""
    target = Target(timeout=10.0, operations=(Asked(degraded=Degraded(header="x-degraded")),))
    conduct = only_in_storm(lambda _: Operation(Outcome.ERROR, tries=[refused()]))
    return made.run(conduct, replace(made.scenario(), target=target))
