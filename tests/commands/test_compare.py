"""`chaosllm compare` on run folders and baselines: what it says, in each form, and what it refuses."""

import json
import os
import shutil

import pytest
from click.testing import CliRunner
from snapshot_factory import folder

from chaosllm.commands import verbs
from chaosllm.errors import ChaosError, Exit

pytestmark = pytest.mark.usefixtures("judged_once")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Folders of two equal runs and of one that is worse."""
    at = tmp_path_factory.mktemp("runs")
    folder(at / "a", 1)
    folder(at / "b", 2)
    folder(at / "worse", 3, slower=2.0, fails=0.35, tries=3)
    folder(at / "other", 1, rate="10/s")
    return at


def ask(*words):
    return CliRunner().invoke(verbs, [str(word) for word in words], standalone_mode=False)


def told(*words):
    result = ask(*words)
    assert result.exception is None, result.output
    assert result.return_value == 0
    return result.stdout


def refused(*words):
    found = ask(*words).exception
    assert isinstance(found, ChaosError), found
    assert found.exit_code is Exit.USAGE
    assert found.hint
    return found.what


def test_two_equal_runs(runs):
    """The main figures with their change and interval, the seed named, nothing worse."""
    text = told("compare", runs / "a", runs / "b")
    assert "success_rate" in text
    assert "none shown" in text
    assert "worse" not in text
    assert "seed 1 -> 2" in text
    assert "64 no difference shown" in text


def test_a_worse_run(runs):
    """What became worse comes first, with what chance would do; the objective that turned is named."""
    text = told("compare", runs / "a", runs / "worse")
    lines = text.splitlines()
    assert any("error_rate" in line and "worse" in line for line in lines)
    assert "would look changed by chance" in text
    assert "objective success_rate(storm) >= 80%: pass -> fail" in text
    assert "B is worse." in text
    assert "B is better." in told("compare", runs / "worse", runs / "a")
    assert len(told("compare", runs / "a", runs / "worse", "--all").splitlines()) > len(lines) + 20


def test_machine_forms(runs, tmp_path):
    """JSON holds every figure, Markdown a table; --out writes by the name of its file."""
    found = json.loads(told("compare", runs / "a", runs / "worse", "--json"))
    row = next(one for one in found["rows"] if (one["metric"], one["phase"]) == ("success_rate", "storm"))
    assert row["verdict"] == "worse"
    assert row["change"]["kind"] == "difference"
    assert row["change"]["low"] < row["change"]["value"] < row["change"]["high"] < 0
    assert found["names"] == {"a": str(runs / "a"), "b": str(runs / "worse")}
    assert {"what": "seed", "a": 1, "b": 3} in found["changed"]
    assert sum(found["counts"].values()) == len(found["rows"])
    told("compare", runs / "a", runs / "b", "--out", tmp_path / "c.md")
    assert (tmp_path / "c.md").read_text().startswith("## Comparison of `storms`")
    told("compare", runs / "a", runs / "b", "--out", tmp_path / "c.json")
    assert json.loads((tmp_path / "c.json").read_text())["duration_scale"] == 1.0
    told("compare", runs / "a", runs / "b", "--out", tmp_path / "c.txt")
    assert "none shown" in (tmp_path / "c.txt").read_text()


def test_a_page_of_two_runs_lays_them_over_each_other(runs, tmp_path):
    """The page opens with what became worse and holds every picture of both; again the same bytes."""
    told("compare", runs / "a", runs / "worse", "--out", tmp_path / "c.html")
    text = (tmp_path / "c.html").read_text()
    assert "B is worse" in text.split("</h1>")[0]
    assert text.count("<figure>") == 5
    assert len(text) < 1_000_000
    assert told("compare", runs / "a", runs / "worse", "--format", "html") == text


def test_a_page_against_a_baseline_says_why_there_are_no_curves(runs, tmp_path, monkeypatch):
    """A baseline holds no samples: the changes with their intervals alone, and a sentence."""
    monkeypatch.chdir(tmp_path)
    told("baseline", "save", "main", runs / "a")
    text = told("compare", "main", runs / "worse", "--format", "html")
    assert text.count("<figure>") == 1
    assert "main is a kept baseline: figures with their intervals and no samples" in text


def test_another_scenario_is_refused(runs):
    """With what differs, by path and both values."""
    assert "load.rate: 20 and 10" in refused("compare", runs / "a", runs / "other")


def test_what_is_no_run(runs, tmp_path):
    """A folder that is missing, empty, or of a version to come: one sentence with its name."""
    assert "nowhere" in refused("compare", runs / "a", tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "holds no run folder" in refused("compare", tmp_path / "empty", runs / "a")
    newer = tmp_path / "newer"
    shutil.copytree(runs / "a", newer)
    (newer / "meta.json").write_text('{"schema": 999}')
    assert "has schema 999" in refused("compare", runs / "a", newer)
    assert "holds 4 run folders" in refused("compare", runs / "a", runs)
    assert ask("compare", runs / "a", runs / "b", "--json", "--format", "markdown").exception is not None


@pytest.mark.parametrize(
    ("lacking", "left"),
    # Texts alone tell no outcome and no time, so what rests on those still compares.
    [("events.jsonl", set()), ("samples.npz", set()), ("samples.jsonl", {"no difference shown"})],
)
def test_a_cut_off_run_proves_nothing(runs, tmp_path, lacking, left):
    """With a record missing, what rested on it is neither better nor the same, and the doubt is named."""
    cut = tmp_path / "cut"
    shutil.copytree(runs / "b", cut)
    (cut / lacking).unlink()
    found = json.loads(told("compare", runs / "a", cut, "--json"))
    assert found["b"]["verdict"] == "inconclusive"
    assert found["b"]["doubts"]
    assert {one["verdict"] for one in found["rows"]} == {"cannot tell"} | left


def test_half_an_event_is_passed_over(runs, tmp_path):
    """A last line that a kill cut off makes one call less, and no traceback."""
    cut = tmp_path / "cut"
    shutil.copytree(runs / "b", cut)
    os.truncate(cut / "events.jsonl", (cut / "events.jsonl").stat().st_size - 20)
    assert json.loads(told("compare", runs / "a", cut, "--json"))["rows"]
