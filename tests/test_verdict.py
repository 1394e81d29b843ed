"""PASS, FAIL or INCONCLUSIVE, and never a praise that was not earned."""

import json
from dataclasses import replace

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.record import Event, Outcome
from chaosllm.scenario import Role
from chaosllm.verdict import judge

HASTY = made.only_in_storm(lambda number: Operation(tries=[refused(), Try(at=0.02)]))  # major
STORMY = made.only_in_storm(lambda number: Operation(tries=[refused(0.05 * at) for at in range(12)]))  # critical
OBJECTIVES = [
    made.objective("success_rate(storm) >= 95%"),
    made.objective("latency_p95(storm) <= 9 * latency_p95(baseline)"),
    made.objective("retry_amplification(storm) <= 2.5"),
    made.objective("truncated_accepted(storm) == 0"),
    made.objective("time_to_recover <= 10s"),
]
CALM = made.scenario(rules=(), objectives=[made.objective("success_rate(storm) >= 95%")])


def lossy(samples, events):
    """Spoils the join."""
    for at in range(0, len(events), 4):
        events[at] = replace(events[at], operation=None)


def test_a_hardened_app_passes():
    """Objectives met, no finding, every check passed."""
    found = judge(made.run(of=made.scenario(objectives=OBJECTIVES)))
    assert (found["verdict"], found["reasons"], found["findings"], found["fix_first"]) == ("pass", [], [], "")
    assert [one["verdict"] for one in found["objectives"]] == ["pass"] * 5


def test_summary_has_what_the_contract_says():
    """Every key of DESIGN section 6 is there, and the whole is JSON without NaN."""
    found = judge(made.run(STORMY, made.scenario(objectives=OBJECTIVES, hypothesis="It holds.")))
    json.dumps(found, allow_nan=False)
    assert found["schema"] == 1
    assert found["scenario"] == "made-up"
    assert found["seed"] == 7
    assert found["hypothesis"] == "It holds."
    assert set(found["phases"]) == {"warmup", "baseline", "storm", "recovery"}
    assert {"text", "value", "low", "high", "verdict"} <= set(found["objectives"][0])
    assert {"code", "severity", "phase", "count", "advice", "evidence"} <= set(found["findings"][0])
    counts = {"rule": "storm.0", "fault": "rate_limit", "eligible": 4800, "planned": 4800, "fired": 4800}
    counts |= {"delivered": 4800, "capped": 0, "in_flight": 0}
    assert counts.items() <= found["injection"][0].items()
    assert found["time_to_recover"] == 0.0
    assert found["match_rate"] == 1.0
    assert all({"name", "ok", "what", "hint"} == set(one) for one in found["validity"])


@pytest.mark.parametrize(
    ("conduct", "fail_on", "verdict"),
    [
        (STORMY, "critical", "fail"),
        (STORMY, "none", "pass"),
        (HASTY, "critical", "pass"),
        (HASTY, "major", "fail"),
        (HASTY, "none", "pass"),
    ],
)
def test_fail_on_says_which_findings_fail_a_run(conduct, fail_on, verdict):
    """A finding below the line is listed and does not fail the run."""
    objectives = [made.objective("success_rate(storm) >= 95%")]
    found = judge(made.run(conduct, made.scenario(fail_on=fail_on, objectives=objectives)))
    assert found["verdict"] == verdict
    assert found["findings"]


def test_the_worst_finding_comes_first_and_is_what_to_fix():
    """Critical before major, and the last sentence names its fix."""
    found = judge(made.run(STORMY))
    assert [one["severity"] for one in found["findings"]] == ["critical", "major", "minor"]
    assert found["fix_first"].startswith("Failed calls are retried too often.")
    assert "retry_storm (critical) in storm" in found["reasons"][0]


def test_a_failed_objective_fails():
    """With its number in the reasons, and a place to look in the last sentence."""
    bad = made.only_in_storm(lambda number: Operation(Outcome.ERROR if number % 2 else Outcome.GOOD, tries=[refused()]))
    found = judge(made.run(bad, made.scenario(objectives=OBJECTIVES[:1])))
    assert found["verdict"] == "fail"
    assert found["reasons"] == ["success_rate(storm) >= 95%: measured 50%"]
    assert "storm" in found["fix_first"]


def test_an_undecided_objective_is_inconclusive():
    """With what would decide it, as the one thing to do."""
    found = judge(made.run(of=made.scenario(fault=5, objectives=[made.objective("success_rate(storm) >= 99%")])))
    assert found["verdict"] == "inconclusive"
    assert "needs about 268 operations" in found["fix_first"]


def test_a_failed_check_is_inconclusive_and_says_what_to_change():
    """The hint of the check is the one thing to do."""
    found = judge(made.run(meta={"failures": ["boom"]}))
    assert found["verdict"] == "inconclusive"
    assert "boom" in found["reasons"][0]
    assert "report it" in found["fix_first"]


def test_an_undecided_run_is_told_what_would_decide_it():
    """Advice on a finding that does not fail the run would leave it as undecided as before."""
    of = made.scenario(fault=5, objectives=[made.objective("success_rate(storm) >= 99%")])
    found = judge(made.run(HASTY, of))
    assert (found["verdict"], [one["code"] for one in found["findings"]]) == ("inconclusive", ["retry_after_ignored"])
    assert found["fix_first"].startswith("success_rate(storm) >= 99% is undecided: needs about 268 operations")
    assert found["fix_first"].endswith("raise load.rate or the phase's duration.")


def test_names_keep_their_spelling_at_the_start_of_a_sentence():
    """A rule is called storm.0, not Storm.0."""
    assert judge(made.run(made.calm))["fix_first"].startswith("storm.0 (rate_limit): nothing was injected")
    assert judge(made.run(meta={"clock": {"drift": 9.0}}))["fix_first"].startswith("The clock was set")


def test_a_finding_stands_over_a_failed_check():
    """A saturated proxy does not excuse a storm; the doubts are listed too."""
    found = judge(made.run(STORMY, meta={"proxy": {"lag_p99": 1.0}}))
    assert found["verdict"] == "fail"
    assert any("proxy lag" in reason for reason in found["reasons"])


def test_a_finding_of_times_alone_fails_no_run_whose_times_are_spoiled():
    """Answers that are all good and late in the recovery are a busy machine's doing as well as the app's."""
    of, waits = replace(made.scenario(recovery=12, timeout=6.0), fail_on="major"), Operation(seconds=0.8)
    late = made.run(
        lambda number, due, phase: waits if phase.role is Role.RECOVERY else made.hit(number, due, phase), of
    )
    busy = replace(late, meta={**late.meta, "proxy": {"lag_p99": 0.1}})
    assert [(one["code"], one["count"], one["fails"]) for one in judge(late)["findings"]] == [
        ("slow_recovery", 0, True)
    ]
    assert [(one["code"], one["count"], one["fails"]) for one in judge(busy)["findings"]] == [
        ("slow_recovery", 0, False)
    ]
    assert (judge(late)["verdict"], judge(busy)["verdict"]) == ("fail", "inconclusive")


STARVED = {"process": "app", "t": 0.0, "width": 1, "counts": {}, "worst": 0.0}
STARVED |= {"cpu": [0.1] * 75, "lag": [0.0] * 75}


def test_who_waited_for_a_starved_app_fails_no_run():
    """A machine without a core for the app makes users wait as well as the app does; a cut answer it makes none."""
    hangs = made.only_in_storm(lambda number: Operation(Outcome.HANG, seconds=30.0, tries=[refused()]))
    fine = made.run(hangs)
    starved = replace(fine, meta={**fine.meta, "clock": {"t0": 0.0}, "vitals": [STARVED | {"wait": [0.91] * 75}]})
    nearly = replace(starved, meta={**starved.meta, "vitals": [STARVED | {"wait": [0.8] * 75}]})
    for run, fails, verdict in ((fine, True, "fail"), (nearly, True, "fail"), (starved, False, "inconclusive")):
        found = judge(run)
        assert [one["fails"] for one in found["findings"] if one["code"] == "hang"] == [fails]
        assert found["verdict"] == verdict
    assert found["fix_first"].startswith("The app could not get on in 30 of 30 seconds of recovery (at most 2)")
    stormy = made.run(STORMY, meta=starved.meta)
    assert judge(stormy)["verdict"] == "fail"


def test_a_failed_check_spoils_the_objectives_that_rest_on_it():
    """Under a lagging generator latency is undecided, and the success rate still fails."""
    slow = made.only_in_storm(lambda number: Operation(seconds=5.0, tries=[refused()]))
    objectives = [made.objective("latency_p95(storm) <= 2 * latency_p95(baseline)")]
    lag = {"driver": {"lag_p99": 0.2}}
    assert judge(made.run(slow, made.scenario(objectives=objectives)))["verdict"] == "fail"
    spoiled = judge(made.run(slow, made.scenario(objectives=objectives), meta=lag))
    assert spoiled["verdict"] == "inconclusive"
    assert "late" in spoiled["objectives"][0]["why"]
    bad = made.only_in_storm(lambda number: Operation(Outcome.ERROR, tries=[refused()]))
    assert judge(made.run(bad, made.scenario(objectives=OBJECTIVES[:1]), meta=lag))["verdict"] == "fail"


def test_a_broken_join_withholds_what_rests_on_it():
    """Findings by operation are withheld by name, metrics by operation are null, and phase totals stay."""
    found = judge(made.run(STORMY, made.scenario(objectives=[OBJECTIVES[2]]), change=lossy))
    assert found["verdict"] == "inconclusive"
    assert "retry_storm" in found["findings_withheld"]
    assert found["phases"]["storm"]["retry_amplification"] is None
    assert found["phases"]["storm"]["attempts"] == 4800
    assert found["match_rate"] == 0.75


def test_calm_passes_with_nothing_injected():
    """A scenario without rules plans nothing and may pass."""
    found = judge(made.run(made.calm, CALM))
    assert (found["verdict"], found["findings"], found["injection"]) == ("pass", [], [])


def test_calm_past_the_proxy_is_inconclusive():
    """The same run without a call through the proxy shows nothing."""
    found = judge(made.run(made.calm, CALM, change=lambda samples, events: events.clear()))
    assert found["verdict"] == "inconclusive"
    assert "OPENAI_BASE_URL" in found["fix_first"]


@pytest.mark.parametrize("of", [made.scenario(), CALM, made.scenario(fault=0, rules=()), made.scenario(baseline=0)])
@pytest.mark.parametrize("events", [[], [Event("call-0", 30.0, phase="storm"), Event("call-1", 99.0)]])
def test_nothing_is_never_praised(of, events):
    """Without operations no run passes, whatever else is in the folder, and nothing raises."""
    found = judge(join(of, Samples.of([]), events, {}))
    json.dumps(found, allow_nan=False)
    assert found["verdict"] == "inconclusive"


@pytest.mark.parametrize("until", [2.0, 10.0, 30.0, 60.0])
def test_a_run_stopped_anywhere_is_judged_without_a_trace(until):
    """A partial run lists what it saw and does not pass."""
    run = made.run(of=made.scenario(objectives=OBJECTIVES), until=until, meta={"stopped": "interrupted"})
    found = judge(run)
    json.dumps(found, allow_nan=False)
    assert found["verdict"] == "inconclusive"
    assert found["stopped"] == "interrupted"


def test_what_an_early_stop_saw_still_counts():
    """Evidence before the stop fails the run."""
    assert judge(made.run(STORMY, until=40.0, meta={"stopped": "interrupted"}))["verdict"] == "fail"


def test_judging_again_gives_the_same():
    """The verdict is a pure function of the records."""
    first, second = (judge(made.run(HASTY, made.scenario(objectives=OBJECTIVES))) for _ in range(2))
    assert first == second


def test_what_passed_untouched_is_counted():
    """Requests to the providers that are no model call stand in the summary."""
    assert judge(made.run(meta={"proxy": {"unrecognised": 3}}))["unrecognised"] == 3
    assert judge(made.run())["unrecognised"] == 0
