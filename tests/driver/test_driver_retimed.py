"""Load whose phases live commands make longer or shorter, or that is ended with patience."""

from __future__ import annotations

from time import monotonic
from typing import Any

import gevent
import pytest
from test_driver_dispatcher import dispatcher
from test_driver_sessions import dispatcher as with_sessions
from test_driver_sessions import talk

from chaosllm.adapters.driver.control import Controls
from chaosllm.distribution import Fixed
from chaosllm.record import Outcome
from chaosllm.scenario import Session

pytestmark = pytest.mark.alone

LATE = 0.4  # seconds that a busy machine may be late


def during(load: Any, *changes: tuple[float, Any]) -> float:
    """Run a load and make the changes at their seconds; how long it took."""
    t0 = monotonic()
    for at, change in changes:
        gevent.spawn_later(at, change)
    load.run(t0)
    return monotonic() - t0


@pytest.mark.parametrize(
    ("path", "seconds", "changes", "operations"),
    [
        ("/chat", 0.5, [(0.2, [0.9])], 45),
        ("/chat", 30.0, [(0.1, [30.1]), (0.2, [0.6])], 30),
        ("/chat", 0.4, [(0.1, [0.5]), (0.2, [0.6]), (0.3, [0.7])], 35),
        ("/slow?s=0.3", 30.0, [(0.2, [0.5])], 25),
    ],
    ids=["longer", "shorter", "again and again", "answers outlive it"],
)
def test_a_load_ends_when_its_phases_do(app: str, path: str, seconds: float, changes: Any, operations: int) -> None:
    """Who was due before stays due then, each once; nobody comes after the new end, and all are waited for."""
    load, kept = dispatcher(app, path, seconds=seconds)
    took = during(load, *[(at, lambda to=to: load.retime(to)) for at, to in changes])
    assert sorted(sample.operation for sample in kept.samples) == list(range(operations))
    assert all(sample.t_due == pytest.approx(sample.operation / 50) for sample in kept.samples)
    assert all(0 <= (sample.t_sent or 9) - sample.t_due < LATE for sample in kept.samples)
    assert {sample.outcome for sample in kept.samples} == {Outcome.GOOD}
    assert load.totals()["unfinished"] == 0
    assert changes[-1][1][0] <= took < changes[-1][1][0] + 0.3 + 3 * LATE


def test_an_end_that_is_past_is_now(app: str) -> None:
    """A phase that ends before it was told so ends at once, and not backwards."""
    load, kept = dispatcher(app, "/chat", seconds=30.0)
    assert during(load, (0.4, lambda: load.retime([0.1]))) < 0.4 + 3 * LATE
    assert 18 <= len(kept.samples) <= 24


def test_another_number_of_phases_changes_nothing(app: str) -> None:
    """What is no timing of this run is refused, and the load goes on as it was."""
    load, kept = dispatcher(app, "/chat", seconds=0.4)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        load.retime([1.0, 2.0])
    load.run(monotonic())
    assert len(kept.samples) == 20


def test_to_finish_is_to_wait_for_those_who_came(app: str) -> None:
    """Nobody begins any more, and who was under way has an outcome."""
    load, kept = dispatcher(app, "/slow?s=0.4", seconds=30.0)
    took = during(load, (0.5, load.finish))
    assert 0.8 < took < 0.9 + 3 * LATE
    assert 20 <= len(kept.samples) == load.account.counts.due <= 30
    assert {sample.outcome for sample in kept.samples} == {Outcome.GOOD}
    assert (load.totals()["unfinished"], load.totals()["dropped"]) == (0, 0)


def test_a_finish_before_anybody_came(app: str) -> None:
    """A run that is stopped before its time 0 asks nobody anything."""
    load, kept = dispatcher(app, "/chat", seconds=30.0)
    t0 = monotonic() + 0.5
    gevent.spawn_later(0.1, load.finish)
    load.run(t0)
    assert monotonic() < t0
    assert kept.samples == []


@pytest.mark.parametrize("how", ["finish", "retime"])
def test_a_user_who_thinks_comes_no_more(app: str, how: str) -> None:
    """The next step of a session falls away when the load ended while its user thought it over."""
    load, kept = with_sessions(app, talk(), session=Session((0, 0), think=Fixed(0.5)), seconds=30.0)
    took = during(load, (0.3, load.finish if how == "finish" else lambda: load.retime([0.35])))
    assert {sample.operation % 2 for sample in kept.samples} == {0}
    assert 4 <= len(kept.samples) == load.account.counts.due <= 9
    assert took < 10.0, "the load would last half a minute"


def test_a_user_who_thinks_goes_on_in_a_longer_run(app: str) -> None:
    """A second step that is due after the old end, and before the new one, is asked."""
    load, kept = with_sessions(app, talk(), session=Session((0, 0), think=Fixed(0.4)), seconds=0.3, rate=10.0)
    during(load, (0.05, lambda: load.retime([1.0])))
    steps = [sum(one.operation % 2 == step for one in kept.samples) for step in (0, 1)]
    assert steps[0] == 10
    assert 4 <= steps[1] <= 6


@pytest.mark.parametrize(
    ("seconds", "change", "asked"),
    [(1.4, (1.05, 2.1), 5), (30.0, (0.7, 1.2), 3), (30.0, (0.7, 0.0), 2), (0.8, None, 2)],
    ids=["longer, told when the last was asked", "shorter", "finished", "as it was"],
)
def test_control_routes_are_asked_as_long_as_the_load_lasts(app: str, seconds: float, change: Any, asked: int) -> None:
    """Twice a second to the very end, wherever a command moved it."""
    controls = Controls(["/chat"], app, seconds=seconds, deadline=0.5, folder=None)
    if change is not None:
        gevent.spawn_later(change[0], lambda: controls.ask_until(change[1]))
    controls.run(monotonic())
    controls._group.join(timeout=1.0)
    controls.close()
    assert [one.t_due for one in controls.found] == pytest.approx([at / 2 for at in range(asked)])
