"""From a log's requests to a run's samples: the clock, the window, and what is whose."""

from __future__ import annotations

from dataclasses import replace

import pytest
import run_factory as made

from chaosllm.access_log import Entry, Log
from chaosllm.access_log.samples import imported
from chaosllm.record import Event, Outcome
from chaosllm.scenario import Operation, Target
from chaosllm.trace_ids import hashed

T0 = 1_796_054_000.0
SCENARIO = made.scenario(warmup=0, baseline=20, fault=20, recovery=20)


def entry(at: float, seconds: float = 0.5, status: int = 200, **more: object) -> Entry:
    return Entry(1, T0 + at, seconds, status, **more)  # type: ignore[arg-type]


def log(*entries: Entry, coarse: bool = False) -> Log:
    return Log([*entries], coarse=coarse)


@pytest.mark.parametrize(
    ("one", "outcome"),
    [
        (entry(1), Outcome.GOOD),
        (entry(1, status=302), Outcome.GOOD),
        (entry(1, status=429), Outcome.ERROR),
        (entry(1, status=499), Outcome.ERROR),
        (entry(1, status=0), Outcome.ERROR),
        (entry(1, seconds=10.0), Outcome.HANG),
        (entry(1, seconds=11.0, status=504), Outcome.HANG),
        (entry(1, outcome="degraded"), Outcome.DEGRADED),
    ],
)
def test_status_and_deadline_say_what_users_got(one: Entry, outcome: Outcome) -> None:
    """Good is a status below 400 within the deadline; the log's own word goes before."""
    assert [sample.outcome for sample in imported(log(one), SCENARIO, [], T0, end=60.0).samples] == [outcome]


def test_only_requests_of_the_run_are_its_users() -> None:
    """What began before, or was cut off by the run's end, is left out; past its deadline by then it is a hang."""
    found = imported(log(entry(-1), entry(5), entry(59.9, 3.0), entry(45, 30.0), entry(90)), SCENARIO, [], T0, end=60.0)
    assert [(one.t_due, one.outcome) for one in found.samples] == [(5.0, Outcome.GOOD), (45.0, Outcome.HANG)]
    assert found.outside == 3


def test_other_paths_are_no_users() -> None:
    """Where the scenario says what users ask, health checks and images are left out, and counted."""
    of = replace(SCENARIO, target=Target(timeout=10.0, operations=(Operation(path="/chat"),), control=("/healthz",)))
    found = imported(
        log(entry(1, path="/chat"), entry(2, path="/healthz"), entry(3, path="/logo.png"), entry(4)),
        of,
        [],
        T0,
        end=60.0,
    )
    assert [sample.t_due for sample in found.samples] == [1.0, 4.0]
    assert found.elsewhere == {"/healthz": 1, "/logo.png": 1}


def _joined(skew: float, *, count: int = 20) -> tuple[Log, list[Event]]:
    entries = [entry(at + skew, ids=(f"r-{at}",)) for at in range(count)]
    events = [
        Event(f"call-{at}", at + 0.01, traces=[*hashed([f"r-{at}"], SCENARIO.seed)], t_answer=at + 0.3, t_end=at + 0.45)
        for at in range(count)
    ]
    return log(*entries), events


@pytest.mark.parametrize("skew", [0.0, 7.5, -7.5])
def test_a_clock_that_differs_is_put_right(skew: float) -> None:
    """Requests and calls that share ids tell by how much the log's clock is ahead."""
    found = imported(*_arguments(_joined(skew)), T0, end=60.0)
    assert found.skew == pytest.approx(skew, abs=0.05)
    assert [sample.t_due for sample in found.samples] == pytest.approx([*range(20)][: len(found.samples)], abs=0.05)


def _arguments(pair: tuple[Log, list[Event]]):
    return pair[0], SCENARIO, pair[1]


def test_without_ids_nothing_is_said_of_the_clock() -> None:
    """A log without ids that calls bear leaves the difference unknown, never 0."""
    assert imported(log(entry(1)), SCENARIO, [], T0, end=60.0).skew is None


def test_an_id_of_two_requests_is_nobodys() -> None:
    """An id that two requests bear, such as a session's, joins no call to either."""
    found = imported(log(entry(1, ids=("s",)), entry(2, ids=("s",)), entry(3, ids=("u",))), SCENARIO, [], T0, end=60.0)
    assert found.ids == [(), (), hashed(["u"], SCENARIO.seed)]
