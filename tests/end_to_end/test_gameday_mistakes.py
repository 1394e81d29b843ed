"""`chaosllm gameday` with what people get wrong: each is said once and plainly, and costs no more than it must."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from running import SMALL, Started, free_port, scenario

pytestmark = pytest.mark.end_to_end

STEP = {"fault": "latency", "name": "ok", "with": {"first_token": "1s"}, "duration": "2s"}


def plan(folder: Path, *steps: dict[str, Any]) -> Path:
    """A plan of these steps, none of which waits."""
    path = folder / "plan.yaml"
    target = SMALL["target"] | {"url": f"http://127.0.0.1:{free_port()}"}
    path.write_text(yaml.safe_dump({
        "version": 1, "gameday": "day", "approval": "none", "target": target, "upstreams": SMALL["upstreams"],
        "steps": [*steps],
    }))  # fmt: skip
    return path


def play(folder: Path, *args: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr) of `gameday`; nothing may be left running."""
    runtime = folder / "runtime"
    runtime.mkdir(mode=0o700, exist_ok=True)
    started = Started(("gameday", *args), folder, {"XDG_RUNTIME_DIR": str(runtime)}, drawn=False)
    code, out, err = started.end()
    assert started.left() == []
    assert "Traceback" not in err
    return code, out, err


def test_a_set_lever_refuses_the_day(tmp_path: Path) -> None:
    """Before a console is served and somebody is asked for a yes that could start nothing."""
    path = plan(tmp_path, STEP | {"approval": "each"})
    path.write_text(path.read_text() + "safety_lever: chaos-off\n")
    (tmp_path / "chaos-off").touch()
    code, out, err = play(tmp_path, str(path), "--out", "out")
    assert (code, out) == (5, "")
    assert "chaos-off is set" in err
    assert "console" not in err
    assert not (tmp_path / "out").exists()


def test_steps_that_cannot_start(tmp_path: Path) -> None:
    """A scenario that is not there, and an app that dies: each says why, and the day goes on to its end."""
    path = plan(tmp_path, {"scenario": "nowhere.yaml", "name": "gone"}, STEP)
    dies = "import sys; print('no database', file=sys.stderr); sys.exit(3)"
    code, out, err = play(tmp_path, str(path), "--json", "--out", "out", "--", sys.executable, "-c", dies)
    assert code == 2, err
    day = json.loads(out.splitlines()[-1])
    assert [one["status"] for one in day["steps"]] == ["failed", "failed"]
    assert "there is no scenario nowhere.yaml" in day["steps"][0]["error"]["what"]
    assert day["steps"][1]["error"]["what"].startswith("the app ended by itself (exit code 3)")
    for told in (
        "step 1 (gone): could not run",
        "step 2 (ok): could not run",
        "it said last: no database",
        "try: look",
    ):
        assert told in err, err
    assert "the app ended by itself" in (tmp_path / "out" / "post-mortem.md").read_text()


def test_a_port_that_is_taken_leaves_no_folder(tmp_path: Path) -> None:
    """So that the same command works once the port is free."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, _, err = play(tmp_path, str(plan(tmp_path, STEP)), "--out", "out", "--console", port, "--app", "fragile")
    assert code == 3
    assert "address already in use" in err
    assert not (tmp_path / "out").exists()


def test_a_scenario_is_no_plan(tmp_path: Path) -> None:
    """Said in one sentence, with the command that takes it."""
    code, _, err = play(tmp_path, str(scenario(tmp_path)))
    assert code == 2, err
    assert f"error: {tmp_path / 'small.yaml'} is a scenario\n  try: run it with: chaosllm run" in err
