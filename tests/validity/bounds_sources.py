"""Bounds of the checks on runs whose users were not ours: attached ones, and those with an access log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import attached_factory as attached
import run_factory as made
from bounds import Bound, of, quick, sound

from chaosllm.columns import Samples
from chaosllm.join import Run, join
from chaosllm.record import Event, Sample
from chaosllm.scenario import Role

ON_CALLS = of(objectives=[made.objective("retry_amplification(storm) <= 4")])
LOG = {"file": "access.log", "used": 3, "bad": 0}


def _attached(*, by: str = "trace", keep: Callable[[Event], bool] = lambda _: True, scenario=ON_CALLS) -> Run:
    events = [
        event for event in attached.stripped(quick(scenario=scenario).events, scenario.seed, by=by) if keep(event)
    ]
    return join(scenario, Samples.of(()), events, attached.meta(events))


def _logged(**account: object) -> Callable[[], Run]:
    return lambda: sound(source="access_log", access_log=LOG | account)


def _without_recovery() -> Run:
    def cut(samples: list[Sample], events: list[Event]) -> None:
        start = next(phase.start for phase in of().phases if phase.role is Role.RECOVERY)
        samples[:] = [sample for sample in samples if sample.t_due < start]

    return quick(change=cut, meta={"source": "access_log", "access_log": LOG})


def _strangers() -> Run:
    def strip(samples: list[Sample], events: list[Event]) -> None:
        events[:] = [replace(event, operation=None) for event in events]

    return quick(change=strip, meta={"source": "access_log", "access_log": LOG})


BOUNDS = (
    Bound(
        "users' side", "an objective that calls decide",
        _attached, lambda: _attached(scenario=of()), "set an objective on calls",
    ),
    Bound(
        "traffic", "a call of an attached app",
        _attached, lambda: _attached(keep=lambda _: False), "OPENAI_BASE_URL",
        beside=frozenset({"injection of storm.0"}), numberless="a variable is named, not an amount",
    ),
    Bound(
        "calls in baseline", "a call in the baseline of an attached run",
        _attached, lambda: _attached(keep=lambda event: event.phase != "baseline"), "lengthen baseline",
        numberless="when the app is in use nobody here knows",
    ),
    Bound(
        "match rate", "calls of an attached run that tell whose they are",
        _attached, lambda: _attached(by="nothing"), "traceparent",
        beside=frozenset({"users' side"}),
        numberless="headers are named, not an amount",
    ),
    Bound(
        "access log", "as many lines lost as read",
        _logged(bad=3), _logged(bad=4), "mend the log", numberless="a field is named, not an amount",
    ),
    Bound(
        "log clock", "a minute apart",
        _logged(skew=60.0), _logged(skew=-60.5), "NTP", numberless="a clock is set, not an amount",
    ),
    Bound(
        "access log in recovery", "a request in a phase with calls",
        _logged(), _without_recovery, "whole time", beside=frozenset({"match rate", "samples"}),
        numberless="another log is asked for, not an amount",
    ),
    Bound(
        "retries told", "calls that tell whose they are, beside a log that they cannot be matched to",
        _logged(), _strangers, "idempotency key", beside=frozenset({"match rate"}),
        numberless="headers are named, not an amount",
    ),
)  # fmt: skip
