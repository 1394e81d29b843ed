"""`chaosllm gate`: exit codes, files and words of runs that are played here and not driven."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import rendering_factory as made
from click.testing import CliRunner

from chaosllm.adapters.supervisor.order import Result
from chaosllm.commands import _runs, verbs
from chaosllm.errors import ChaosError, Exit
from chaosllm.renderers import Material
from chaosllm.verdict import judge

CALM = "scenarios/calm.yaml"
STORM = "scenarios/rate-limit-storm.yaml"


@pytest.fixture
def gate(monkeypatch, tmp_path):
    """Runs `gate` with arguments; each run ends with the next of these codes."""
    for name in ("GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(name, raising=False)
    ran = []

    def go(*words, codes=(Exit.FAIL,), env=None):
        left = iter(codes)

        def launch(order, *, quiet, **_):
            ran.append(order)
            code = next(left)
            if code is Exit.COULD_NOT_RUN:
                return Result(code, error=ChaosError("the app did not start", hint="see app.log"))
            return Result(code, tmp_path, Material(judge(made.run()) | {"scenario": order.scenario.name}))

        monkeypatch.setattr(_runs, "launch", launch)
        result = CliRunner().invoke(verbs, ["gate", *words], standalone_mode=False, env=env, catch_exceptions=False)
        return result.return_value, result.stdout

    go.ran = ran
    return go


@pytest.mark.parametrize(
    ("codes", "words", "code"),
    [
        ([Exit.PASS, Exit.PASS], (), Exit.PASS),
        ([Exit.PASS, Exit.FAIL], (), Exit.FAIL),
        ([Exit.PASS, Exit.INCONCLUSIVE], (), Exit.INCONCLUSIVE),
        ([Exit.PASS, Exit.INCONCLUSIVE], ("--inconclusive", "pass"), Exit.PASS),
        ([Exit.FAIL, Exit.INCONCLUSIVE], ("--inconclusive", "pass"), Exit.FAIL),
        ([Exit.COULD_NOT_RUN, Exit.FAIL], ("--inconclusive", "pass"), Exit.COULD_NOT_RUN),
        ([Exit.INTERRUPTED], (), Exit.INTERRUPTED),
    ],
)
def test_the_verdict_is_the_exit_code(gate, codes, words, code):
    """The contract's codes; only what is undecided can be let through, and Ctrl-C ends it all."""
    found, out = gate(CALM, STORM, "--app", "fragile", "-q", *words, codes=codes)
    assert found == code
    assert f"exit {int(code)}" in out.splitlines()[-1]


def test_objectives_from_the_command_line(gate):
    """They are added to the scenario's own, in what is run and in what is kept of it."""
    gate(CALM, "--app", "fragile", "--objective", "latency_p95(steady) <= 2s", "-q")
    [order] = gate.ran
    assert [one.text for one in order.scenario.objectives][-1] == "latency_p95(steady) <= 2s"
    assert "latency_p95(steady) <= 2s" in order.text
    assert len(order.scenario.objectives) > 1


def test_a_wrong_objective_is_told_by_its_option(gate):
    """With the number of the option, and before anything is run."""
    with pytest.raises(ChaosError) as told:
        gate(CALM, "--set", "seed=3", "--objective", "succes_rate(steady) >= 95%")
    assert "--objective:1:1: error: there is no metric or finding `succes_rate`" in str(told.value)
    assert gate.ran == []


def test_files_and_annotations(gate, tmp_path):
    """One JUnit file for all runs, the page of the job on GitHub, and annotations where they are understood."""
    junit, page = tmp_path / "deep" / "junit.xml", tmp_path / "page.md"
    page.write_text("before\n")
    env = {"GITHUB_STEP_SUMMARY": str(page), "GITHUB_ACTIONS": "true"}
    _, out = gate(
        CALM, STORM, "--app", "fragile", "-q", "--junit", str(junit), codes=[Exit.FAIL, Exit.INCONCLUSIVE], env=env
    )
    root = ET.fromstring(Path(junit).read_text())
    assert [suite.get("name") for suite in root] == ["calm", "rate-limit-storm"]
    assert page.read_text().startswith("before\n## ")
    assert page.read_text().count("\n## ") == 2
    assert any(line.startswith("::error ") and "title=hang (critical)" in line for line in out.splitlines())
    _, out = gate(CALM, "--app", "fragile", "-q", "--no-annotations", env=env)
    assert "::error" not in out


def test_a_run_that_could_not_be_is_told(gate):
    """Its error is an annotation too, because there is no summary to look into."""
    _, out = gate(CALM, "--app", "fragile", "-q", "--annotations", codes=[Exit.COULD_NOT_RUN])
    assert "::error title=calm could not be run::the app did not start" in out
