"""One way to stop a run, once, for real: how long after it the last fault was felt.

    python tests/end_to_end/stop_trials.py 30 3      each way thirty times, three at a time: a table for docs/proofs.md

A fault is felt from the call's decision until its answer is over or, where a stop let it go, until it was let go.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from running import SMALL, Started  # because the folder of tests is no package

from chaosllm.adapters.console import runtime  # as above

WAYS = ("button", "ctl", "lever", "ctrl-c", "stop condition", "dead supervisor")
#: Seconds that the faults last unless something stops them; a trial is over long before.
LONG = "60s"
RULES: list[dict[str, Any]] = [
    {"fault": "hang", "for": "50s", "when": {"share": "20%"}},
    {"fault": "stall", "at": "50%", "for": "50s", "when": {"share": "20%"}},
    {"fault": "latency", "first_token": "20s", "when": {"share": "30%"}},
    {"fault": "error", "status": 500, "when": {"share": "50%"}},
]


@dataclass(frozen=True)
class Trial:
    """`last`: seconds from the stop to the last fault that anybody felt; `clean`: calls that passed after it."""

    way: str
    last: float
    held: int  # calls that a fault held when the stop came
    clean: int
    faulted_later: int  # decided on more than a second after the stop
    exit: int


def scenario(folder: Path, way: str) -> Path:
    """Half of all calls or more are held or refused, by faults that would last far longer than the trial."""
    path = folder / "trial.yaml"
    changes: dict[str, Any] = {
        "name": "trial",
        "load": {"rate": "30/s"},
        "phases": [{"name": "baseline", "duration": "1s"}, {"name": "broken", "duration": LONG, "rules": RULES}],
    }
    if way == "stop condition":
        changes["stop_when"] = ["success_rate(last 2s) < 95%"]
    path.write_text(yaml.safe_dump(SMALL | changes))
    return path


def trial(way: str, folder: Path, app: str = "hardened") -> Trial:
    """Start a run, stop it in this way while its faults are on, and read what the proxy recorded."""
    out, lever = folder / "out", folder / "lever"
    env = {"CHAOSLLM_SAFETY_LEVER": str(lever)} if way == "lever" else {}
    started = Started(
        ("run", str(scenario(folder, way)), "--app", app, "--out", str(out), "--quiet"), folder, env, drawn=False
    )
    running = channel(started.process.pid)
    until_broken(running)
    stopped = stop(way, started, running, lever)
    code = end(started, way)
    meta = json.loads((out / "meta.json").read_text())
    if way == "stop condition":  # it came true when the run said so
        stopped = meta["clock"]["t0"] + meta["stop"]["t"]
    return read(way, out, stopped - meta["clock"]["t0"], code)


def channel(pid: int) -> runtime.LiveRun:
    ends = time.monotonic() + 40
    while time.monotonic() < ends:
        for run in runtime.find():
            if run.pid == pid:
                return run
        time.sleep(0.05)
    raise AssertionError("the run opened no control channel")


def _client(run: runtime.LiveRun) -> httpx.Client:
    return httpx.Client(base_url=run.url, headers={"authorization": f"Bearer {run.token}"}, timeout=30)


def until_broken(run: runtime.LiveRun) -> None:
    """Return once the faults have been on for a second and a half, and hold somebody."""
    ends = time.monotonic() + 60
    with _client(run) as client:
        while time.monotonic() < ends:
            state = client.get("/v1/state").json()
            figures = (state["run"] or {}).get("figures")
            on = figures and figures["t"] > 2.5 and any(rule["in_flight"] for rule in figures["rules"])
            if on or state["status"] == "stopping":
                return
            time.sleep(0.05)
    raise AssertionError("the faults never came on")


def stop(way: str, started: Started, run: runtime.LiveRun, lever: Path) -> float:
    """Do it; the moment before, on the clock of the run."""
    pid = started.process.pid
    if way == "ctl":
        # The process is loaded first: a person presses Enter on a shell that is there.
        began = time.monotonic()
        ctl = [sys.executable, "-m", "chaosllm", "ctl", "stop", "--run", run.url, "trial"]
        subprocess.run(ctl, check=True, env=os.environ | {"CHAOSLLM_TOKEN": run.token}, capture_output=True)
        return began
    with _client(run) as client:
        client.get("/v1/state")  # a console has its connection already
        began = time.monotonic()
        match way:
            case "button":
                client.post("/v1/commands", json={"do": "stop"}).raise_for_status()
            case "lever":
                lever.write_text("")
            case "ctrl-c":
                os.kill(pid, signal.SIGINT)
            case "dead supervisor":
                os.kill(pid, signal.SIGKILL)
    return began


def end(started: Started, way: str) -> int:
    started.process.communicate(timeout=60)
    ends = time.monotonic() + 15
    while started.left() and time.monotonic() < ends:
        time.sleep(0.1)
    assert started.left() == [], f"{way} left processes"
    return int(started.process.returncode)


def read(way: str, out: Path, stopped: float, code: int) -> Trial:
    last, held, clean, later = 0.0, 0, 0, 0
    for line in (out / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        parts = [one for one in event.get("rules", []) if one.get("fired")]
        if not parts:
            clean += event["t"] > stopped and event.get("phase") != "preflight"
            continue
        felt = _felt(event, parts, stopped)
        held += event["t"] < stopped < felt
        last = max(last, felt - stopped)
        later += event["t"] > stopped + 1
    return Trial(way, round(last, 3), held, clean, later, code)


def _felt(event: dict[str, Any], parts: list[dict[str, Any]], stopped: float) -> float:
    """Until when a fault was felt by the app, seconds of the run."""
    if any(one.get("why") == "let go" for one in parts):
        # Held from its decision on, for as long as the proxy measured; the rest is the upstream's time.
        return float(
            max(event["t"], min(event.get("t_end") or stopped, event["t"] + sum(event.get("done", {}).values())))
        )
    return float(event.get("t_end") or stopped + 60)  # never over: it held on


def trials(way: str, count: int, at_a_time: int = 1, trial: Callable[[str, Path], Trial] = trial) -> list[Trial]:
    """So many of one way."""

    def once(_: int) -> Trial:
        with tempfile.TemporaryDirectory() as folder:
            return trial(way, Path(folder))

    with ThreadPoolExecutor(at_a_time) as pool:
        return list(pool.map(once, range(count)))


def row(way: str, found: list[Trial]) -> str:
    """A row of the table."""
    within = sum(one.last <= 1 and not one.faulted_later for one in found)
    return (
        f"| {way} | {within} of {len(found)} | {max(one.last for one in found):.2f} s | "
        f"{sum(one.held for one in found):,} | {sum(one.clean for one in found):,} |"
    )


HEAD = "| stopped by | within 1 s | longest | calls held then | calls that passed clean after |\n|---|---|---|---|---|"


def main() -> None:
    """The table."""
    count, at_a_time = (int(one) for one in (*sys.argv[1:], *("3", "1")[len(sys.argv) - 1 :]))
    rows = []
    for way in WAYS:
        rows.append(row(way, trials(way, count, at_a_time)))
        print(rows[-1], flush=True)
    print(HEAD, *rows, sep="\n")


if __name__ == "__main__":
    main()
