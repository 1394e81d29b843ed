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
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError
from chaosllm.suite_outcome import Ran


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("suites") / "whole"
    made.write(made.passing(), folder / "good")
    made.write(made.failing(), folder / "bad")
    _, runs = suite_folder.again(folder)
    suite_folder.write(folder, "nightly", [*runs, Ran("later"), Ran("gone", error="no such file")])
    return folder


@pytest.fixture
def suite(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "suite"))


def report(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(command, [str(one) for one in arguments])
    if isinstance(done.exception, ChaosError):
        return 2, done.exception.what
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done.exit_code, done.output


def test_made_again(suite: Path) -> None:
    """`report` on the folder gives the same bytes, with those that were not begun and could not run."""
    before = {name: (suite / name).read_bytes() for name in ("report.html", "summary.json")}
    code, said = report(suite)
    assert (code, "suite report: " in said, "1 not begun" in said) == (0, True, True)
    assert {name: (suite / name).read_bytes() for name in before} == before
    assert len(before["report.html"]) < 2_000_000


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
    code, _ = report(suite, "--json")
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
