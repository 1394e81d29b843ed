"""What a game day came to: told in order, each thing once, with the steps' own numbers, whatever the record lacks."""

from __future__ import annotations

import json
import random
from typing import Any

import gameday_factory as made
import pytest
from hostile import HOSTILE

from chaosllm.chronicle import Moment, chronicle, shortened
from chaosllm.post_mortem import PostMortem, post_mortem


def told(*steps: dict[str, Any], events: Any = (), summaries: Any = None, **fields: Any) -> PostMortem:
    known = {one["number"]: made.passed() for one in steps} if summaries is None else summaries
    return post_mortem(made.day(*steps, **fields), [*events], known)


def test_a_day_as_expected() -> None:
    """Every step was run to its end and showed what was written down before."""
    found = told(made.step(1, "storm"), made.step(2, "slow"))
    assert (found.outcome, found.damaged, found.actions) == ("expected", (), ())
    assert [one.seen for one in found.steps] == ["verdict PASS; no findings"] * 2
    assert found.questions[0].answers[0].startswith("Step 1 (storm) went as expected: users notice nothing")


def test_what_surprised() -> None:
    """A verdict and findings that nobody expected, held against the summary again and not taken from day.json."""
    found = told(made.step(1, "storm"), summaries={1: made.summary()})
    (step,) = found.steps
    assert (found.outcome, step.expected_so, step.verdict) == ("surprised", False, "fail")
    assert step.differences[0].startswith("expected PASS and no findings, saw FAIL: truncated_accepted (critical)")
    assert "expected no findings, saw hang (critical)" in step.differences
    assert sum("truncated_accepted" in one for one in step.differences) == 1
    assert "Step 1 (storm): expected no findings, saw hang (critical)." in found.questions[1].answers


def test_users_as_in_the_report() -> None:
    """What users felt is that of summary.json, before, during and after; the warm-up is left out."""
    (step,) = told(made.step(1, "storm"), summaries={1: made.summary()}).steps
    assert [(one.phase, one.when, one.success, one.p95) for one in step.felt] == [
        ("baseline", "before", 1.0, 0.61), ("storm", "during", 0.703, 2.4), ("recovery", "after", 0.993, 0.62),
    ]  # fmt: skip


def test_actions_each_once_and_the_gravest_first() -> None:
    """Advice on findings, a rollback that failed, a step to run again; what is accepted needs nothing."""
    kept = {"owner": "Ada", "until": "2027-01-01", "reason": "known", "expired": False}
    rows = [dict(row, **({"accepted": kept} if row["code"] == "error_leaked" else {}))
            for row in made.summary()["findings"]]  # fmt: skip
    bad = [{"check": "/healthz answers 200", "ok": False, "text": "HTTP 500"}]
    error = {"what": "no such file", "hint": "write it"}
    gone = made.step(3, "gone", status="failed", folder=None, error=error)
    steps = [made.step(1, "storm", rollback=bad), made.step(2, "slow", rollback=bad), gone]
    found = told(*steps, summaries={1: made.summary(findings=rows), 2: made.passed(), 3: None})
    whats = [one.what for one in found.actions]
    assert len(set(whats)) == len(whats)
    assert whats[0] == "Check the finish reason and the end event before you show an answer."
    assert "Show your own words, never the provider's." not in whats
    again = next(one for one in found.actions if one.what.startswith("Make the app come back"))
    assert "after step 1 (storm)" in again.because
    assert "after step 2 (slow)" in again.because
    assert ("Make step 3 (gone) run, and run it again", "no such file. write it") in [
        (one.what, one.because) for one in found.actions
    ]


def test_what_decided_nothing_is_run_again() -> None:
    """It surprises nobody, and what it expects needs no correction; a finding that came with it still does."""
    lag = made.passed() | {"verdict": "inconclusive", "reasons": ["proxy lag: the proxy was 63ms late"]}
    found = told(made.step(1, "cut"), summaries={1: lag})
    assert [one.what for one in found.actions] == ["Run step 1 (cut) again so that it decides"]
    assert found.questions[1].answers == ()
    hung = told(made.step(1, "cut"), summaries={1: lag | {"findings": made.summary()["findings"][:1]}})
    assert any("expected no findings, saw" in one for one in hung.questions[1].answers)


def test_a_killed_day() -> None:
    """Without an end it says so, names what was under way and what was never begun, and promises nothing."""
    blank = {"ended": None, "verdict": None, "as_expected": None}
    under_way = made.step(2, "slow", status="running", **blank)
    never = made.step(3, "last", status="waiting", approved=None, began=None, folder=None, **blank)
    found = told(made.step(1, "storm"), under_way, never, ended=None, summaries={1: made.passed(), 2: None, 3: None})
    assert found.outcome == "undecided"
    assert any("no end" in one for one in found.damaged)
    assert any("step 2 (slow) has no end" in one for one in found.damaged)
    assert [one.seen for one in found.steps[1:]] == ["not finished", "not begun"]


def test_a_step_that_was_stopped_decides_nothing() -> None:
    """As the day itself had it: who stopped it is told, and the differences stay."""
    stop = {"kind": "command", "text": "enough", "who": "console:Ada", "t": 30.0}
    told_of = made.summary() | {"stopped": "command", "stop": stop}
    found = told(made.step(1, "storm", status="stopped"), summaries={1: told_of}, stopped=stop | {"at": made.T0})
    (step,) = found.steps
    assert (step.expected_so, step.stopped, found.stopped) == (None, *["by console:Ada: enough"] * 2)
    assert any("what would have come is not known" in one for one in found.questions[2].answers)


# Timeline ----------------------------------------------------------------------------------------


def texts(moments: list[Moment]) -> list[str]:
    return [one.text for one in moments]


def test_the_timeline_in_order_and_each_once() -> None:
    """Day and step have the same events in their logs; approvals and steps are those of day.json."""
    events = [
        made.event(1, "approval", 590, step=1), made.command(2, "approve", 599, args={"step": 1}),
        made.event(3, "step", 600, step=1, status="running"), made.event(4, "phase", 610, phase="storm"),
        made.command(5, "share", 615, args={"rule": "storm.0", "share": "60%"}, result="storm.0 strikes 60%"),
        made.command(6, "disable", 616, ok=False, result={"what": "no rule `x`", "hint": "did you mean `y`?"}),
        made.command(7, "note", 617, args={"text": "odd"}), made.event(8, "note", 617, who="console:Ada", text="odd"),
        made.event(9, "finding", 620, code="hang", severity="critical", phase="storm", count=1, title="Users hang"),
        made.event(10, "finding", 621, code="hang", severity="critical", phase="storm", count=9, title="Users hang"),
        made.event(11, "stop", 630, who="console:Ada", kind="command", text="enough"),
        made.event(12, "stop", 630, who="console:Ada", kind="command", text="enough"),
        made.event(13, "step", 671, step=1, status="stopped"),
    ]  # fmt: skip
    twice = [one | {"in_step": 1} for one in events[3:11]]
    day = made.day(made.step(1, "storm", status="stopped"), stopped={"kind": "command", "text": "enough", "at": 1})
    found = chronicle(day, [*events, *twice])
    assert texts(found) == [
        "step 1 (storm) waits for approval",
        "step 1 (storm) is approved for the role lead",
        "step 1 (storm) begins",
        "phase storm begins",
        "share storm.0 60%: storm.0 strikes 60%",
        "disable: refused: no rule `x` (did you mean `y`?)",
        "odd",
        "hang (critical) is seen in storm: Users hang",
        "enough",
        "step 1 (storm) ends: PASS, stopped early, as expected",
        "after step 1 (storm) the app is well again: /healthz answers 200",
    ]
    assert {one.kind: one.who for one in found if one.who} == {
        "approval": "console:Ada", "command": "console:Ada", "refused": "console:Ada", "note": "console:Ada",
        "stop": "console:Ada",
    }  # fmt: skip
    assert {one.step for one in found} == {1}


def test_what_is_seen_at_judging_comes_before_the_end_of_its_step() -> None:
    """It says that it was seen then; records that end a step a moment before its judging are told the same."""
    seen: dict[str, Any] = {"severity": "critical", "phase": "storm", "count": 1, "title": "Users hang"}
    events = [
        made.event(1, "step", 600, step=1, status="running"),
        made.event(2, "finding", 620, code="hang", provisional=True, **seen),
        made.event(3, "finding", 670.2, code="no_retry", provisional=False, **seen),
        made.event(4, "step", 670.3, step=1, status="done"),
    ]
    assert texts(chronicle(made.day(made.step(1, "storm")), events))[2:] == [
        "hang (critical) is seen in storm: Users hang",
        "no_retry (critical) is seen in storm when it is judged: Users hang",
        "step 1 (storm) ends: PASS, as expected",
        "after step 1 (storm) the app is well again: /healthz answers 200",
    ]


def test_a_step_that_was_ended_early() -> None:
    """It ran, and so is not told as one that was left out."""
    events = [
        made.event(1, "step", 600, step=1, status="running"),
        made.event(2, "step", 640, step=1, status="skipped"),
    ]
    day = made.day(made.step(1, "storm", status="skipped", verdict="fail", as_expected=None))
    assert [one for one in texts(chronicle(day, events)) if "approved" not in one][:2] == [
        "step 1 (storm) begins", "step 1 (storm) ends: FAIL, ended early",
    ]  # fmt: skip


def test_a_page_that_did_not_arrive() -> None:
    """It is told once, and somebody is to mend it."""
    lost = {"at": made.T0, "to": "pager.example", "why": "stop", "ok": False, "what": "HTTP 500"}
    found = told(made.step(1, "storm"), pages=[lost], events=[made.event(1, "page", to="x", why="stop", ok=False)])
    assert texts([one for one in found.moments if one.kind == "page"]) == [
        "pager.example could NOT be paged: stop (HTTP 500)"
    ]
    assert [one.what for one in found.actions] == ["Mend the webhook, and page somebody as a test"]


def test_a_log_without_day_json_tells_of_steps_too() -> None:
    """A day.json that knows nothing of a step leaves it to the log."""
    bare = {"number": 1, "name": "storm"}
    events = [made.event(1, "step", 5, step=1, status="running"), made.event(2, "step", 9, step=1, status="done")]
    assert texts(chronicle(made.day(bare), events)) == ["step 1 (storm) begins", "step 1 (storm) ends: no verdict"]


def test_what_matters_most_is_kept() -> None:
    """Of a timeline that is too long a stop and the steps stay, in their order."""
    many = [Moment(float(n), "warning", str(n)) for n in range(50)]
    many[10], many[40] = Moment(10.0, "stop", "stop"), Moment(40.0, "step", "step")
    shown, left = shortened(many, 3)
    assert (texts(shown), left) == (["0", "stop", "step"], 47)


# Damage ------------------------------------------------------------------------------------------

ODD = (None, True, -1, 1e308, float("nan"), "", "x", [], {}, [None], {"a": 1}, [[]], {"what": []}, *HOSTILE[:6])


@pytest.mark.parametrize("seed", range(150))
def test_a_record_that_was_made_up(seed: int) -> None:
    """Whatever stands in day.json, the log and the summaries: a post-mortem, and never a traceback."""
    chance = random.Random(seed)
    stop = {"kind": "command", "text": "x", "who": "y", "at": 3}
    day = made.day(made.step(1, "storm"), made.step(2, "slow", error={"what": "a", "hint": "b"}), stopped=stop,
                   pages=[{"at": 1, "to": "a", "why": "b", "ok": True}])  # fmt: skip
    events: Any = [
        made.command(1, "share", args={"rule": "storm.0", "share": 0.4}), made.event(2, "finding", code="x"),
        made.event(3, "step", step=1, status="running"), made.event(4, "stop", kind="x", text="y"),
    ]  # fmt: skip
    whole: Any = json.loads(json.dumps({"day": day, "events": events, "s": {"1": made.summary(), "2": made.passed()}}))
    for _ in range(chance.choice((1, 3, 8))):
        _spoil(whole, chance)
    parts = [whole[name] for name in ("day", "events", "s")]
    days, logs, summaries = (part if isinstance(part, kind) else kind() for part, kind in
                             zip(parts, (dict, list, dict), strict=True))  # fmt: skip
    found = post_mortem(
        days,
        [one for one in logs if isinstance(one, dict)],
        {int(name): one if isinstance(one, dict) else None for name, one in summaries.items() if name in "12"},
    )
    assert found.to_json()["kind"] == "post-mortem"


def _spoil(value: Any, chance: random.Random) -> None:
    """One value somewhere inside becomes an odd one."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = chance.choice(keys)
        if not isinstance(value[key], dict | list) or not value[key] or chance.random() < 0.2:
            value[key] = chance.choice(ODD)
            return
        value = value[key]
