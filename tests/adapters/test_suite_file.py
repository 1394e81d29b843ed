"""What paths on a command line come to: scenarios, folders of them, and suites."""

from dataclasses import replace
from pathlib import Path

import pytest
from scenario_text import SMALL

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.adapters.suite_file import chosen, files, members, suite
from chaosllm.errors import ChaosError, ScenarioError
from chaosllm.reader import read

SCENARIO = SMALL + "target: {operation: {path: /chat}}\n"


@pytest.fixture
def library(tmp_path):
    """Two scenarios in a group, one beside it, a suite of them, and YAML that is neither."""
    (tmp_path / "library" / "latency").mkdir(parents=True)
    (tmp_path / "library" / "suites").mkdir()
    home = tmp_path / "library"
    for path in ("calm.yaml", "latency/spike.yaml", "latency/drip.yml"):
        (home / path).write_text(SCENARIO.replace("name: small", f"name: {Path(path).stem}"))
    (home / "compose.yaml").write_text("services: {}\n")
    (home / ".hidden.yaml").write_text(SCENARIO)
    (home / "suites" / "ci.yaml").write_text(
        "version: 1\nsuite: ci\nscenarios:\n  - ../latency/spike.yaml\n"
        "  - {scenario: ../calm.yaml, set: {load.rate: 9/s}, duration_scale: 0.5}\n"
    )
    return home


def test_folder_and_suite(library):
    """A folder means its scenarios and those below it; a suite means its own, in its order."""
    assert [one.path.name for one in chosen([library])] == ["calm.yaml", "drip.yml", "spike.yaml"]
    of_suite = chosen([library / "suites" / "ci.yaml", library / "calm.yaml"])
    assert [(one.path.name, one.suite) for one in of_suite] == [
        ("spike.yaml", "ci"),
        ("calm.yaml", "ci"),
        ("calm.yaml", ""),
    ]
    kinds = [(path.name, kind) for path, kind in files(library)]
    assert kinds == [
        ("calm.yaml", "scenario"), ("compose.yaml", "other"), ("drip.yml", "scenario"), ("spike.yaml", "scenario"),
        ("ci.yaml", "suite"),
    ]  # fmt: skip


def test_changes_of_a_suite(library):
    """A suite's settings and scale reach its scenario; what the command line says comes on top."""
    calm = chosen([library / "suites" / "ci.yaml"])[1]
    scenario = calm.readings()[0].unwrap()
    assert (scenario.load.rate, scenario.duration) == (9, 105)
    assert calm.readings(["load.rate=7/s"], duration_scale=0.1)[0].unwrap().load.rate == 7
    assert calm.readings(["load.rate=7/s"], duration_scale=0.1)[0].unwrap().duration == 10.5


def test_wrong_setting_stands_in_the_suite(library):
    """A wrong value of a suite is shown at its line there, one of the command line under its own number."""
    path = library / "suites" / "ci.yaml"
    path.write_text(path.read_text().replace("9/s", "9"))
    with pytest.raises(ScenarioError) as caught:
        chosen([path])[1].readings(["seed=x"])
    assert [str(problem.where) for problem in caught.value.problems] == [f"{path}:5:47", "--set:1:1"]


@pytest.mark.parametrize(
    ("path", "hint"),
    [
        ("../latency/spik.yaml", "../latency/spike.yaml"),
        ("../spike.yaml", "../latency/spike.yaml"),
        ("ci.yaml", "../calm.yaml"),  # a suite is no scenario
        ("../link.yaml", "../calm.yaml"),  # leads out of the library
        ("../latency.yaml", "../latency/spike.yaml"),
    ],
)
def test_missing_scenario(library, path, hint, tmp_path):
    """A path with no scenario is answered with the one that was meant, or with those that there are."""
    (tmp_path / "outside.yaml").write_text(SCENARIO)
    (library / "link.yaml").symlink_to(tmp_path / "outside.yaml")
    (library / "suites" / "ci.yaml").write_text(f"version: 1\nsuite: ci\nscenarios: [{path}]\n")
    (problem,) = suite(library / "suites" / "ci.yaml").problems
    assert hint in problem.hint


def test_members_lie_beside_the_suite(library):
    """A member's path is as one would type it from here."""
    path = library / "suites" / "ci.yaml"
    assert [one.path for one in members(path, suite(path))] == [
        library / "latency" / "spike.yaml",
        library / "calm.yaml",
    ]


def test_a_suite_accepts_for_its_scenarios(library):
    """What a suite accepts stands in each scenario as run, unless the scenario says otherwise or lacks the phase."""
    calm, path = library / "calm.yaml", library / "suites" / "ci.yaml"
    own = "accept: [{finding: hang, owner: bo, reason: x, until: '2020-01-01'}]\n"
    calm.write_text(calm.read_text() + own)
    path.write_text(
        path.read_text()
        + "accept:\n  - {finding: hang, owner: ana, reason: y, until: '2021-01-01'}\n"
        + "  - {finding: no_backoff, phase: storm, owner: ana, reason: 'APP-1: later', until: '9999-12-31'}\n"
        + "  - {finding: no_backoff, phase: elsewhere, owner: ana, reason: y, until: '2021-01-01'}\n"
    )
    spike, calm_again = [one.readings()[0] for one in chosen([path])]
    assert [(one.finding, one.owner) for one in spike.unwrap().accept] == [("hang", "ana"), ("no_backoff", "ana")]
    for reading in (spike, calm_again):  # the text of the run folder, which report reads years later
        flat = read(reading.as_run).unwrap().accept
        assert [replace(one, where=None) for one in flat] == [
            replace(one, where=None) for one in reading.unwrap().accept
        ]
    assert [(one.finding, one.owner) for one in calm_again.unwrap().accept] == [("hang", "bo"), ("no_backoff", "ana")]
    days = [(problem.where.file, problem.what) for problem in (*spike.problems, *calm_again.problems)]
    assert [Path(file).name for file, what in days if "accepted until" in what] == ["ci.yaml"] * 3 + ["calm.yaml"]


def test_nothing_to_run(library):
    """A folder without scenarios, a file that is not there, and a suite given for a scenario are wrong usage."""
    (library / "empty").mkdir()
    with pytest.raises(ChaosError, match="holds no scenario"):
        chosen([library / "empty"])
    with pytest.raises(ChaosError, match="no such file"):
        suite(library / "none.yaml")
    with pytest.raises(ChaosError, match="is a suite"):
        read_scenario(library / "suites" / "ci.yaml")
