"""Attached runs: what the proxy's records tell is judged, what users got is unknown and never well."""

from __future__ import annotations

import attached_factory as attached
import pytest
import run_factory as made

from chaosllm import registry
from chaosllm.analysis import measure
from chaosllm.record import Outcome
from chaosllm.sources import REMEDY
from chaosllm.verdict import judge

OF_CALLS = made.scenario(objectives=[made.objective("retry_amplification(storm) <= 4")])
OF_USERS = made.scenario(objectives=[made.objective("success_rate(storm) >= 50%")])
OF_FINDINGS = made.scenario(objectives=[made.objective("hang == 0"), made.objective("retry_after_ignored == 0")])


def impatient(number: int) -> made.Operation:
    """Asks again at once, twelve times, whatever it was asked to wait."""
    return made.Operation(Outcome.ERROR, tries=[made.refused(at=0.02 * at) for at in range(12)])


def test_what_users_got_is_unknown_and_never_zero() -> None:
    """Each metric that needs users is None with the way to know it; none is 0."""
    run = attached.run()
    for name, member in registry.members("metrics").items():
        if getattr(member, "sees", "answers") != "calls":
            found = measure(run, name, None if member.whole_run else "storm")
            assert found.value is None and REMEDY in found.why, name


def test_what_calls_tell_is_as_in_a_driven_run() -> None:
    """Attempts, pauses and money are those that a driver's run of the same records shows."""
    driven, run = made.run(made.hit), attached.run()
    for name in ("attempts", "retry_amplification", "retry_after_honoured", "spend", "backoff_cv", "synchronisation"):
        assert measure(run, name, "storm").value == measure(driven, name, "storm").value, name


@pytest.mark.parametrize("by", ["trace", "sdk"])
def test_findings_of_calls_are_raised(by: str) -> None:
    """Ignored Retry-After and a storm are seen in the calls alone, by trace id or by the SDK's count."""
    codes = {one["code"] for one in judge(attached.run(made.only_in_storm(impatient), by=by))["findings"]}
    assert {"retry_after_ignored", "retry_storm"} <= codes


def test_a_grave_finding_fails_the_run() -> None:
    """FAIL needs no users: the finding has its evidence."""
    summary = judge(attached.run(made.only_in_storm(impatient)))
    assert summary["verdict"] == "fail" and summary["source"] == "attached"


def test_nothing_seen_is_no_pass() -> None:
    """Without an objective that calls decide, a run in which nothing was seen is INCONCLUSIVE."""
    for of in (None, OF_USERS):
        summary = judge(attached.run(of=of))
        assert summary["verdict"] == "inconclusive"
        assert any(REMEDY in (row["hint"] + row["what"]) for row in summary["validity"] if not row["ok"])


def test_objectives_on_calls_can_pass() -> None:
    """A run whose objectives all rest on calls, with its injection proven, passes for what it looked at."""
    summary = judge(attached.run(of=OF_CALLS))
    assert summary["verdict"] == "pass", summary["reasons"]
    assert summary["score"]["grade"] == "" and summary["score"]["minimum"] is None
    assert "truncated_accepted" in summary["findings_unknown"]


def test_no_injection_is_no_pass() -> None:
    """The same with no fault delivered is INCONCLUSIVE (law 4)."""
    assert judge(attached.run(made.calm, OF_CALLS))["verdict"] == "inconclusive"


def test_an_absent_finding_that_nobody_looked_for_is_undecided() -> None:
    """`hang == 0` is not met by silence."""
    rows = {row["metric"]: row for row in judge(attached.run(of=OF_FINDINGS))["objectives"]}
    assert rows["hang"]["verdict"] == "inconclusive" and REMEDY in rows["hang"]["why"]
    assert rows["retry_after_ignored"]["verdict"] == "pass"


def test_calls_that_nothing_tells_apart_withhold_findings() -> None:
    """Without trace ids, counts or telling bodies, retries are unknown, and the run says what to do."""
    summary = judge(attached.run(made.only_in_storm(impatient), OF_CALLS, by="nothing"))
    assert summary["verdict"] == "inconclusive"
    assert "retry_after_ignored" in summary["findings_withheld"]
    assert any(row["name"] == "match rate" and "traceparent" in row["hint"] for row in summary["validity"])


def test_phases_have_no_operations() -> None:
    """A phase tells calls and the requests they show, not operations or outcomes."""
    phase = judge(attached.run())["phases"]["storm"]
    assert phase["operations"] is None and phase["outcomes"] == {}
    assert phase["requests"] == 400 and phase["failed_calls"] == 400


def test_a_stopped_run_is_judged_as_far_as_it_came() -> None:
    """Ctrl-C keeps what was recorded, and says how far it came."""
    run = attached.run(stopped="interrupted", clock={"t0": 1.0, "t0_unix": attached.T0, "ended": 40.0})
    summary = judge(run)
    assert run.end == 40.0 and summary["verdict"] == "inconclusive"
    assert any("Ctrl-C" in reason for reason in summary["reasons"])


def test_no_call_at_all_says_where_to_point_the_app() -> None:
    """An app that never called gets the variables it must set."""
    run = attached.run()
    run.events.clear()
    summary = judge(attached.join(run.scenario, attached.Samples.of(()), [], attached.meta([])))
    assert summary["verdict"] == "inconclusive"
    assert any("OPENAI_BASE_URL" in row["hint"] for row in summary["validity"] if row["name"] == "traffic")
