"""`chaosllm proxy --attach` in front of an app that has its own users, and the app's log afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from running import UNDRAWN, free_port

#: Undrawn: a page without pictures is the same page each time, too, and each drawing takes as long as the run.
CHAOSLLM = (sys.executable, "-P", UNDRAWN)
SCENARIO = """\
version: 1
name: attached
seed: 7
target: {operation: {path: /chat}, timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: baseline, duration: 2s}
  - {name: storm, duration: 3s, rules: [{fault: rate_limit, retry_after: 2s, when: {share: 50%}}]}
  - {name: recovery, duration: 2s}
objectives: ["success_rate(storm) >= 50%", retry_after_ignored == 0]
"""


@contextmanager
def attached(tmp_path: Path):
    """(the proxy's process, what it said when it was ready)."""
    scenario = tmp_path / "attached.yaml"
    scenario.write_text(SCENARIO)
    command = [
        *CHAOSLLM,
        "proxy",
        scenario,
        "--attach",
        "--leave",
        "--json",
        "--out",
        tmp_path / "run",
        "--port",
        str(free_port()),
    ]
    with (tmp_path / "proxy.err").open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        process.wait(30)


@contextmanager
def app(tmp_path: Path, ready: dict):
    """The app's address, once it answers."""
    port = free_port()
    file = Path(__file__).parent / "logging_app.py"
    environment = {**os.environ, **ready["env"]}
    process = subprocess.Popen([sys.executable, file, str(port), tmp_path / "access.jsonl"], env=environment)
    try:
        _until(lambda: urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).status == 200)
        yield f"http://127.0.0.1:{port}/chat"
    finally:
        process.kill()
        process.wait()


def _until(true, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError):
            if true():
                return
        time.sleep(0.05)
    raise AssertionError("it never came")


def _ask(url: str, number: int) -> int:
    body = json.dumps({"message": f"question {number}"}).encode()
    headers = {"content-type": "application/json", "x-request-id": f"user-{number}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=30) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def _use(url: str, process: subprocess.Popen, rate: float = 15.0) -> int:
    """Users until the proxy's process is over; how many."""
    began, number = time.monotonic(), 0
    with ThreadPoolExecutor(32) as pool:
        while process.poll() is None and time.monotonic() - began < 7.5:
            pool.submit(_ask, url, number)
            number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))
    return number


def _summary(folder: Path) -> dict:
    return json.loads((folder / "summary.json").read_text())


def test_an_app_with_users_of_its_own_is_judged_by_its_calls_then_by_its_log(tmp_path: Path) -> None:
    """The run folder tells what calls tell; the app's log adds what users got; both render again to the same bytes."""
    with attached(tmp_path) as (process, ready):
        with app(tmp_path, ready) as url:
            _use(url, process)
        code = process.wait(60)
    folder = tmp_path / "run"
    errors = (tmp_path / "proxy.err").read_text()
    found = _summary(folder)
    assert code == 1, errors  # retry_after_ignored == 0 failed
    assert found["source"] == "attached" and found["verdict"] == "fail"
    assert "retry_after_ignored" in {one["code"] for one in found["findings"]}
    assert {row["text"]: row["verdict"] for row in found["objectives"]}["success_rate(storm) >= 50%"] == "inconclusive"
    (rule,) = found["injection"]
    assert rule["delivered"] >= 5 and rule["planned"] == rule["delivered"] + rule["in_flight"]
    assert "user-" not in (folder / "events.jsonl").read_text()  # ids are kept as hashes
    log = tmp_path / "access.jsonl"
    with log.open("a") as file:
        file.write("not a line\n")
    done = subprocess.run(
        [*CHAOSLLM, "report", folder, "--access-log", log], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "not a line" in done.stderr and "/healthz" in done.stderr
    judged = _summary(folder)
    assert judged["source"] == "access_log" and judged["match_rate"] >= 0.9
    assert judged["phases"]["storm"]["success_rate"]["value"] > 0.5
    page = (folder / "report.html").read_bytes()
    subprocess.run([*CHAOSLLM, "report", folder], capture_output=True, check=True)
    assert (folder / "report.html").read_bytes() == page


@pytest.mark.parametrize("called", [True, False])
def test_ctrl_c_keeps_and_judges_what_was_recorded(tmp_path: Path, *, called: bool) -> None:
    """Ctrl-C ends with 130 and leaves a folder that says so, whether a call came or not."""
    with attached(tmp_path) as (process, ready):
        if called:
            with app(tmp_path, ready) as url:
                assert _ask(url, 1) == 200
                _until(lambda: "running" in (tmp_path / "proxy.err").read_text())
        else:
            _until(lambda: "waiting for the app's first call" in (tmp_path / "proxy.err").read_text())
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    found = _summary(tmp_path / "run")
    assert found["stopped"] == "interrupted" and found["verdict"] == "inconclusive"
    assert found["source"] == "attached"
