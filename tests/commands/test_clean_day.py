"""`chaosllm clean` takes a game day for one thing: listed, aged, sized and removed as a whole, or kept as a whole."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from old_run_factory import DAY, aged, ask, refused, run

from chaosllm.adapters.run_hold import Hold

FILES = ("plan.yaml", "log.jsonl", "post-mortem.md", "post-mortem.html", "report.html", "summary.json", "findings.log",
         "standing-proxy.log", "standing-simulator.log")  # fmt: skip


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def game_day(name: str, days: float = 9, **more: Any) -> Path:
    """A day of three steps: one that ran, one that could not, one that was left out."""
    folder, when = Path("reports") / name, time.time() - days * DAY
    run(folder / "1-storm", days)
    (folder / "2-away").mkdir()
    (folder / "2-away" / "proxy.log").write_text("no such port")
    steps = [{"number": 1, "folder": "1-storm"}, {"number": 2, "folder": "2-away"}, {"number": 3, "folder": None}]
    told = {"schema": 1, "gameday": name, "started": datetime.fromtimestamp(when, UTC).isoformat(), "steps": steps}
    (folder / "day.json").write_text(json.dumps(told | more))
    for file in FILES:
        (folder / file).write_text("x" * 1000)
    aged(folder, when)
    return folder


def test_a_day_goes_as_a_whole() -> None:
    """It counts as one, with the age of its beginning and the size of all of it, and nothing of it stays behind."""
    old, new = game_day("old"), game_day("new", 1)
    rows = json.loads(ask("--keep", 1, "--yes", "--json").stdout)["runs"]
    assert [(row["folder"], row["verdict"], row["removed"]) for row in rows] == [
        (str(new), "day of 3", False), (str(old), "day of 3", True),
    ]  # fmt: skip
    assert rows[1]["bytes"] > 1000 * len(FILES) + sum(one.stat().st_size for one in (new / "1-storm").glob("*.*"))
    assert not old.exists()
    assert (new / "1-storm" / "events.jsonl").exists()


def test_what_an_earlier_version_left_of_a_day_goes() -> None:
    """It removed the steps alone."""
    folder = game_day("old")
    for home in ("1-storm", "2-away"):
        for path in sorted((folder / home).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / home).rmdir()
    aged(folder, time.time() - 9 * DAY)
    ask("--keep", 0, "--yes")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("thoughts.md", "it holds thoughts.md, which no game day writes"),
        ("1-storm/thoughts.md", "of its step 1-storm: it holds thoughts.md"),
        ("2-away/thoughts.md", "of its step 2-away: it holds thoughts.md"),
        ("3-mine/scenario.yaml", "it holds 3-mine, which no game day writes"),
    ],
)
def test_a_day_with_anything_else_in_it_stays_whole(path: str, said: str) -> None:
    """Its runs, too: a day without one of its steps could not be read as what it was."""
    folder = game_day("old")
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("mine")
    aged(folder, time.time() - 9 * DAY)
    before = sorted(folder.rglob("*"))
    done = ask("--keep", 0, "--yes")
    assert said in done.stdout
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("more", [{"steps": [{"folder": "../kept"}, {"folder": "/"}, {"folder": 3}, 7]}, {"steps": 3}])
def test_a_day_json_leads_nowhere_else(more: dict[str, Any]) -> None:
    """Folders that it does not name are no steps, and what it names outside is not looked at."""
    kept, folder = run("reports/.keep/kept", 99), game_day("old", **more)
    assert "which no game day writes" in ask("--keep", 0, "--yes").stdout
    assert (folder / "1-storm" / "meta.json").exists()
    assert (kept / "meta.json").exists()


def test_a_stranger_with_a_day_json_stays() -> None:
    """A file of that name makes no game day."""
    folder = game_day("old")
    (folder / "day.json").write_text('{"day": "Monday"}')
    aged(folder, time.time() - 9 * DAY)
    assert "its day.json is that of no game day" in ask("--keep", 0, "--yes").stdout
    assert (folder / "1-storm" / "meta.json").exists()


def test_a_step_that_is_a_link_is_not_followed() -> None:
    """What it leads to stays, and so does the day."""
    folder, other = game_day("old"), run("elsewhere/run", 9)
    for path in sorted((folder / "1-storm").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    (folder / "1-storm").rmdir()
    os.symlink(other.absolute(), folder / "1-storm")
    aged(folder, time.time() - 9 * DAY)
    assert "it holds 1-storm" in ask("--keep", 0, "--yes").stdout
    assert (other / "meta.json").exists()


def test_a_day_that_waits_for_approval_stays() -> None:
    """Nothing is written then, for hours; the day holds its folder."""
    folder = game_day("old")
    hold = Hold(folder)
    assert "it is being written" in ask("--keep", 0, "--yes").stdout
    assert folder.exists()
    del hold
    ask("--keep", 0, "--yes")
    assert not folder.exists()


def test_a_day_is_not_cleaned_from_within() -> None:
    """Its steps are no runs of their own."""
    folder = game_day("old")
    assert "is the folder of a game day itself" in refused(folder, "--keep", 0, "--yes").what
