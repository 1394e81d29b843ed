"""The score: the worst class of faults counts, what was not tested is said, and a critical finding caps the grade."""

from dataclasses import replace

import pytest
import run_factory as made
from run_factory import Operation, refused

from chaosllm.analysis import measure
from chaosllm.faults.truncate import MEMBER as Truncate
from chaosllm.findings import Finding
from chaosllm.record import Outcome
from chaosllm.registry import members
from chaosllm.scenario import Phase, Role, Rule
from chaosllm.score import CLASSES, score, together
from chaosllm.verdict import judge

BAD = Finding("hang", "critical", "storm", 1, 1, "Title", "sentence", "advice", ())


def failing(share: int, hits: int = 400):
    """Of each 100 operations of the storm so many fail; so many meet the fault."""

    def conduct(number):
        if number - 500 >= hits:
            return Operation()
        outcome = Outcome.ERROR if number % 100 < share else Outcome.GOOD
        return Operation(outcome, tries=[refused()])

    return made.run(made.only_in_storm(conduct))


def test_every_fault_belongs_to_one_class():
    """A fault without a class would never be missed."""
    listed = [fault for faults in CLASSES.values() for fault in faults]
    assert sorted(listed) == sorted(members("faults"))
    assert len(CLASSES) == 11


@pytest.mark.parametrize(("share", "grade"), [(0, "A"), (10, "A"), (20, "B"), (40, "C"), (80, "D"), (100, "D")])
def test_a_class_is_a_hundred_times_its_resilience(share, grade):
    """The storm is 20 of 50 s, and so keeps what was kept there and all of the recovery."""
    run = failing(share)
    found = score(run, [], judged=True)
    value, low, high = found.classes["rate limits"]
    assert value == pytest.approx(100 * measure(run, "resilience", "storm").value)
    assert value == pytest.approx(100 - 0.4 * share, abs=1.5)
    assert low <= value <= high
    assert (found.minimum, found.mean) == (value, value)
    assert found.grade == grade


def test_a_critical_finding_caps_the_grade():
    """However much good service was kept."""
    assert score(failing(0), [BAD], judged=True).grade == "D"
    assert score(failing(0), [replace(BAD, severity="major")], judged=True).grade == "A"


def test_what_was_hardly_met_or_not_judged_has_no_grade():
    """Four hits test nothing, and an undecided run says nothing."""
    thin = score(failing(0, hits=4), [], judged=True)
    assert (thin.classes, thin.grade, thin.minimum) == ({}, "", None)
    assert "met often enough" in thin.why
    assert score(failing(0), [], judged=False).grade == ""


def test_the_minimum_beside_the_mean_and_what_is_missing():
    """Two classes, one kept and one lost: no average hides the zero, and nine classes are listed as not tested."""
    of = made.scenario()
    lost = Phase("cuts", 20, Role.FAULT, (Rule("cuts.0", Truncate()),), of.duration)
    phases = (*of.phases, lost, Phase("after", 10, Role.RECOVERY, (), of.duration + 20))

    def conduct(number, due, phase):
        bad = phase.name == "cuts"
        tries = [refused()] if phase.role is Role.FAULT else None
        if tries and bad:
            tries[0].rule = "cuts.0"
        return Operation(Outcome.ERROR if bad else Outcome.GOOD, **({"tries": tries} if tries else {}))

    found = score(made.run(conduct, replace(of, phases=phases)), [], judged=True)
    assert set(found.classes) == {"rate limits", "truncation"}
    assert found.classes["rate limits"][0] == 100
    assert found.minimum == found.classes["truncation"][0] == pytest.approx(100 / 3)
    assert found.mean == pytest.approx((100 + 100 / 3) / 2)
    assert found.grade == "F"
    told = found.to_json()
    assert (told["tested"], told["of"], len(told["not_tested"])) == (2, 11, 9)


def test_several_runs_together():
    """Of each class the worst, of all runs the first critical finding; one without a grade leaves the whole none."""
    good, bad = score(failing(0), [], judged=True).to_json(), score(failing(80), [], judged=True).to_json()
    both = together([good, bad])
    assert both.minimum == pytest.approx(bad["minimum"])
    assert both.grade == "D"
    assert together([good, score(failing(0), [BAD], judged=True).to_json()]).grade == "D"
    assert "1 of 2 runs" in together([good, score(failing(0), [], judged=False).to_json()]).why


def test_the_summary_has_it():
    """In summary.json, and without a grade where the run was not decided."""
    found = judge(failing(20))["score"]
    assert found["classes"]["rate limits"]["value"] == pytest.approx(92, abs=1.5)
    assert found["grade"]
