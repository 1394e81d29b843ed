"""A game day in front of an app that runs by itself: its provider stays in reach all day, and each step is judged."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from proxy_rig import eventually
from running import MACHINE, Started, free_port
from steady import Steady

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.skipif("not __import__('os').environ.get('CHAOSLLM_SOAK')", reason="a minute: make soak"),
]

#: Seconds of each phase.
PHASE = 6
#: Seconds that are allowed without any answer: a starved machine stops clients and proxies alike.
GAP = 5.0


def ports_in_a_row(count: int) -> int:
    """The first of some free ports."""
    while True:
        first = free_port()
        try:
            for port in range(first, first + count):
                with socket.socket() as one:
                    one.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        return first


def plan(folder: Path, app: int) -> Path:
    """Two steps in each of which every call of a phase is answered by a 503, each waiting for its file."""
    steps = [
        {"fault": "error", "name": name, "with": {"status": 503}, "baseline": f"{PHASE}s", "duration": f"{PHASE}s",
         "recovery": f"{PHASE}s", "approval": {"file": f"go-{name}"}}
        for name in ("one", "two")
    ]  # fmt: skip
    path = folder / "plan.yaml"
    path.write_text(yaml.safe_dump({
        "version": 1, "gameday": "door", "load": {"rate": "30/s", "correlate": "none"}, "steps": steps,
        "target": {"url": f"http://127.0.0.1:{app}", "timeout": "5s",
                   "operation": {"path": "/chat", "json": {"message": "{prompt}"}, "answer": "$.answer"}},
        "upstreams": [{"provider": "openai", "url": "simulator"}],
    }))  # fmt: skip
    return path


@pytest.fixture
def app():
    """An app that runs by itself; (its port, the proxy's first port)."""
    port, first = free_port(), ports_in_a_row(2)
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("tiny_app.py")), str(port)],
        env=os.environ | {"OPENAI_BASE_URL": f"http://127.0.0.1:{first + 1}/v1"},
    )
    yield port, first
    process.kill()
    process.wait()


def status(folder: Path, number: int) -> str:
    """How a step of the day in `folder` is; "" before there is a day."""
    try:
        return str(json.loads((folder / "day.json").read_text())["steps"][number - 1]["status"])
    except (OSError, ValueError):
        return ""


def listens(port: int) -> bool:
    """Whether anybody takes connections."""
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def faults(folder: Path, day: dict[str, Any]) -> list[tuple[float, float]]:
    """When each step's fault was on, in UNIX seconds."""
    clocks = [json.loads((folder / step["folder"] / "meta.json").read_text())["clock"] for step in day["steps"]]
    return [(clock["t0_unix"] + PHASE, clock["t0_unix"] + 2 * PHASE) for clock in clocks]


def doubts(folder: Path) -> list[str]:
    """The checks of a step that failed, less those that speak of the machine.

    That of the match rate always does, because the calls of our clients have no operation.
    """
    checks = json.loads((folder / "summary.json").read_text())["validity"]
    return [one["name"] for one in checks if not one["ok"] and not one["name"].startswith(MACHINE)]


def test_the_door_stays_open(app, tmp_path):
    """Two clients ask all day: nobody is refused, no answer is lost, only the steps' faults fail, both are judged.

    In doubt is nothing but whose the clients' calls are.
    """
    port, first = app
    out = tmp_path / "out"
    day = Started(
        ("gameday", str(plan(tmp_path, port)), "--port", str(first), "--out", str(out)), tmp_path, drawn=False
    )
    eventually(lambda: listens(first + 1), within=120)
    clients = Steady(first + 1)
    began = time.time()
    for number, name in ((1, "one"), (2, "two")):
        eventually(lambda number=number: status(out, number) == "approval", within=180)
        time.sleep(0.5)
        (tmp_path / f"go-{name}").touch()
    eventually(lambda: status(out, 2) == "running", within=60)
    log = out / "2-two" / "meta.json"
    eventually(lambda: '"clock"' in log.read_text() if log.exists() else False, within=120)
    time.sleep(2.5 * PHASE)
    ended = time.time()
    clients.stop()  # before the last step ends, and its proxy with it
    code, _, err = day.end(180)
    told = json.loads((out / "day.json").read_text())
    assert [step["error"] for step in told["steps"]] == [None, None], (code, err)
    assert [doubts(out / step["folder"]) for step in told["steps"]] == [["match rate"], ["match rate"]], (code, err)
    assert clients.lost_but_one_reset() == []
    on = faults(out, told)
    struck = [asked for asked, _, what in clients.calls if what == 503]
    assert {what for *_, what in clients.calls if isinstance(what, int)} == {200, 503}
    assert all(any(start - 0.2 <= asked <= end + 0.2 for start, end in on) for asked in struck)
    assert all(any(start <= asked <= end for asked in struck) for start, end in on)
    longest = clients.longest(began, ended)
    print(f"{len(clients.calls)} calls, longest stretch without an answer {longest:.3f} s")
    assert longest < GAP
    for step in told["steps"]:  # both were judged: by what users got, because whose the calls are is withheld
        assert step["verdict"] == "inconclusive", (step, err)
        assert all(reason.startswith("match rate: ") for reason in step["reasons"]), step
        phases = json.loads((out / step["folder"] / "summary.json").read_text())["phases"]
        calm, struck_by = (phases[name]["success_rate"]["value"] for name in ("baseline", "fault"))
        assert calm > 0.9 and struck_by < 0.1
    assert "standing" not in err
    assert not [*out.glob("standing-*")]


def test_a_standing_proxy_that_dies(app, tmp_path):
    """It says so and another one stands there; when the day is killed none is left."""
    port, first = app
    out = tmp_path / "out"
    day = Started(
        ("gameday", str(plan(tmp_path, port)), "--port", str(first), "--out", str(out)), tmp_path, drawn=False
    )
    eventually(lambda: status(out, 1) == "approval", within=120)
    eventually(lambda: listens(first + 1))
    holders = [int(one.name) for one in Path("/proc").iterdir() if one.name.isdigit() and mine(one, day.mark)]
    assert len(holders) == 1
    os.kill(holders[0], signal.SIGKILL)
    eventually(lambda: "the standing proxy ended by itself" in (out / "log.jsonl").read_text(), within=30)
    eventually(lambda: listens(first + 1), within=60)
    os.kill(day.process.pid, signal.SIGKILL)
    day.end()
    eventually(lambda: not listens(first + 1), within=30)
    eventually(lambda: day.left() == [], within=30)


def mine(process: Path, mark: str) -> bool:
    """Whether a process is a proxy that this test's day started."""
    try:
        return (
            mark.encode() in (process / "environ").read_bytes()
            and b"adapters.proxy" in (process / "cmdline").read_bytes()
        )
    except OSError:
        return False
