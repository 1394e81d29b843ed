"""Scenario files are read from their own folder only, and the ready ones are all fit to run."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaosllm.adapters.scenario_file import loader, read_scenario, read_scenarios
from chaosllm.errors import ChaosError, Exit, ScenarioError
from chaosllm.reader import read

READY = sorted((Path(__file__).parents[2] / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", READY, ids=lambda path: path.stem)
def test_ready_scenarios(path: Path) -> None:
    """Each ready scenario reads without a warning, is named like its file, has a hypothesis and ends in two minutes."""
    reading = read_scenario(path)
    scenario = reading.unwrap()
    assert reading.problems == []
    assert scenario.name == path.stem
    assert scenario.hypothesis
    assert scenario.duration <= 120
    assert path.read_text().startswith("# yaml-language-server: $schema=../chaosllm/schema/scenario.json\n# ")


def test_six_at_least() -> None:
    """The six scenarios that the first release promises are there."""
    promised = {"rate-limit-storm", "latency-spike", "quota-exhausted", "truncated-stream", "provider-outage", "calm"}
    assert promised <= {path.stem for path in READY}


def test_duration_scale() -> None:
    """--duration-scale shortens every phase, and leaves the load, the seed and the objectives."""
    path = next(path for path in READY if path.stem == "rate-limit-storm")
    whole, half = read_scenario(path).unwrap(), read_scenario(path, duration_scale=0.5).unwrap()
    assert [phase.duration for phase in half.phases] == [phase.duration / 2 for phase in whole.phases]
    assert (half.load, half.seed, half.objectives[0].text) == (whole.load, whole.seed, whole.objectives[0].text)


def test_settings_keep_their_place() -> None:
    """A wrong setting is a problem of --set, not of the file."""
    with pytest.raises(ScenarioError) as caught:
        read_scenario(READY[0], ["load.rate=10"])
    assert caught.value.problems[0].where.file == "--set"


def test_loader_stays_in_its_folder(tmp_path: Path) -> None:
    """A symbolic link out of the scenario's folder is not followed, and a huge file is not loaded."""
    base = tmp_path / "scenarios"
    base.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (base / "prompts.txt").write_text("hello\n")
    (base / "link.txt").symlink_to(tmp_path / "secret.txt")
    with (base / "huge.txt").open("wb") as file:
        file.truncate(11_000_000)
    load = loader(base)
    assert load("prompts.txt") == "hello\n"
    for name, says in (("link.txt", "outside"), ("../secret.txt", "outside"), ("huge.txt", "longer than 10 MB")):
        with pytest.raises(OSError, match=says):
            load(name)


def test_missing_file(tmp_path: Path) -> None:
    """A path to nothing, or to a folder, is one sentence and exit 2."""
    for path, says in ((tmp_path / "no.yaml", "no such file"), (tmp_path, "is a directory")):
        with pytest.raises(ChaosError, match=says) as caught:
            read_scenario(path)
        assert caught.value.exit_code is Exit.USAGE


VARY = """\
include: parts/base.yaml
name: many
vary: {load.rate: [10/s, 20/s]}
"""
BASE = """\
version: 1
upstreams: [{provider: openai, url: simulator}]
target: {operation: {path: /chat, json: {message: "{prompt}"}}}
phases:
  - {name: calm, duration: 10s}
  - {name: block, repeat: 2, phases: [{name: storm, duration: 10s, rules: [include: storm.yaml]}]}
"""


def test_a_file_of_parts_that_varies(tmp_path: Path) -> None:
    """Included files are read beside the scenario, each combination is a reading, and what was run needs none."""
    path = tmp_path / "many.yaml"
    (tmp_path / "parts").mkdir()
    path.write_text(VARY)
    (tmp_path / "parts" / "base.yaml").write_text(BASE)
    (tmp_path / "parts" / "storm.yaml").write_text("fault: hang\nwhen: {share: 20%}\n")
    made = read_scenarios(path, duration_scale=0.5)
    assert [one.unwrap().name for one in made] == ["many-rate-10-per-s", "many-rate-20-per-s"]
    assert [phase.duration for phase in made[0].unwrap().phases] == [5, 5, 5]
    assert all(read(one.as_run).scenario == one.scenario for one in made)
    assert read_scenario(path, ["load.rate=20/s"]).unwrap().load.rate == 20
    with pytest.raises(ScenarioError, match="makes 2 scenarios"):
        read_scenario(path)


def test_problems_of_all_variants(tmp_path: Path) -> None:
    """What is wrong with the second value is told with what is wrong with the first, and what both share once."""
    path = tmp_path / "many.yaml"
    text = BASE.replace("[include: storm.yaml]", "[{fault: hagn}]") + "name: x\nvary: {load.rate: [10, 20]}\n"
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_scenarios(path)
    assert [str(one.where).removeprefix(str(path)) for one in caught.value.problems] == [":6:84", ":8:20", ":8:24"]


def test_include_leaves_no_folder(tmp_path: Path) -> None:
    """An include by a symbolic link out of the folder is refused as any file is."""
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.yaml").write_text("name: secret")
    (tmp_path / "in" / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (tmp_path / "in" / "top.yaml").write_text("include: link.yaml\n")
    with pytest.raises(ScenarioError, match="outside the scenario's folder") as caught:
        read_scenarios(tmp_path / "in" / "top.yaml")
    assert str(caught.value.problems[0].where).endswith("top.yaml:1:10")
