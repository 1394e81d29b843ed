"""What a plan on disk comes to: each step with its scenario as it will run, or with what keeps it from starting."""

import json

import pytest
from scenario_text import SMALL

from chaosllm.adapters.gameday_file import read_day
from chaosllm.errors import ChaosError, Level
from chaosllm.reader import read

SCENARIO = SMALL + "target: {operation: {path: /chat}}\nobjectives: [time_to_recover <= 30s]\n"
PLAN = """\
version: 1
gameday: day
target: {operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}}
upstreams: [{provider: openai, url: simulator}]
load: {rate: 10/s}
steps:
  - {scenario: ../storm.yaml, set: {load.rate: 7/s}, disabled: [storm.0]}
  - {fault: latency, name: slow, with: {first_token: 3s, when: {share: 50%}}}
  - {fault: hang, duration_scale: 0.5, expect: {objectives: ["success_rate(fault) >= 50%"], summary: well}}
stop_when: ["success_rate(last 10s) < 20%"]
"""
TARGET = 'target: {operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}}'


@pytest.fixture
def plan(tmp_path):
    """Writes a plan with these changes beside a scenario; gives its path."""
    (tmp_path / "days").mkdir()
    (tmp_path / "storm.yaml").write_text(SCENARIO)

    def write(*changes, text=PLAN):
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        path = tmp_path / "days" / "day.yaml"
        path.write_text(text)
        return path

    return write


def errors(reading):
    return [(one.where.file.rsplit("/", 1)[-1], one.where.line, one.what) for one in reading.errors]


def test_steps_hold_what_will_run(plan):
    """Each step's scenario has the plan's target and stop conditions in it, and its text reads as the same."""
    reading = read_day(plan(), {})
    assert errors(reading) == []
    storm, slow, hang = reading.day.steps
    assert (storm.scenario.load.rate, storm.scenario.target.operations[0].answer) == (7, "$.answer")
    assert storm.disabled == ("storm.0",)
    for step in reading.day.steps:
        assert [one.text for one in step.scenario.stop_when] == ["success_rate(last 10s) < 20%"]
        assert read(step.as_run).unwrap() == step.scenario
    assert (storm.base.name, slow.base.name) == (storm.base.name, "days")
    assert [(one.name, one.duration, str(one.role)) for one in slow.scenario.phases] == [
        ("baseline", 20, "baseline"), ("fault", 30, "fault"), ("recovery", 20, "recovery"),
    ]  # fmt: skip
    (rule,) = slow.scenario.rules
    assert (rule.name, rule.fault.name, rule.when.share, slow.scenario.load.rate) == ("fault.0", "latency", 0.5, 10)
    assert (hang.scenario.name, hang.scenario.duration, hang.hypothesis) == ("hang", 35, "well")
    assert [one.text for one in hang.scenario.objectives] == ["success_rate(fault) >= 50%"]
    assert reading.day.duration == 210 + 70 + 35


def test_an_objective_is_judged_once(plan):
    """One that is expected and stands in the scenario too is not added again."""
    own = ("disabled: [storm.0]", "expect: {objectives: [time_to_recover <= 30s, success_rate(storm) >= 1%]}")
    (storm, *_) = read_day(plan(own), {}).day.steps
    assert [one.text for one in storm.scenario.objectives] == ["time_to_recover <= 30s", "success_rate(storm) >= 1%"]
    assert storm.expect.objectives == ("time_to_recover <= 30s", "success_rate(storm) >= 1%")


def test_settings_come_last(plan):
    """What the command line sets changes every step, over what the plan says."""
    rates = [one.scenario.load.rate for one in read_day(plan(), {}, ["load.rate=3/s"]).day.steps]
    assert rates == [3, 3, 3]


@pytest.mark.parametrize(("old", "new", "line", "words"), [
    ("first_token: 3s", "first_token: 3", 8, "expected a duration"),
    ("first_token: 3s", "first_tokn: 3s", 8, "unknown key `first_tokn`"),
    ("share: 50%", "share: 50", 8, "expected a percentage"),
    ("when: {share", "match: {provider: opnai}, when: {share", 8, "no upstream fits opnai"),
    ("load.rate: 7/s", "load.rate: 7", 7, "expected a rate"),
    ("load.rate: 7/s", "phases.strom.duration: 7s", 7, "there is no `strom`"),
    ("disabled: [storm.0]", "disabled: [storm.1]", 7, "there is no rule `storm.1`"),
    ("success_rate(fault)", "success_rte(fault)", 9, "there is no metric"),
    ("success_rate(fault)", "success_rate(storm)", 9, "there is no phase"),
    ("success_rate(last 10s) < 20%", "success_rte(last 10s) < 20%", 10, "there is no metric"),
    ("provider: openai", "provider: opnai", 4, "there is no provider `opnai`"),
])  # fmt: skip
def test_a_mistake_of_the_plan_leaves_no_day(plan, old, new, line, words):
    """It is told at its own line, once, whichever step it comes out of."""
    reading = read_day(plan((old, new)), {})
    assert reading.day is None
    (one,) = errors(reading)
    assert one[:2] == ("day.yaml", line)
    assert words in one[2]


def test_a_missing_scenario_leaves_out_its_step(plan):
    """The step says what was probably meant, and the day has the others."""
    reading = read_day(plan(("../storm.yaml", "../strom.yaml")), {})
    storm, slow, _ = reading.day.steps
    assert storm.scenario is None
    assert slow.scenario is not None
    assert storm.error["what"].endswith("day.yaml:7:16: there is no scenario ../strom.yaml")
    assert storm.error["hint"] == "did you mean ../storm.yaml?"
    assert reading.errors == [*storm.problems]
    assert json.dumps(reading.day.to_json())


def test_a_broken_scenario_leaves_out_its_step(plan, tmp_path):
    """Its problems stand at their own places, and count for that step alone."""
    (tmp_path / "storm.yaml").write_text(SCENARIO.replace("40%", "40"))
    reading = read_day(plan(), {})
    assert [one.scenario is None for one in reading.day.steps] == [True, False, False]
    assert errors(reading)[0][0] == "storm.yaml"


@pytest.mark.parametrize(("text", "words"), [
    ("suite: a\nscenarios: [x.yaml]\n", "there is no scenario"),
    (PLAN, "there is no scenario"),
    (SCENARIO + "vary: {load.rate: [5/s, 9/s]}\n", "makes 2 scenarios (small-rate-5-per-s, small-rate-9-per-s)"),
    (SMALL, "`target.operation` is missing"),
])  # fmt: skip
def test_what_is_no_single_scenario(plan, tmp_path, text, words):
    """A suite, a plan, several scenarios or one without a request is a step that cannot start."""
    (tmp_path / "storm.yaml").write_text(text)
    reading = read_day(plan((TARGET, "target: {}"), ("\n  - {fault: latency", "\n#"), ("\n  - {fault: hang", "\n#"),
                            ("load.rate: 7/s", "seed: 3")), {})  # fmt: skip
    (step,) = reading.day.steps
    assert words in step.error["what"]
    if "vary" in text:
        assert step.error["hint"] == "choose it, such as set: {load.rate: 5/s}"


def test_variables_stay_names(plan, tmp_path):
    """One that is not set keeps a step from starting; one of a webhook is warned of; no value is in any text."""
    secret = (TARGET, TARGET.replace("path: /chat", 'path: /chat, headers: {x: "${env:APP_TOKEN}"}'))
    pager = ("stop_when", 'page: [{webhook: "${env:PAGER_URL}"}]\nstop_when')
    reading = read_day(plan(secret, pager), {})
    assert [one.scenario for one in reading.day.steps] == [None] * 3
    assert "APP_TOKEN is not set" in reading.day.steps[1].error["what"]
    assert any("nobody is paged" in one.what and one.level is Level.WARNING for one in reading.problems)
    environ = {"APP_TOKEN": "s3cr3t-value", "PAGER_URL": "https://hooks.test/s3cr3t"}
    found = read_day(plan(secret, pager, text=PLAN), environ)
    assert errors(found) == []
    assert "s3cr3t" not in found.day.source + "".join(one.as_run for one in found.day.steps) + repr(found.day)
    assert all(one.scenario for one in read_day(plan(secret, text=PLAN), None).day.steps)


def test_another_app_drops_what_starts_the_old_one(plan, tmp_path):
    """A URL of the plan's comes without the scenario's `start`, and its operation without the scenario's several."""
    (tmp_path / "storm.yaml").write_text(
        SMALL + "target: {start: {command: [x]}, operations: [{name: a, path: /a}, {name: b, path: /b}], timeout: 9s}\n"
    )
    reading = read_day(plan((TARGET, TARGET.replace("{operation", "{url: 'http://127.0.0.1:9', operation"))), {})
    target = reading.day.steps[0].scenario.target
    assert (target.url, target.start, len(target.operations), target.timeout) == ("http://127.0.0.1:9", None, 1, 9)


def test_a_time_box_that_is_too_small(plan):
    """It is warned of at its line."""
    reading = read_day(plan(("load:", "time_box: 1m\nload:")), {})
    assert [(one.where.line, one.level) for one in reading.problems if "time box" in one.what] == [(5, Level.WARNING)]


def test_a_plan_that_is_not_there(tmp_path):
    """It is no reading but an error, as of a scenario."""
    with pytest.raises(ChaosError, match="cannot be read"):
        read_day(tmp_path / "none.yaml", {})
