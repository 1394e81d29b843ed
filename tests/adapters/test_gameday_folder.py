"""A game day's folder read back and its post-mortem written, whatever a kill or a stranger made of it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import folder_factory
import gameday_factory as made
import pytest

from chaosllm.adapters import gameday_folder as folders
from chaosllm.adapters import run_folder
from chaosllm.errors import ChaosError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two steps that are over."""
    events = [made.event(1, "note", 610, who="console:Ada", text="odd")]
    day = made.day(made.step(1, "storm"), made.step(2, "slow"))
    return made.write(tmp_path / "day", day, events, {"1-storm": made.summary(), "2-slow": made.passed()})


def test_written(folder: Path) -> None:
    """Both post-mortems and the page of the steps, for their owner alone; the same bytes when made again."""
    folders.write_post_mortem(folder)
    names = (folders.MARKDOWN, folders.HTML, run_folder.REPORT)
    first = [(folder / name).read_bytes() for name in names]
    assert all(os.stat(folder / name).st_mode & 0o777 == 0o600 for name in names)
    folders.write_post_mortem(folder)
    assert [(folder / name).read_bytes() for name in names] == first
    assert b'href="1-storm/report.html"' in first[1]
    assert b'href="1-storm/report.html"' in first[2]


def test_events_of_a_step_that_the_day_lacks(folder: Path) -> None:
    """What only a step's log holds is told of that step."""
    line = json.dumps(made.command(7, "pause", 620, t=9.0)) + "\n{cut"
    (folder / "1-storm" / "log.jsonl").write_text(line)
    assert [(one.step, one.text) for one in folders.told(folder).moments if one.kind == "command"] == [
        (1, "pause: it is done")
    ]


def _gone(folder: Path) -> None:
    shutil.rmtree(folder / "1-storm")


def _no_summary(folder: Path) -> None:
    (folder / "1-storm" / "summary.json").unlink()


def _no_day(folder: Path) -> None:
    (folder / "day.json").write_text('{"gameday": ')


def _no_log(folder: Path) -> None:
    (folder / "log.jsonl").unlink()


def _bad_summary(folder: Path) -> None:
    (folder / "1-storm" / "summary.json").write_text('{"verdict": "pass", "phases": []}')


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_gone, "1-storm of step 1 is gone"),
        (_no_summary, "step 1: it left nothing"),
        (_no_day, "day.json cannot be read"),
        (_no_log, "there is no log.jsonl"),
        (_bad_summary, "the summary.json of step 1 is none"),
    ],
)
def test_damage(folder: Path, damage: Any, said: str) -> None:
    """It is named, and the rest is told."""
    damage(folder)
    found = folders.told(folder)
    assert any(said in one for one in found.damaged), found.damaged
    assert [step.name for step in found.steps] == ["storm", "slow"]
    assert found.steps[1].verdict == "pass"
    folders.write_post_mortem(folder)
    assert said in (folder / folders.HTML).read_text()


def test_a_killed_step_is_judged_by_its_records(tmp_path: Path) -> None:
    """A step whose process died before its report was written says what its records hold."""
    running = made.step(1, "storm", status="running", ended=None, verdict=None, as_expected=None, folder="1-storm")
    folder = made.write(tmp_path / "day", made.day(running, ended=None), [], {})
    folder_factory.write(folder_factory.failing(), folder / "1-storm")
    found = folders.told(folder)
    assert found.steps[0].verdict == "fail"
    assert any("judged again by its records" in one for one in found.damaged)
    assert any("has no end" in one for one in found.damaged)
    assert not (folder / "1-storm" / run_folder.SUMMARY).exists()


@pytest.mark.parametrize("name", ["../other", "/etc", "..", ".", "a/b", "", None, 3, ["x"], "x\0y"])
def test_no_folder_but_its_own(folder: Path, name: Any) -> None:
    """A step's folder cannot lead out of the day's."""
    day = made.day(made.step(1, "storm", folder=name))
    (folder / "day.json").write_text(json.dumps(day))
    assert folders.read(folder)[2] == {1: None}
    folders.write_post_mortem(folder)


def test_no_link_is_followed(folder: Path, tmp_path: Path) -> None:
    """Nor does a symbolic link."""
    shutil.move(folder / "1-storm", tmp_path / "elsewhere")
    (folder / "1-storm").symlink_to(tmp_path / "elsewhere")
    assert folders.read(folder)[2][1] is None


def test_what_is_no_game_day(tmp_path: Path) -> None:
    """A folder without a day.json is refused, with what would work."""
    with pytest.raises(ChaosError, match="no game day's folder"):
        folders.read(tmp_path)
