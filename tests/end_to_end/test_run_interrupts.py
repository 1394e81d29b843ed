"""Ctrl-C, SIGTERM and deaths at any moment: no process stays, what was recorded stays, and it is never a PASS."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from running import Started, tiny
from soak import count

pytestmark = pytest.mark.end_to_end


APP = "tiny_app.py"


def start(tmp_path: Path, *, drawn: bool = False, **changes: Any) -> Started:
    return Started(("run", "--out", str(tmp_path / "out"), *tiny(tmp_path, **changes)), tmp_path, drawn=drawn)


def children(started: Started) -> dict[str, int]:
    """Module -> process id of what the run started."""
    found = {}
    for folder in Path("/proc").iterdir():
        try:
            if started.mark.encode() not in (folder / "environ").read_bytes():
                continue
            words = (folder / "cmdline").read_text().split("\0")
        except OSError:
            continue
        if folder.name != str(started.process.pid):
            found[words[words.index("-m") + 1] if "-m" in words else Path(words[1]).name] = int(folder.name)
    return found


def readable(folder: Path) -> dict:
    """The summary of a partial run, all of whose lines but perhaps the last are whole."""
    for line in (folder / "events.jsonl").read_text().splitlines() if (folder / "events.jsonl").exists() else []:
        json.loads(line)
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert json.loads((folder / "meta.json").read_text())["stopped"] == "interrupted"
    return json.loads((folder / "summary.json").read_text())


@pytest.mark.parametrize("moment", ["starting the proxy", "starting the app", "calibrating", "running"])
def test_ctrl_c(tmp_path: Path, moment: str) -> None:
    """Ctrl-C at any stage exits 130 with a readable partial report and leaves no process."""
    started = start(tmp_path, drawn=moment == "running")  # of the others there is nothing to draw
    started.until(moment)
    time.sleep(1.5 if moment == "running" else 0.3)
    started.interrupt()
    code, _, err = started.end(60)
    assert code == 130, err
    assert started.left() == []
    summary = readable(tmp_path / "out")
    assert summary["verdict"] != "pass"
    if moment == "running":
        assert sum(phase["operations"] for phase in summary["phases"].values()) > 5, "what was recorded is judged"


def test_ctrl_c_before_anything(tmp_path: Path) -> None:
    """Ctrl-C while modules still load is 130 and no traceback."""
    started = start(tmp_path, drawn=True)
    time.sleep(0.15)
    started.interrupt()
    code, _, err = started.end(60)
    assert code in (130, -signal.SIGINT)  # the latter while Python itself still starts
    assert started.left() == []
    assert code < 0 or "Traceback" not in err


def test_sigterm(tmp_path: Path) -> None:
    """SIGTERM, as CI sends it, ends a run like Ctrl-C."""
    started = start(tmp_path)
    started.until("running")
    started.process.send_signal(signal.SIGTERM)
    assert started.end(60)[0] == 130
    assert started.left() == []


def test_killed_supervisor(tmp_path: Path) -> None:
    """When the supervisor itself is killed, all that it started ends at end of file, and the folder can be judged."""
    started = start(tmp_path)
    started.until("running")
    time.sleep(2.0)
    assert APP in children(started)
    started.process.kill()
    started.end(10)
    ends = time.monotonic() + 40
    while started.left() and time.monotonic() < ends:
        time.sleep(0.1)
    assert started.left() == []
    assert not (tmp_path / "out" / "ca").exists(), "the proxy is the last to go, and takes its key with it"
    report = Started(("report", str(tmp_path / "out"), "--json"), tmp_path)
    code, out, err = report.end(60)
    assert code == 0, err
    assert json.loads(out)["verdict"] != "pass"


@pytest.mark.parametrize("victim", ["chaosllm.adapters.proxy", "chaosllm.adapters.driver", "chaosllm.simulator"])
def test_dead_child_is_never_a_pass(tmp_path: Path, victim: str) -> None:
    """A process of ours that dies in the run ends it with exit 3 and its name; the verdict is not PASS."""
    started = start(tmp_path)
    started.until("running")
    time.sleep(1.0)
    os.kill(children(started)[victim], signal.SIGKILL)
    code, _, err = started.end(60)
    assert code == 3, err
    assert f"the {victim.rsplit('.', 1)[1]} ended by itself (killed by SIGKILL)" in err
    assert started.left() == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["verdict"] != "pass"
    assert any("SIGKILL" in reason for reason in summary["reasons"])


@pytest.mark.soak
def test_dead_app_is_the_apps_fault(tmp_path: Path) -> None:
    """An app that dies in the run is blamed itself; its users' errors are the result, and it is never a PASS."""
    # Such a run plays all its phases, and each second after the death shows the same: `make soak` plays eight.
    short = {"phases": [{"name": "baseline", "duration": "3s"}, {"name": "recovery", "duration": "1s"}]}
    started = start(tmp_path, **({} if count(0, 1) else short))
    started.until("running")
    time.sleep(1.0)
    os.kill(children(started)[APP], signal.SIGKILL)
    code, _, err = started.end(40)
    assert code in (1, 4), err
    assert started.left() == []
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert any("the app ended by itself during the run (killed by SIGKILL" in reason for reason in summary["reasons"])
    assert json.loads((tmp_path / "out" / "meta.json").read_text())["failures"] == []
