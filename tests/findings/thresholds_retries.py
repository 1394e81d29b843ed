"""Thresholds of what an app does towards the provider after a failed call."""

from __future__ import annotations

from typing import Any

import run_factory as made
from run_factory import Operation, Try, only_in_storm, refused
from thresholds import Threshold

from chaosllm.faults.hang import MEMBER as Hang
from chaosllm.join import Run
from chaosllm.record import Ended, Outcome, RulePart
from chaosllm.scenario import Rule, Scenario


def _gap(seconds: float, *, spread: float = 0.0, hits: int = 400, retry_after: float | None = None) -> Run:
    """Refused calls are repeated after this pause, every second of them a bit later and the others a bit sooner."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        pause = seconds * (1 + (spread if number % 2 else -spread))
        return Operation(seconds=2.0, tries=[refused(retry_after=retry_after), Try(at=0.01 + pause)])

    return made.run(only_in_storm(conduct))


def _once(hits: int = 400, *, outcome: Outcome = Outcome.ERROR, retried: int = 0, **more: Any) -> Run:
    """So many operations are refused once and fail; the first `retried` of them try again."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        first = refused(**more)
        tries = [first, refused(at=1.2, **more)] if number - 500 < retried else [first]
        return Operation(outcome, tries=tries)

    return made.run(only_in_storm(conduct))


def _gives_up(after: float, *, retry_after: float | None = None, calls: int = 3, hits: int = 400) -> Run:
    """Operations with a deadline of 10 s fail after so many seconds and calls."""

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        at = [after * place / calls for place in range(calls - 1)] + [after - 0.02]
        last = refused(at[-1], retry_after=retry_after)
        return Operation(Outcome.ERROR, seconds=after, tries=[*(refused(t, retry_after=None) for t in at[:-1]), last])

    return made.run(only_in_storm(conduct))


def _holding() -> Scenario:
    return made.scenario(rules=(Rule(made.RULE, Hang()),))


def _held(seconds: float, ended: Ended = Ended.CLIENT_LEFT, hits: int = 400) -> Run:
    """The provider holds calls; the app leaves them open so long. The user's deadline is 10 s."""
    part = RulePart(made.RULE, "hang", planned=True, fired=True, delivered=True)
    fields = {"ended": ended, "rules": [part]} | ({"t_end": None} if ended is Ended.IN_FLIGHT else {})

    def conduct(number: int) -> Operation:
        if number - 500 >= hits:
            return Operation()
        held = Try(took=seconds, status=None, rule=made.RULE, fields=fields)
        return Operation(Outcome.ERROR, seconds=min(seconds, 10.0), tries=[held])

    return made.run(only_in_storm(conduct), _holding())


THRESHOLDS = (
    Threshold("no_backoff", "median first gap under 50 ms", lambda: _gap(0.051), lambda: _gap(0.049)),
    Threshold("no_backoff", "no Retry-After asked for it", lambda: _gap(0.01, retry_after=0.01), lambda: _gap(0.01)),
    Threshold("no_backoff", "at least 5 hits", lambda: _gap(0.01, hits=4), lambda: _gap(0.01, hits=5)),
    Threshold(
        "no_jitter", "CV under 0.03", lambda: _gap(0.5, spread=0.031, hits=19), lambda: _gap(0.5, spread=0.029, hits=19)
    ),
    Threshold(
        "no_jitter", "lower half within 5 % of the median",
        lambda: _gap(0.5, spread=0.055, hits=58), lambda: _gap(0.5, spread=0.045, hits=58),
    ),
    Threshold(
        "no_jitter", "of 60 gaps within 8 %",
        lambda: _gap(0.3, spread=0.055, hits=58), lambda: _gap(0.3, spread=0.055, hits=60),
    ),
    Threshold(
        "no_jitter", "not above 8 %, however many", lambda: _gap(0.2, spread=0.09), lambda: _gap(0.2, spread=0.07)
    ),
    Threshold(
        "no_jitter", "not above 25 ms, however many", lambda: _gap(0.4, spread=0.07), lambda: _gap(0.3, spread=0.07)
    ),
    Threshold(
        "no_jitter", "of at least 20 gaps",
        lambda: _gap(0.5, spread=0.04, hits=19), lambda: _gap(0.5, spread=0.04, hits=20),
    ),
    Threshold("no_jitter", "OpenAI's SDK has 0.082", lambda: _gap(0.5, spread=0.082), lambda: _gap(0.5)),
    Threshold("no_jitter", "mean gap above 50 ms", lambda: _gap(0.049), lambda: _gap(0.051)),
    Threshold("no_jitter", "at least 6 gaps", lambda: _gap(0.5, hits=5), lambda: _gap(0.5, hits=6)),
    Threshold("no_jitter", "no Retry-After asked for it", lambda: _gap(1.0, retry_after=1.0), lambda: _gap(1.0)),
    Threshold("no_retry", "nobody tried again", lambda: _once(retried=1), _once),
    Threshold("no_retry", "some users failed", lambda: _once(outcome=Outcome.GOOD), _once),
    Threshold("no_retry", "nor was served otherwise", lambda: _once(outcome=Outcome.DEGRADED), _once),
    Threshold("no_retry", "at least 5 hits", lambda: _once(4), lambda: _once(5)),
    Threshold(
        "no_retry", "the error passes",
        lambda: _once(reason="quota/exhausted", retry_after=None), lambda: _once(retry_after=None),
    ),
    Threshold(
        "no_retry", "Retry-After allows it", lambda: _once(retry_after=10.0), lambda: _once(retry_after=9.9)
    ),
    Threshold("gave_up_early", "more than half of the deadline left", lambda: _gives_up(5.01), lambda: _gives_up(4.99)),
    Threshold(
        "gave_up_early", "Retry-After allowed another try",
        lambda: _gives_up(4.0, retry_after=6.1), lambda: _gives_up(4.0, retry_after=5.9),
    ),
    Threshold("gave_up_early", "it was retried", lambda: _gives_up(2.0, calls=1), lambda: _gives_up(2.0, calls=2)),
    Threshold("gave_up_early", "at least 5 hits", lambda: _gives_up(2.0, hits=4), lambda: _gives_up(2.0, hits=5)),
    Threshold("no_timeout", "open longer than the deadline", lambda: _held(9.99), lambda: _held(10.01)),
    Threshold("no_timeout", "or for ever", lambda: _held(5.0), lambda: _held(99.0, ended=Ended.IN_FLIGHT)),
    Threshold("no_timeout", "at least 5 hits", lambda: _held(99.0, hits=4), lambda: _held(99.0, hits=5)),
)  # fmt: skip
