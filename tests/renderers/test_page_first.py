"""The first screen, and a page of a run in which something is missing."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
import rendering_factory as made

from chaosllm.renderers import Material, Step, Story, html
from chaosllm.renderers._page.objectives import plainly
from chaosllm.renderers._stories import MOST_STEPS, MOST_STORIES, stories
from chaosllm.scenario import Role
from chaosllm.verdict import judge


def text(shown: Material) -> str:
    """What the page says, without its tags and its style sheet."""
    page = html.MEMBER.render(shown)
    body = page[page.index("<body>") :]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def first(**fields: Any) -> str:
    """The first screen of a summary."""
    said = text(Material(made.summary(**fields), meta=made.meta()))
    return said[: said.index("Objectives Findings")]  # the links to the sections come after it


def test_how_many_users_and_what_they_got() -> None:
    """All phases under a fault together, the share before, and what came instead of an answer."""
    said = first()
    for line in ("29.7% 89 of 300 operations asked while faults were on; before them 0 of 200", "89 got an error."):
        assert line in said


def test_users_are_told_by_phase_where_there_are_several() -> None:
    """Each phase under a fault stands there in the run's order with its fault, because a second ranking misleads."""
    phases = made.summary()["phases"]
    mild = phases["storm"] | {"success_rate": {"value": 0.9}}
    said = first(phases={"baseline": phases["baseline"], "mild": mild, **phases})
    assert "In phase mild : 30 of 300 In phase storm (rate limit): 89 of 300" in said
    calm = phases["storm"] | {"operations": 10, "success_rate": {"value": 0.9}}
    said = first(phases={**{f"calm{place}": calm for place in range(5)}, **phases})
    assert "In phase calm2 : 1 of 10 In phase storm (rate limit): 89 of 300 In 2 other phases: 2 of 20" in said


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"verdict": "fail"}, "The app did not hold up."),
        ({"verdict": "inconclusive"}, "This run proves nothing yet"),
        ({"verdict": "pass"}, "Under these faults the app met every objective."),
        ({"verdict": "pass", "objectives": []}, "Under these faults nothing was seen that fails a run."),
        ({"verdict": "pass", "injection": []}, "No fault was injected, so this shows only how the app does"),
    ],
)
def test_the_verdict_in_a_sentence(fields: dict[str, Any], said: str) -> None:
    """Nobody needs to know the tool to read the verdict, and a run without faults is not praised."""
    assert said in first(**fields)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        ({"text": "success_rate(storm) >= 95%", "value": 0.703, "unit": "share"},
         "good answers in phase `storm`: 70.3%, at least 95% asked for"),
        ({"text": "time_to_recover <= 30s", "value": 41.0, "unit": "seconds"},
         "time to recover: 41s, at most 30s asked for"),
        ({"text": "truncated_accepted(cut) == 0", "value": 31, "unit": "count"},
         "cut answers accepted in phase `cut`: 31 times, none allowed"),
        ({"text": "time_to_recover <= 30s", "value": None, "unit": "seconds"},
         "time to recover: not measured, at most 30s asked for"),
        ({"text": "what is this", "value": 2.0}, "what is this: 2"),
    ],
)  # fmt: skip
def test_an_objective_in_words(one: dict[str, Any], said: str) -> None:
    """An objective reads without its grammar; one that is not understood stands as it was written."""
    assert plainly(one) == said


def test_the_same_finding_in_other_phases_takes_one_card() -> None:
    """Three cards are three kinds of finding, each with the other phases it was seen in."""
    findings = made.summary()["findings"]
    more = [findings[1] | {"phase": f"p{place}", "count": 5 - place} for place in range(5)]
    said = first(findings=findings + more)
    assert "Also in phases p0 (5 of 31 times), p1 (4 of 31 times), p2 (3 of 31 times), p3 (2 of 31 times) and" in said
    assert "and 1 more phase." in said
    assert said.count("as if it were whole") == 1
    assert "finding hang" in said
    assert "All 9 findings, with their operations" in said


def test_an_undecided_run_says_what_to_change() -> None:
    """Failed checks with their cure, then undecided objectives; and no advice to mend the app first."""
    said = first(verdict="inconclusive", score={"why": "the run could not be judged", "tested": 0, "of": 11})
    assert "What to change, and run again" in said
    assert "Lower the rate." in said
    assert (
        "Latency p95 in phase storm : 2.4s, at most 2 times the latency p95 in phase baseline asked for: undecided"
        in said
    )
    assert "Fix first" not in said
    assert "The run could not be judged" in said


def test_a_pass_without_findings_names_what_was_not_tested() -> None:
    """No finding is no proof for what no fault touched."""
    said = first(verdict="pass", findings=[], validity=[], reasons=[], fix_first="")
    assert "Test what this pass says nothing about: quota, outages." in said
    assert "In doubt" not in said


def whole(**fields: Any) -> str:
    run = made.run(**fields)
    summary = judge(run)
    return text(Material(summary, stories=stories(run, summary["findings"]), meta=run.meta))


@pytest.mark.parametrize("operations", [0, 1, 60])
def test_a_run_of_few_operations_is_whole(operations: int) -> None:
    """Without an operation, with one, and with none under a fault each part stands and says what is missing."""
    said = whole(operations=operations)
    assert "INCONCLUSIVE" in said
    assert "What to change, and run again" in said
    assert "No operation was asked while a fault was on." in said
    assert "No operation was due in" in said


def test_a_run_without_a_baseline_is_whole() -> None:
    """A scenario with nothing but a fault says nothing of a time before it."""
    one = made.scenario()
    phases = tuple(replace(phase, start=0.0) for phase in one.phases if phase.role is Role.FAULT)
    said = whole(of=replace(one, phases=phases))
    assert "while faults were on" in said
    assert "before them" not in said


def test_a_stopped_run_says_so_at_the_top() -> None:
    """Why a run ended early stands in the banner."""
    assert "Stopped early: the budget was spent." in first(stopped="the budget was spent")


def test_without_streaming_its_metrics_say_why_they_are_empty() -> None:
    """What could not be measured is named with its reason, and has no row."""
    said = whole()
    assert "time per token ( tpot ): no operation of storm has a streamed answer" in said


def test_the_largest_page_is_small() -> None:
    """With every finding in every phase and as many long stories as are told, the page leaves room for its charts."""
    step = Step("op-1/call-1", 1.0, 0.1, "openai", "rate_limit/requests, asked to wait 2s", 429, "whole", True)
    told = {
        f"op-{number}": Story(number, "storm", 1.0, "error", 500, "HTTP 500", 9.0, (step,) * MOST_STEPS)
        for number in range(MOST_STORIES)
    }
    ids = [f"op-{number}/call-1" for number in range(20)]
    found = [made.summary()["findings"][place % 4] | {"evidence": ids} for place in range(24 * 8)]
    assert len(html.MEMBER.render(Material(made.summary(findings=found), stories=told)).encode()) < 1_500_000


def test_a_million_operations_make_no_longer_page() -> None:
    """Nothing on the page grows with the number of operations."""
    small, large = made.summary(), made.summary()
    for block in large["phases"].values():
        block |= {"operations": block["operations"] * 10**6, "attempts": block["attempts"] * 10**6}
    pages = [len(html.MEMBER.render(Material(one))) for one in (small, large)]
    assert pages[1] - pages[0] < 500
