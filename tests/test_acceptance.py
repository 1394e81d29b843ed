"""Accepted findings: shown, not failing, until their day has passed; and nothing else is excused."""

from dataclasses import replace
from functools import cache

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.join import join
from chaosllm.scenario import Acceptance
from chaosllm.verdict import judge

STORMY = made.only_in_storm(lambda number: Operation(tries=[refused(0.05 * at) for at in range(12)]))  # critical
HASTY = made.only_in_storm(lambda number: Operation(tries=[refused(), Try(at=0.02)]))  # major


def accept(finding, until="2026-12-31", phase=None):
    return Acceptance(finding, "ana", "APP-1231", until, phase)


def judged(conduct, *accepted, started="2026-11-23T12:00:00+00:00", of=None, spoil=None, **fields):
    scenario = replace(of or made.scenario(**fields), accept=accepted)
    run = made.run(conduct, scenario)
    meta = {key: value for key, value in run.meta.items() if key != "started"} | (
        {"started": started} if started else {}
    )
    events = [event for event in run.events if spoil is None or spoil(event)]
    return judge(join(scenario, run.samples, events, meta))


def codes(found):
    return {one["code"] for one in found["findings"]}


@cache
def shown_by(conduct):
    """What is found of a conduct, judged once."""
    return codes(judged(conduct))


def all_of(conduct, **fields):
    """Every finding of a conduct, accepted."""
    return [accept(code, **fields) for code in shown_by(conduct)]


def test_accepted_findings_do_not_fail():
    """With all that fails a run accepted it passes, and each finding is there with who answers for it."""
    assert judged(STORMY)["verdict"] == "fail"
    found = judged(STORMY, *all_of(STORMY))
    assert (found["verdict"], found["reasons"], found["fix_first"]) == ("pass", [], "")
    assert found["findings"]
    for one in found["findings"]:
        assert one["accepted"] == {"owner": "ana", "reason": "APP-1231", "until": "2026-12-31", "expired": False}


@pytest.mark.parametrize(
    ("started", "verdict"),
    [
        ("2026-12-31T23:59:59+00:00", "pass"),  # the last day counts
        ("2027-01-01T00:00:00+00:00", "fail"),
        (None, "fail"),
        ("", "fail"),
    ],
)
def test_the_day_of_the_run_decides(started, verdict):
    """The day on which the run began is held against the last day; a run without one is past it."""
    found = judged(STORMY, *all_of(STORMY), started=started)
    assert found["verdict"] == verdict
    if verdict == "fail":
        assert all(reason.startswith("accepted by ana until 2026-12-31: expired: ") for reason in found["reasons"])
        assert found["fix_first"]


def test_an_expired_one_does_no_more_than_the_finding():
    """A major finding fails no run that fails on critical ones, whether or not its day has passed."""
    assert judged(HASTY)["verdict"] == "pass"
    assert judged(HASTY, *all_of(HASTY, until="2020-01-01"))["verdict"] == "pass"


def test_of_one_phase_only():
    """An entry for another phase excuses nothing; that of the very phase goes before the one for any."""
    assert judged(STORMY, *all_of(STORMY, phase="recovery"))["verdict"] == "fail"
    assert judged(STORMY, *all_of(STORMY, phase="storm"))["verdict"] == "pass"
    both = [*all_of(STORMY), *all_of(STORMY, phase="storm", until="2020-01-01")]
    assert judged(STORMY, *both)["verdict"] == "fail"


def test_objectives_still_fail():
    """An objective fails the run, also when all it counts is accepted."""
    objective = made.objective("retry_storm(storm) == 0")
    found = judged(STORMY, *all_of(STORMY), objectives=[objective])
    assert found["verdict"] == "fail"
    assert [reason.split(":")[0] for reason in found["reasons"]] == ["retry_storm(storm) == 0"]
    assert "retry_storm(storm) == 0 failed" in found["fix_first"]


def test_doubts_stay():
    """What makes a run inconclusive does so with findings accepted too."""
    doubtful = {"spoil": lambda event: event.phase != "baseline"}
    alone = judged(made.only_in_storm(lambda number: Operation()), **doubtful)
    assert alone["verdict"] == "inconclusive"
    accepted = judged(STORMY, *all_of(STORMY), **doubtful)
    assert accepted["verdict"] == "inconclusive"


def test_lists_can_shrink():
    """Each entry says how many findings it met."""
    found = judged(STORMY, accept("retry_storm"), accept("stack_trace"))
    assert [(row["finding"], row["seen"], row["expired"]) for row in found["accept"]] == [
        ("retry_storm", 1, False),
        ("stack_trace", 0, False),
    ]
