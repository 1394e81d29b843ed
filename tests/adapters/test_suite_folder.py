"""The folder of a suite's report: what is written, made again, refused, and said of damage."""

from __future__ import annotations

import json
import shutil
from datetime import datetime
from pathlib import Path

import folder_factory as made
import pytest
from click.testing import CliRunner

from chaosllm.adapters import run_folder, suite_folder
from chaosllm.adapters.run_hold import Hold
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError
from chaosllm.suite_outcome import KILLED, Ran


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites") / "whole"
    made.write(made.passing(), folder / "good")
    made.write(made.failing(), folder / "bad")
    _, runs = suite_folder.again(folder)
    suite_folder.write(folder, "nightly", [*runs, Ran("later"), Ran("gone", error="no such file")])
    return folder


@pytest.fixture(autouse=True)
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of runs without their pictures, which take a second each; that those repeat is held by test_report."""
    monkeypatch.setattr("chaosllm.adapters.charts.draw", lambda run: iter(()))


@pytest.fixture
def suite(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "suite"))


def report(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if isinstance(done.exception, ChaosError):
        return 2, done.exception.what
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.output


def test_all_is_made_again(suite: Path) -> None:
    """`report` on the folder renders each run and the page of all, with those that never ran; then the same bytes."""
    code, said = report(suite)
    assert (code, "suite report: " in said, "Never begun: later." in said) == (0, True, True)
    names = (
        "summary.json",
        "report.html",
        "good/report.html",
        "good/summary.json",
        "bad/report.html",
        "bad/summary.md",
    )
    before = {name: (suite / name).read_bytes() for name in names}
    assert b'href="bad/report.html"' in before["report.html"]
    (suite / "bad" / "report.html").write_text("spoilt")
    assert report(suite)[0] == 0
    assert {name: (suite / name).read_bytes() for name in names} == before
    assert len(before["report.html"]) < 2_000_000


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ("markdown", ("## ✗ FAIL · nightly", "| ✗ FAIL | bad |", "Never begun: later.", "no such file", "**Fix:**")),
        ("terminal", ("✗ FAIL   nightly", "Never begun: later.", "✓ PASS", "no such file", "Not tested: quota")),
        ("json", ('"kind": "suite"', '"state": "not_begun"')),
    ],
)
def test_forms(suite: Path, form: str, told: tuple[str, ...]) -> None:
    """Each form tells all runs and writes nothing."""
    before = {path: path.stat().st_mtime_ns for path in suite.rglob("*")}
    code, said = report(suite, "--format", form)
    assert code == 0
    assert not [one for one in told if one not in said], said
    assert {path: path.stat().st_mtime_ns for path in suite.rglob("*")} == before


def test_a_killed_suite(suite: Path) -> None:
    """What a kill left behind is judged as far as it goes; who never finished and never began is named."""
    for name in ("cut", "barely"):
        shutil.copytree(suite / "good", suite / name)
    meta = json.loads((suite / "cut" / "meta.json").read_text())
    meta = {name: value for name, value in meta.items() if name not in ("driver", "proxy")}
    (suite / "cut" / "meta.json").write_text(json.dumps(meta))
    for path in (suite / "barely").iterdir():
        path.unlink()
    runs = [suite_folder.ran(name, suite / name, suite, stopped=KILLED) for name in ("good", "cut", "barely", "gone")]
    suite_folder.note(suite, "nightly", [*runs, Ran("later")])
    (suite / "report.html").unlink()
    code, said = report(suite, "--format", "markdown")
    assert (code, "INCONCLUSIVE" in said) == (0, True)
    assert "Begun, and never finished: cut, barely, gone." in said
    assert "Never begun: later." in said
    assert "whole run: stopped early" in said
    summary = json.loads(report(suite, "--format", "json")[1])
    assert [row["state"] for row in summary["runs"]] == ["passed", *["unfinished"] * 3, "not_begun"]
    assert summary["verdict"] == "inconclusive"


def test_a_killed_suite_of_no_record(suite: Path) -> None:
    """A folder of runs without a suite's summary counts a run that had only its scenario."""
    (suite / "summary.json").unlink()
    (suite / "bad" / "meta.json").unlink()
    summary = json.loads(report(suite, "--format", "json")[1])
    assert {row["name"]: row["state"] for row in summary["runs"]} == {"good": "passed", "bad": "unfinished"}


def test_a_running_run_is_left_alone(suite: Path) -> None:
    """A run that is being written is neither rendered nor called damaged."""
    holds = [Hold(suite / name) for name in ("good", "bad")]
    meta = json.loads((suite / "bad" / "meta.json").read_text())
    (suite / "bad" / "meta.json").write_text(json.dumps({**meta, "driver": None}))
    assert report(suite)[0] == 0
    found = {row["name"]: row for row in json.loads((suite / "summary.json").read_text())["runs"]}
    assert (found["bad"]["state"], found["bad"]["why"][0]) == ("unfinished", "it is still running")
    assert not (suite / "bad" / "report.html").exists()
    assert len(holds) == 2


def test_runs_elsewhere_are_not_written(suite: Path, tmp_path: Path) -> None:
    """A summary.json that names a run far away has it judged, and nothing written there."""
    far = Path(shutil.copytree(suite / "good", tmp_path / "far" / "away"))
    suite_folder.note(suite, "s", [suite_folder.ran("away", far, suite)])
    code, said = report(suite)
    assert (code, "lies elsewhere" in said) == (0, True)
    assert not (far / "report.html").exists()
    assert json.loads((suite / "summary.json").read_text())["verdict"] == "pass"


def test_damage_is_told(suite: Path) -> None:
    """A run that lost its records, or all of itself, is said to be damaged; it never passes, and nothing crashes."""
    (suite / "good" / run_folder.EVENTS).unlink()
    shutil.rmtree(suite / "bad")
    code, said = report(suite)
    found = json.loads((suite / "summary.json").read_text())
    states = {row["name"]: row["state"] for row in found["runs"]}
    assert (code, states["good"], states["bad"]) == (0, "damaged", "damaged")
    assert found["verdict"] == "inconclusive"
    assert "warning: bad is damaged: it does not exist" in said


@pytest.mark.parametrize(
    "text", ["", "[]", '{"kind": "suite"}', '{"kind": "suite", "schema": 1, "runs": 3}', "{" * 9999]
)
def test_a_broken_summary(suite: Path, text: str) -> None:
    """A suite's summary.json that says nothing of use never ends in a traceback."""
    (suite / "summary.json").write_text(text)
    code, _ = report(suite, "--format", "json")
    assert code in (0, 2)


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [("meta.json", "{}", "a single run"), ("report.html", "mine", "no suite's"), ("summary.json", "{}", "no suite's")],
)
def test_others_are_not_written_over(tmp_path: Path, name: str, text: str, what: str) -> None:
    """--out never takes a single run's folder, or a page of somebody else's."""
    (tmp_path / name).write_text(text)
    with pytest.raises(ChaosError, match=what):
        suite_folder.home("s", tmp_path, datetime(2026, 1, 1))


def test_an_earlier_suite_is_written_over(suite: Path) -> None:
    """--out takes the folder of an earlier suite, and a new one."""
    assert suite_folder.home("s", suite, datetime(2026, 1, 1)) == suite
    assert suite_folder.home("s", suite / "new", datetime(2026, 1, 1)).is_dir()
