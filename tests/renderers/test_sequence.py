"""An operation as a sequence: what stands on which lane, in which order, and what is marked."""

from __future__ import annotations

import math
from typing import Any

import pytest
import rendering_factory as made

from chaosllm.record import Did, Ended, Event, Origin, RulePart
from chaosllm.renderers import Step, Story
from chaosllm.renderers._page.sequence import APP, PROVIDER, PROXY, USER, Row, diagram, headline, rows
from chaosllm.renderers._stories import MOST_PER_FINDING, MOST_STORIES, _step, stories


def step(number: int, at: float, **fields: Any) -> Step:
    told: dict[str, Any] = {
        "call": f"op-1/call-{number}",
        "at": at,
        "seconds": 0.1,
        "provider": "openai",
        "did": "untouched",
        "status": 200,
        "ended": "whole",
        "injected": False,
    }
    return Step(**told | fields)


def refused(number: int, at: float, **fields: Any) -> Step:
    told = {"did": "rate_limit/requests, asked to wait 2s", "status": 429, "injected": True, "reached": False}
    return step(number, at, **told | {"retry_after": 2.0} | fields)


def story(*steps: Step, **fields: Any) -> Story:
    told: dict[str, Any] = {"outcome": "good", "status": 200, "error": "", "seconds": 1.0, "sent": 0.0}
    return Story(1, "storm", 30.0, steps=steps, **told | fields)


def lanes(found: list[Row]) -> list[tuple[int, int]]:
    return [(row.start, row.end) for row in found]


def test_an_untouched_call_goes_through_to_the_provider_and_back() -> None:
    """The user asks, the call passes the proxy, its answer comes back, the user has it."""
    found = rows(story(step(0, 0.2)))
    assert lanes(found) == [(USER, APP), (APP, PROVIDER), (PROVIDER, APP), (APP, USER)]
    assert [row.kind for row in found] == ["", "", "", "good"]
    assert [row.at for row in found] == pytest.approx([0.0, 0.2, 0.3, 1.0])


def test_a_refusal_of_ours_never_reaches_the_provider() -> None:
    """The arrow ends at the proxy, where the fault is marked, and comes back as an error."""
    found = rows(story(refused(0, 0.2)))
    assert lanes(found)[1:4] == [(APP, PROXY), (PROXY, PROXY), (PROXY, APP)]
    assert [row.kind for row in found][1:4] == ["", "fault", "bad"]
    assert found[2].text == "Fault: rate_limit/requests, asked to wait 2s"
    assert found[3].text == "429 after 100ms"


@pytest.mark.parametrize(
    ("gap", "kind", "said"), [(0.5, "bad", ", though asked to wait 2s"), (2.1, "", ""), (0.0, None, "")]
)
def test_pauses(gap: float, kind: str | None, said: str) -> None:
    """A pause is told, and marked when it is shorter than Retry-After asked; no pause is no row."""
    found = rows(story(refused(0, 0.0), step(1, 0.1 + gap), seconds=5.0))
    pauses = [row for row in found if row.text.startswith("pauses")]
    if kind is None:
        assert pauses == []
    else:
        assert [(row.kind, row.start) for row in pauses] == [(kind, APP)]
        assert pauses[0].text.endswith(said or "s")


def test_hedged_calls_stand_in_order_of_time() -> None:
    """A call that begins while another is open stands between that one's two ends."""
    texts = [row.text for row in rows(story(step(0, 0.0, seconds=0.9), step(1, 0.4)))]
    assert [text.split()[0] for text in texts] == ["asks", "call-0", "call-1", "200", "200", "a"]


def test_a_hang_ends_after_its_user_left() -> None:
    """The user's deadline comes first, the call that stayed open last, with no time of its own."""
    held = step(
        0, 0.1, did="hang", injected=True, reached=False, status=None, seconds=None, ended="still open at the end"
    )
    hung = story(held, outcome="hang", status=0, error="nothing whole within the deadline", seconds=4.0)
    found = rows(hung)
    assert lanes(found)[-2:] == [(USER, USER), (APP, APP)]
    assert math.isinf(found[-1].at)
    assert ">end<" in diagram(hung, "op-1")
    assert headline(hung) == "the user got nothing within the deadline after 4s; 1 call"


def test_what_was_never_sent_says_so() -> None:
    """An operation over the cap has one row and no arrow."""
    assert [row.text for row in rows(story(outcome="dropped", status=0, seconds=None, sent=None))] == [
        "never sent: too many operations were in flight"
    ]


def test_a_stream_shows_its_first_text_and_what_was_left_out() -> None:
    """The first text stands before the end; calls beyond the most that are told are counted."""
    texts = [row.text for row in rows(story(step(0, 0.0), more=3, first=0.3, seconds=2.0))]
    assert "first text" in texts
    assert "3 more calls, left out" in texts
    assert "4 calls" in headline(story(step(0, 0.0), more=3))


def test_each_row_is_told_in_words() -> None:
    """Who speaks to whom stands in each row for those who cannot see the arrows."""
    shown = diagram(story(refused(0, 0.2)), "op-1")
    for said in ("user to app:", "app to proxy:", ">proxy:", "proxy to app:", "app to user:"):
        assert said in shown


def test_cut_answers_are_the_providers() -> None:
    """An answer that we cut came from the provider, as its tokens tell; a refusal of ours did not."""

    def told(**fields: Any) -> Step:
        part = RulePart("cut.0", "truncate", True, True, True)
        event = Event(
            "op-1/call-0", 1.0, 1, did=Did.INJECTED, origin=Origin.INJECTED, rules=[part], status=200, **fields
        )
        return _step(event, 0.5)

    assert told(tokens_out=40, ended=Ended.CUT).reached
    assert not told().reached


def test_a_hold_that_outlived_the_run_is_a_fault() -> None:
    """A call that a rule held until the end of the run is shown as held, not as spared."""
    part = RulePart("held.0", "hang", True, True, False, "in flight")
    event = Event("op-1/call-0", 1.0, 1, did=Did.SKIPPED, why="in flight", rules=[part], ended=Ended.IN_FLIGHT)
    told = _step(event, 0.5)
    assert (told.injected, told.reached, told.did) == (True, False, "hang")


def test_every_finding_has_a_story_before_any_has_two() -> None:
    """The page tells of a bounded number of operations, and no finding goes without for another's sake."""
    run = made.run()
    many = [{"evidence": [f"op-{10 * place + turn}/call-0" for turn in range(10)]} for place in range(MOST_STORIES - 3)]
    told = stories(run, many)
    assert len(told) == MOST_STORIES
    assert all(f"op-{10 * place}" in told for place in range(MOST_STORIES - 3))
    assert len(stories(run, many[:2])) == 2 * MOST_PER_FINDING
