"""The JUnit file and GitHub's annotations: what a CI system is told of a run, and that it cannot be misled."""

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
import rendering_factory as made

from chaosllm import registry
from chaosllm.errors import Where
from chaosllm.renderers import Material, junit, plain
from chaosllm.renderers._annotations import annotation, lines
from chaosllm.scenario import Comparator, Objective
from chaosllm.verdict import judge

FAILS = Objective(
    "success_rate(storm) >= 95%", "success_rate", "storm", Comparator.GE, 0.95, where=Where("my.yaml", 30, 5)
)
OPEN = Objective("latency_p99(storm) <= 2s", "latency_p99", "storm", Comparator.LE, 2.0, where=Where("--set", 1, 1))
HOLDS = Objective("hang_rate(baseline) <= 5%", "hang_rate", "baseline", Comparator.LE, 0.05)


def scenario():
    found = made.scenario(objectives=(FAILS, OPEN, HOLDS))
    phases = [
        replace(phase, rules=tuple(replace(rule, where=Where("my.yaml", 20, 9)) for rule in phase.rules))
        for phase in found.phases
    ]
    return replace(found, phases=tuple(phases))


@pytest.fixture(scope="module")
def summary():
    return judge(made.run(scenario()))


def cases(text):
    root = ET.fromstring(text)
    return root, {(case.get("classname"), case.get("name")): case for case in root.iter("testcase")}


def test_a_case_for_each_objective_and_finding(summary):
    """A failed objective is a failure, an undecided one an error, and each finding that the registry knows a case."""
    root, found = cases(junit.MEMBER.render(Material(summary)))
    name = "rate-limit-storm.objectives"
    assert found[name, FAILS.text].find("failure") is not None
    assert "needs 1000 operations" in found[name, OPEN.text].find("error").get("message")
    assert [child.tag for child in found[name, HOLDS.text]] == ["system-out"]
    codes = {case for group, case in found if group == "rate-limit-storm.findings"}
    assert codes == {*registry.members("findings")}
    hang = found["rate-limit-storm.findings", "hang"].find("failure")
    assert "Fix: Give every call" in hang.text
    assert "Evidence: op-" in hang.text
    assert root.get("tests") == str(len(found))
    assert int(root.get("failures")) == sum(case.find("failure") is not None for case in found.values()) >= 2
    assert int(root.get("errors")) == sum(case.find("error") is not None for case in found.values()) >= 1


def test_what_was_not_looked_for_is_skipped(summary):
    """A finding that was withheld is no passed case, and neither is a check that failed."""
    spoiled = summary | {
        "findings": [],
        "findings_withheld": ["retry_storm"],
        "validity": [
            {"name": "traffic", "ok": False, "what": "no call passed the proxy", "hint": "set OPENAI_BASE_URL"}
        ],
    }
    _, found = cases(junit.document([Material(spoiled)]))
    assert found["rate-limit-storm.findings", "retry_storm"].find("skipped") is not None
    assert found["rate-limit-storm.validity", "traffic"].find("error") is not None
    _, found = cases(junit.document([Material(spoiled)], undecided="skipped"))
    assert found["rate-limit-storm.validity", "traffic"].find("skipped") is not None


def test_hostile_words_stay_words():
    """Markup and control characters of a scenario or an app neither break the file nor the log."""
    name = 'x"><failure/>\x1b[31m&\x00\n::error::owned'
    summary = judge(made.run(replace(scenario(), name=name)))
    root, _ = cases(junit.MEMBER.render(Material(summary)))
    assert root[0].get("name").startswith('x"><failure/>')
    assert "\x1b" not in plain.text(Material(summary))
    assert not any(line.startswith("::error::") for line in plain.text(Material(summary)).splitlines())


def test_annotations_point_at_lines(summary):
    """Objectives at their own line, findings at the rule whose fault they met; --set is no file."""
    found = [*lines(scenario(), summary, passes=False)]
    assert any(
        line.startswith("::error file=my.yaml,line=30,col=5,title=success_rate(storm) >= 95%25 failed::")
        for line in found
    )
    assert any(line.startswith("::error title=latency_p99(storm) <= 2s is undecided::needs 1000") for line in found)
    assert any(line.startswith("::error file=my.yaml,line=20,col=9,title=hang (critical)::") for line in found)
    assert not any("hang_rate" in line for line in found)
    assert any(line.startswith("::warning title=latency_p99") for line in lines(scenario(), summary, passes=True))


def test_annotations_are_one_line():
    """What a command would read as its own end or property is escaped."""
    where = Where("a:b,c.yaml", 3, 1)
    said = annotation("error", where, "50%, and: more", "first\nsecond")
    assert said == "::error file=a%3Ab%2Cc.yaml,line=3,col=1,title=50%25%2C and%3A more::first second"
