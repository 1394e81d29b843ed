"""`clean` removes run folders and nothing else, whatever lies around them."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from live_messages import SCENARIO, scenario
from old_run_factory import DAY, aged, ask, refused, run, there

from chaosllm.adapters import old_runs, run_folder
from chaosllm.adapters.run_hold import Hold
from chaosllm.adapters.supervisor.order import Order
from chaosllm.adapters.supervisor.session import Session
from chaosllm.commands import clean


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("notes.txt", "mine"), (".git", ""), ("plots/mine.pptx", ""), ("plots/deeper/x.svg", ""), ("ca/inner/x", ""),
        ("data/x", ""), ("meta.json.bak", ""), ("level-01", ""),
    ],
)  # fmt: skip
def test_what_holds_something_else_stays(name: str, text: str) -> None:
    """A folder with a file or a folder that no run writes is not removed, and the list says which it is."""
    folder = run("reports/a", 9)
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    aged(folder, time.time() - 9 * DAY)
    done = ask("--keep", 0, "--yes")
    assert (folder / name).exists()
    assert (folder / "events.jsonl").exists()
    assert "reports/a stays: " in done.stdout


@pytest.mark.parametrize(
    "meta",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": 1}',
        "{}",
        "[" * 5000,
        '{"name": "someone-elses", "version": "2", "started": 1}',
    ],
)
def test_a_stranger_with_a_meta_json_stays(meta: str) -> None:
    """A meta.json alone makes no run folder: it must be ours."""
    folder = run("reports/a", 9, **{"meta.json": meta})
    ask("--keep", 0, "--yes")
    assert (folder / "events.jsonl").exists()


def test_no_link_is_followed(place: Path) -> None:
    """Links to folders are not entered, links inside a run folder go without what they lead to."""
    outside = run(place / "elsewhere" / "run", 9)
    treasure = place / "treasure"
    treasure.mkdir()
    (treasure / "gold.svg").write_text("gold")
    (treasure / "file").write_text("gold")
    inside = run("reports/a", 9)
    Path("reports/link").symlink_to(outside)
    Path("reports/loop").symlink_to(Path.cwd() / "reports")
    for path in (inside / "plots").iterdir():
        path.unlink()
    (inside / "plots").rmdir()
    (inside / "plots").symlink_to(treasure)
    (inside / "app.log").unlink()
    (inside / "app.log").symlink_to(treasure / "file")
    aged(inside, time.time() - 9 * DAY)
    ask("--keep", 0, "--yes")
    assert not inside.exists()
    assert sorted(path.name for path in treasure.iterdir()) == ["file", "gold.svg"]
    assert (outside / "events.jsonl").exists()
    assert Path("reports/link").is_symlink()


def test_a_folder_that_is_a_link_is_refused(place: Path) -> None:
    """A DIR that is a link is refused with the name of what it leads to, and so is `reports`."""
    run(place / "elsewhere" / "run", 9)
    Path("reports").symlink_to(place / "elsewhere")
    error = refused("--keep", 0, "--yes")
    assert error.exit_code == 2
    assert str(place / "elsewhere") in error.hint
    assert there("elsewhere") == ["run"]


def test_a_meta_json_that_is_a_link_is_none(place: Path) -> None:
    """A folder whose meta.json leads elsewhere is no run folder."""
    folder = run("reports/a", 9)
    (folder / "meta.json").rename(place / "meta.json")
    (folder / "meta.json").symlink_to(place / "meta.json")
    ask("--keep", 0, "--yes")
    assert (folder / "events.jsonl").exists()


def test_a_folder_that_was_swapped_stays(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What became something else between the list and the removal is not removed, and the exit code says so."""
    folder, outside = run("reports/a", 9), run(place / "elsewhere" / "run", 9)
    real = clean._remove

    def swapped(*arguments):
        folder.rename("aside")
        folder.symlink_to(outside)
        real(*arguments)

    monkeypatch.setattr(clean, "_remove", swapped)
    assert "could not be removed: it is a link" in ask("--keep", 0, "--yes", code=3).stderr
    assert (outside / "events.jsonl").exists()


def test_a_run_that_is_being_written_stays() -> None:
    """A run that holds its folder stays however old its files are, and goes once its process is gone."""
    folder = run("reports/a", 9)
    hold = Hold(folder)
    done = ask("--keep", 0, "--yes")
    assert "reports/a stays: it is being written" in done.stdout
    assert folder.exists()
    del hold
    ask("--keep", 0, "--yes")
    assert not folder.exists()


def test_what_was_just_written_stays() -> None:
    """Without a lock to see, files of the last minute say that a run is being written; so does any one of them."""
    folder = run("reports/a", 9)
    os.utime(folder / "events.jsonl")
    assert "stays: it was written less than 60 s ago" in ask("--keep", 0, "--yes").stdout
    assert folder.exists()


def test_a_killed_run_goes() -> None:
    """What a kill leaves behind (no summary, half a file, the run's CA) is a run folder too."""
    folder = run("reports/a", 9, **{"samples.bin": "x", ".summary.json.half": "{", "ca/mitmproxy-ca.pem": "key"})
    (folder / "summary.json").unlink()
    aged(folder, time.time() - 9 * DAY)
    ask("--keep", 0, "--yes")
    assert not folder.exists()


def test_baselines_and_the_sample_stay() -> None:
    """Neither the committed sample, nor kept baselines, nor hidden folders are ever touched."""
    sample, kept, hidden = run("reports/sample", 99), run(".chaosllm/baselines/main", 99), run("reports/.keep/a", 99)
    run("reports/suite/a", 99)
    ask("--keep", 0, "--yes")
    ask(".", "--keep", 0, "--yes")
    assert all((path / "events.jsonl").exists() for path in (sample, kept, hidden))
    assert there() == [".keep/a", "sample"]


def test_a_sweep_goes_as_a_whole() -> None:
    """A sweep counts as one, and goes with all of its runs or, when it holds anything else, not at all."""
    for name in ("new", "old", "noted"):
        days = 1 if name == "new" else 9
        for level in ("level-01-10pct-seed-1", "level-02-20pct-seed-2"):
            run(f"reports/{name}/{level}", days)
        for file in ("sweep.json", "sweep.md", "sweep.svg", "sweep.png"):
            (Path("reports") / name / file).write_text("{}")
        aged(Path("reports") / name, time.time() - days * DAY)
    Path("reports/noted/thoughts.md").write_text("mine")
    done = ask("--keep", 1, "--yes")
    assert not Path("reports/old").exists()
    assert len(there()) == 4
    assert "1 run to go" in done.stdout
    assert "thoughts.md" in done.stdout


def test_a_folder_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that nobody may look into is told of and hinders no other."""
    run("reports/a", 9)
    locked = Path("reports/locked")
    locked.mkdir()
    real = old_runs.os.scandir

    def scandir(path):
        if not isinstance(path, int) and Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(old_runs.os, "scandir", scandir)
    done = ask("--keep", 0, "--yes")
    assert there() == []
    assert "reports/locked stays: cannot be looked into: permission denied" in done.stdout
    assert locked.exists()


def test_a_folder_that_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses to remove is told, leaves a folder that is still known, and hinders no other."""
    stuck, free = run("reports/stuck", 9), run("reports/free", 8)
    real = old_runs.os.unlink

    def unlink(name, *, dir_fd):
        if Path(f"/proc/self/fd/{dir_fd}").resolve().name == "stuck" and name == "samples.npz":
            raise PermissionError(1, "Operation not permitted")
        real(name, dir_fd=dir_fd)

    monkeypatch.setattr(old_runs.os, "unlink", unlink)
    done = ask("--keep", 0, "--yes", "--json", code=3)
    assert "error: reports/stuck could not be removed: operation not permitted" in done.stderr
    assert (json.loads(done.stdout)["freed"] > 0, free.exists(), (stuck / "meta.json").exists()) == (True, False, True)
    monkeypatch.setattr(old_runs.os, "unlink", real)
    aged(stuck, time.time() - 9 * DAY)
    ask("--keep", 0, "--yes")
    assert not stuck.exists()


def test_names_are_shown_clean() -> None:
    """A folder's name cannot write to the terminal."""
    run("reports/a\x1b[2J\x9b1m", 9)
    done = ask("--keep", 0, "--dry-run")
    assert "\x1b" not in done.output
    assert "\x9b" not in done.output


def test_a_session_holds_its_folder(tmp_path: Path) -> None:
    """A run holds its folder from the moment it is made."""
    session = Session(Order(scenario(), SCENARIO, tmp_path), watcher=None)  # type: ignore[arg-type]  # nothing is told
    now = datetime.now(UTC)
    session.folder = run_folder.create("watched", None, now)
    session._open(now)
    aged(session.folder, time.time() - 9 * DAY)
    assert "it is being written" in ask("--keep", 0, "--yes").stdout
