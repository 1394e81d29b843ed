"""The files by which live runs are found: the user's alone, gone with the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from chaosllm.adapters.console import runtime
from chaosllm.errors import ChaosError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setattr("platformdirs.user_runtime_dir", lambda app: str(folder / app))
    return folder / "chaosllm"


def test_a_run_is_found_while_it_lives(home: Path, tmp_path: Path) -> None:
    """With all that ctl needs, in a file of mode 0600 in a folder of mode 0700."""
    with runtime.announced("http://127.0.0.1:1", "secret", name="a b/../c", kind="run", folder=tmp_path) as run:
        assert runtime.find() == [run]
        (path,) = home.iterdir()
        assert (path.stat().st_mode & 0o777, home.stat().st_mode & 0o777) == (0o600, 0o700)
        assert path.parent == home
        assert json.loads(path.read_text()) == {
            "url": "http://127.0.0.1:1", "token": "secret", "name": "a b/../c", "kind": "run",
            "folder": str(tmp_path), "pid": os.getpid(), "began": run.began,
        }  # fmt: skip
        with runtime.announced("http://127.0.0.1:2", "other", name="a b/../c", kind="run"):
            assert [one.url for one in runtime.find()] == ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    assert [*home.iterdir()] == []


def test_the_file_goes_when_the_run_breaks(home: Path) -> None:
    """However the block ends."""
    with pytest.raises(ZeroDivisionError), runtime.announced("http://x:1", "t", name="a", kind="run"):
        raise ZeroDivisionError
    assert runtime.find() == []
    assert [*home.iterdir()] == []


def test_files_of_the_dead_are_removed(home: Path) -> None:
    """A process that was killed left its file; one that cannot be read is passed over."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    home.mkdir(mode=0o700)
    told = {
        "url": "http://x:1",
        "token": "t",
        "name": "old",
        "kind": "run",
        "folder": None,
        "pid": dead.pid,
        "began": 1,
    }
    (home / "1-old.json").write_text(json.dumps(told))
    for at, text in enumerate(("", "{", "[]", '"x"', "null", json.dumps({**told, "pid": "x"}))):
        (home / f"{at}-bad.json").write_text(text)
    assert runtime.find() == []
    assert not (home / "1-old.json").exists()


def test_a_folder_that_others_read_is_closed(home: Path) -> None:
    """The folder's mode is put right before a token is written."""
    home.mkdir(mode=0o755)
    with runtime.announced("http://x:1", "t", name="a", kind="run"):
        assert home.stat().st_mode & 0o777 == 0o700


def test_without_the_variable_nothing_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """platformdirs warns when XDG_RUNTIME_DIR is unset; nobody needs to know."""
    monkeypatch.undo()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runtime.place()


def test_no_place_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where no folder can be made, what to set."""
    (tmp_path / "file").touch()
    monkeypatch.setattr("platformdirs.user_runtime_dir", lambda _: str(tmp_path / "file" / "x"))
    with pytest.raises(ChaosError) as raised:
        runtime.find()
    assert "XDG_RUNTIME_DIR" in raised.value.hint
