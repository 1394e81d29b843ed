"""What a team expected, held against what a run showed."""

import pytest

from chaosllm.errors import Level, Problem, Where
from chaosllm.gameday import Expect, GameDay, Step, as_expected, differences

STORM = {"code": "retry_storm", "severity": "critical", "phase": "storm"}
HANG = {"code": "hang", "severity": "major", "phase": "storm"}
KNOWN = {"code": "no_jitter", "severity": "minor", "phase": "storm", "accepted": {"owner": "ana", "expired": False}}
GOOD = {"text": "success_rate(storm) >= 95%", "verdict": "pass", "unit": "share", "value": 0.97}


def summary(verdict="pass", findings=(), objectives=(GOOD,), **more):
    return {"verdict": verdict, "findings": [*findings], "objectives": [*objectives], "reasons": []} | more


@pytest.mark.parametrize(("expect", "seen", "told"), [
    (Expect("pass", ()), summary(), []),
    (Expect("pass"), summary("fail", reasons=["hang (critical)"]), ["expected PASS, saw FAIL: hang (critical)"]),
    (Expect("pass", ()), summary("fail", [HANG, STORM], reasons=["hang (major) in storm: 9 of 9", "2 more"]),
     ["expected PASS and no findings, saw FAIL: hang (major) in storm: 9 of 9",
      "expected no findings, saw retry_storm (critical)"]),
    (Expect("pass", ("hang",)), summary("fail", [HANG], reasons=["hang (major) in storm"]),
     ["expected PASS, saw FAIL: hang (major) in storm"]),
    (Expect("fail"), summary(), ["expected FAIL, saw PASS"]),
    (Expect(findings=()), summary(findings=[STORM]), ["expected no findings, saw retry_storm (critical)"]),
    (Expect(findings=()), summary(findings=[KNOWN]), []),
    (Expect(findings=()), summary(findings=[KNOWN | {"accepted": {"expired": True}}]),
     ["expected no findings, saw no_jitter (minor)"]),
    (Expect(findings=("hang",)), summary(findings=[HANG, HANG | {"phase": "recovery"}]), []),
    (Expect(findings=("hang",)), summary(findings=[STORM]),
     ["expected nothing but hang, saw retry_storm (critical)", "expected hang, did not see it"]),
    (Expect(findings=("hang",)), summary(findings_withheld=["hang"]),
     ["expected hang, which could not be looked for: calls could not be matched to operations"]),
    (Expect(findings=None, verdict="pass"), summary(findings=[HANG]), []),
    (Expect(objectives=(GOOD["text"],)), summary(), []),
    (Expect(objectives=(GOOD["text"],)), summary("fail", objectives=[GOOD | {"verdict": "fail", "value": 0.41}]),
     ["expected success_rate(storm) >= 95%, measured 41%"]),
    (Expect(objectives=("a(b) < 1s",)), summary(), ["expected a(b) < 1s, which was not judged"]),
    (Expect(objectives=("a(b) < 1s",)), summary(objectives=[{"text": "a(b) < 1s", "verdict": "fail", "unit": "seconds",
     "value": 1.5}]), ["expected a(b) < 1s, measured 1.5s"]),
    (Expect(summary="in words"), summary("fail", findings=[STORM]), []),
    (Expect("pass", ()), {}, ["expected PASS, saw NO VERDICT"]),
])  # fmt: skip
def test_differences(expect, seen, told):
    """Each thing that differs is told in a sentence, and nothing else is."""
    assert differences(expect, seen) == told
    if expect and seen:
        assert as_expected(expect, seen) is (not told)


def test_an_inconclusive_run_decides_nothing():
    """It is neither as expected nor otherwise, and says what is undecided."""
    open_one = GOOD | {"verdict": "inconclusive", "why": "too few operations"}
    seen = summary("inconclusive", objectives=[open_one])
    assert as_expected(Expect("pass", objectives=(GOOD["text"],)), seen) is None
    assert differences(Expect(objectives=(GOOD["text"],)), seen) == [
        "expected success_rate(storm) >= 95%, which is undecided: too few operations"
    ]


def test_nothing_expected_is_nothing_to_meet():
    """Words alone, and no words, are never as expected and never otherwise."""
    assert as_expected(Expect(summary="users get the fallback"), summary("fail")) is None
    assert not Expect(summary="users get the fallback")


@pytest.mark.parametrize("expect", [
    Expect(), Expect("pass", (), ("a(b) < 1",), "words"), Expect("fail", ("hang", "no_retry"))
])  # fmt: skip
def test_expectations_are_kept(expect):
    """What day.json holds of an expectation reads back as the same."""
    assert Expect.from_json(expect.to_json()) == expect


def test_expectations_in_words():
    """All of it in one line."""
    whole = Expect("pass", (), ("a(b) < 1",), "all is well")
    assert whole.words() == "all is well; verdict PASS; no findings; a(b) < 1"
    assert Expect(findings=("hang",)).words() == "findings: hang"
    assert Expect().words() == ""


def test_a_step_that_cannot_start():
    """It says its first error, and how many more there are; warnings are none."""
    step = Step(1, "storm", "scenario", "../storm.yaml", Where("p.yaml", 3, 5))
    assert step.error == {"what": "../storm.yaml was not read", "hint": ""}
    late = Problem(Where("s.yaml", 1, 1), "late", level=Level.WARNING)
    wrong = Problem(Where("s.yaml", 2, 3), "wrong", "mend it")
    step = Step(1, "storm", "scenario", "../storm.yaml", Where("p.yaml", 3, 5), problems=(late, wrong, wrong))
    assert step.error == {"what": "s.yaml:2:3: wrong (and 1 more)", "hint": "mend it"}
    day = GameDay("a", (step,), time_box=60)
    assert (day.duration, day.to_json()["steps"][0]["error"]) == (0, step.error)
