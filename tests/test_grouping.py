"""Which calls are one request: told by trace ids, an SDK's count or bodies, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest

from chaosllm.grouping import grouped, linked
from chaosllm.record import Event


def call(t: float, body: str = "b", *, status: int = 200, **more: Any) -> Event:
    return Event(f"call-{t}", t, provider="openai", model="gpt", status=status, t_end=t + 0.1, body=body, **more)


def unique(count: int, start: float = 100.0) -> list[Event]:
    """Calm traffic in which no body comes twice."""
    return [call(start + at, f"calm-{at}", declared=0) for at in range(count)]


def test_a_trace_id_is_one_request() -> None:
    """Calls of one trace are one request, with an index for each distinct body."""
    events = [call(0, "a", traces=["t"]), call(1, "b", traces=["t"]), call(2, "a", traces=["t"]), call(3, traces=["u"])]
    found, groups, count = grouped(events)
    assert groups == [0, 0, 0, 1] and count == 2
    assert [event.index for event in found] == [0, 1, 0, 0]


def test_an_sdk_that_counts_is_believed() -> None:
    """A second try joins the failed first of the same body; one alone can be meant."""
    _, groups, _ = grouped([call(0, status=429, declared=0), call(1, declared=1), call(2, declared=0)])
    assert groups == [0, 0, 1]


def test_two_that_could_be_meant_are_not_guessed() -> None:
    """Of two users with one prompt nobody knows whose the retry is."""
    _, groups, _ = grouped(
        [call(0, "x", status=429, declared=0), call(0.01, "x", status=429, declared=0), call(1, "x", declared=1)]
    )
    assert groups[2] == -1


def test_a_try_after_an_answer_is_no_retry() -> None:
    """What was answered is not tried again."""
    _, groups, _ = grouped([call(0, declared=0), call(1, declared=1)])
    assert groups == [0, -1]


def test_without_any_sign_a_call_is_in_no_group() -> None:
    """No trace id, no count, no telling bodies: not known."""
    _, groups, count = grouped([call(0, status=429), call(1)])
    assert groups == [-1, -1] and count == 0


def test_a_loop_around_an_sdk_is_told_where_bodies_do_not_repeat() -> None:
    """An own loop calls each try the first; a body that never comes twice in calm weather shows it."""
    storm = [call(0, "q", status=429, declared=0), call(0.2, "q", status=429, declared=0), call(0.4, "q", declared=0)]
    _, groups, _ = grouped([*storm, *unique(40)])
    assert groups[:3] == [0, 0, 0] and len({*groups[3:]}) == 40


def test_bodies_that_repeat_in_calm_weather_tell_nothing() -> None:
    """Users who all ask the same make a loop's tries unknown, and no retry of somebody else's."""
    calm = [call(100 + at, "same", declared=0) for at in range(40)]
    _, groups, _ = grouped([call(0, "same", status=429, declared=0), call(0.2, "same", declared=0), *calm])
    assert groups[0] == 0 and groups[1] == -1


@pytest.mark.parametrize("late", [60.0, 600.0])
def test_nobody_waits_for_ever(late: float) -> None:
    """The same body a minute later is another request."""
    _, groups, _ = grouped([call(0, "q", status=429, declared=0), call(late, "q", declared=0), *unique(40, 1000)])
    assert groups[:2] == [0, 1]


def test_a_tracer_that_makes_an_id_for_each_try_is_seen_through() -> None:
    """A declared retry under a new trace id still belongs to the try before."""
    _, groups, _ = grouped(
        [call(0, "q", status=429, declared=0, traces=["t1"]), call(1, "q", declared=1, traces=["t2"])]
    )
    assert groups == [0, 0]


def test_calls_are_linked_to_the_requests_of_a_log() -> None:
    """A trace id that a log's request bears names its operation; others stay unknown."""
    found = linked([call(0, traces=["x", "t"]), call(1, traces=["y"]), call(2, "c", traces=["t"])], {"t": 5})
    assert [(event.operation, event.index) for event in found] == [(5, 0), (None, 0), (5, 1)]
