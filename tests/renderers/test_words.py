import unicodedata

import pytest
from hostile import HOSTILE

from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words


@pytest.mark.parametrize("text", HOSTILE)
def test_clean_leaves_no_control(text):
    """No escape, control or direction-changing character outlives `clean`, and the text stays short."""
    found = words.clean(text)
    assert len(found) <= words.LONGEST
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs") for char in found)
    found.encode("utf-8")


def test_clean_removes_whole_escapes():
    """An escape goes with its parameters, so that no `[31m` is left behind."""
    assert words.clean("\x1b[31mred\x1b[0m \x1b]0;title\x07text \x1b]8;;u\x1b\\link") == "red text link"


def test_clean_lines_keeps_shape():
    """A scenario shown as it is keeps its lines and their indentation."""
    assert words.clean_lines("a:\n  b: \x1b[1mc\n") == "a:\n  b: c"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.0, "100%"),
        (0.9999, "99.99%"),
        (1 - 1e-9, ">99.9%"),
        (0.0, "0%"),
        (0.0001, "0.01%"),
        (1e-9, "<0.1%"),
        (0.953, "95.3%"),
        (None, "—"),
        (float("nan"), "—"),
    ],
)
def test_share_never_rounds_to_perfect(value, said):
    """A share that is not whole never reads as 100 % or 0 %."""
    assert words.share(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(1, "1"), (1.584, "1.58"), (18.93, "18.9"), (1240.4, "1,240"), (True, "—")]
)
def test_plain(value, said):
    """Small numbers keep two decimals, large ones none."""
    assert words.plain(value) == said


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("success_rate(storm) >= 95%", "share"),
        ("latency_p95(storm) <= 2s", "seconds"),
        ("time_to_recover <= 30s", "seconds"),
        ("retry_amplification(storm) <= 1.5", ""),
        ("truncated_accepted(storm) == 0", ""),
    ],
)
def test_unit_of(text, unit):
    """A metric's name tells how its value is spelled where the summary does not."""
    assert words.unit_of(text) == unit


def test_worst_first():
    """Findings stand in the order of severity, then of how often they were seen."""
    found = words.worst(
        [
            {"code": "b", "severity": "minor", "count": 900},
            {"code": "a", "severity": "critical", "count": 2},
            {"code": "c", "severity": "critical", "count": 30},
            {"code": "d", "severity": "unheard of", "count": 1},
        ]
    )
    assert [item["code"] for item in found] == ["c", "a", "b", "d"]


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ({"verdict": "pass"}, "It held."),
        ({"verdict": "fail", "objectives": [{"verdict": "fail"}, {"verdict": "pass"}]}, "1 of 2 objectives failed"),
        ({"verdict": "fail", "objectives": [{"verdict": "pass"}]}, "though no objective failed"),
        ({"verdict": "inconclusive"}, "cannot tell"),
        ({}, "cannot tell"),
    ],
)
def test_held(summary, said):
    """What is said of the hypothesis follows from verdict and objectives, and never claims more."""
    assert said in words.held(summary)


def test_impact_counts_users():
    """Users without a good answer are told of all fault phases beside the baseline's, then of each where several."""
    calm = {"role": "baseline", "operations": 100, "success_rate": {"value": 1.0}}
    storm = {"role": "fault", "operations": 200, "success_rate": {"value": 0.75}}
    said = "50 of 200 operations (25%) got no good answer while faults were on; before them 0 of 100."
    assert users.impact({"phases": {"baseline": calm, "storm": storm}}) == [said]
    whole = {"role": "fault", "operations": 200, "success_rate": {"value": 1.0}}
    two = {"phases": {"storm": storm, "whole": whole}, "injection": [{"rule": "storm.0", "fault": "rate_limit"}]}
    assert users.impact(two) == [
        "50 of 400 operations (12.5%) got no good answer while faults were on.",
        "In phase `storm` (rate limit): 50 of 200.",
        "In phase `whole`: 0 of 200.",
    ]
    assert users.impact(two | {"source": "attached"}) == []


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            {"classes": {"quota": {"value": 54}, "truncation": {"value": 32}}, "minimum": 32, "grade": "F",
             "capped_by": "hang", "tested": 2, "of": 11},
            "Score 32 of 100 (grade F): the lowest of truncation 32, quota 54; 9 other classes "
             "of faults were not tested",
        ),
        (  # the cap is told where it costs a grade, not where the score alone earns no better one
            {"classes": {"quota": {"value": 90}}, "minimum": 90, "grade": "D", "capped_by": "hang"},
            "Score 90 of 100 (grade D): that of quota; a critical finding (hang) caps the grade at D",
        ),
        (
            {"classes": {"quota": {"value": 54}}, "minimum": 54, "why": "1 of 2 runs have none", "tested": 1, "of": 2},
            "Score 54 of 100 (no grade: 1 of 2 runs have none): that of quota; 1 other class of faults was not tested",
        ),
        ({"classes": {}, "minimum": None}, ""),
        (None, ""),
    ],
)  # fmt: skip
def test_the_score_says_what_it_is_of(found, said):
    """A score names the classes it is the lowest of, what holds its grade down, and how much it leaves out."""
    assert users.score(found) == said


def test_injected_says_what_was_held_back():
    """Capped and open injections are told, and only when there are any."""
    row = {"planned": 10, "delivered": 7, "capped": 2, "in_flight": 1}
    assert words.injected([row]) == "injected 7 of 10 planned (2 held back by limits, 1 still in flight at the end)"
    assert words.injected([]) == "injected 0 of 0 planned"


def test_fix_first_of_an_unjudged_run_is_what_spoils_it():
    """An inconclusive run says first what makes it conclusive."""
    summary = {
        "verdict": "inconclusive",
        "validity": [{"ok": True, "hint": "no"}, {"ok": False, "hint": "Lower the rate."}],
        "findings": [{"code": "hang", "severity": "critical", "advice": "Set a timeout."}],
    }
    assert words.fix_first(summary) == "Lower the rate."
    assert words.fix_first(summary | {"verdict": "fail"}) == "Set a timeout."
    assert words.fix_first({"verdict": "pass"}) == ""


def test_unrecognised_traffic_is_told():
    """What passed untouched is told, and only when there is any."""
    said = "3 requests to the providers passed untouched: no model call that we know"
    assert words.unrecognised({"unrecognised": 3}) == said
    assert words.unrecognised({"unrecognised": 0}) == words.unrecognised({}) == ""
