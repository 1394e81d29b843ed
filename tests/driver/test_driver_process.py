"""The driver as the supervisor sees it: a process that talks JSON lines and leaves samples."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from handing import handed

from chaosllm.adapters.driver.samples import RECORD
from chaosllm.arrivals import due_times
from chaosllm.record import OUTCOMES, Outcome

pytestmark = pytest.mark.end_to_end

SCENARIO = """\
version: 1
name: drive
hypothesis: The driver sends what is due.
seed: 7
target:
  url: {url}
  timeout: {timeout}
  operation:
    path: {path}
    json: {{message: "{{prompt}}"}}
    answer: $.answer
    {more}
upstreams: [{{provider: openai, url: simulator}}]
load: {{rate: {rate}/s, arrivals: {arrivals}, max_in_flight: {cap}}}
phases:
  - {{name: baseline, duration: {duration}}}
"""


class Driver:
    """A driver process and its talk."""

    def __init__(self, folder: Path, url: str, **given: Any) -> None:
        values = {"path": "/chat", "rate": 50, "arrivals": "poisson", "cap": 500, "duration": "1500ms", "timeout": "5s"}
        scenario = folder / "scenario.yaml"
        scenario.write_text(SCENARIO.format(url=url, **({"more": "method: POST"} | values | given)))
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaosllm.adapters.driver"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
        config = {"packed": handed(scenario), "base": str(folder), "folder": str(folder), "key": "00ff", "target": url}
        self.send(**config)

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def next(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.stderr.read() if self.process.stderr else ""
        return dict(json.loads(line))

    def until(self, kind: str) -> dict[str, Any]:
        while (message := self.next())["type"] != kind:
            assert message["type"] not in ("failure", "error"), message
        return message

    def good(self) -> int:
        """How many good answers it tells of, once there is one."""
        while not (found := self.until("progress")["outcomes"].get("good", 0)):
            pass
        return int(found)

    def start(self) -> None:
        self.until("ready")
        self.send(do="start", t0=monotonic() + 0.1)

    def samples(self) -> list[tuple[Any, ...]]:
        data = (self.folder / "samples.bin").read_bytes()
        return list(RECORD.iter_unpack(data))


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Callable[..., Driver]]:
    started: list[Driver] = []

    def start(url: str, **given: Any) -> Driver:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Driver(folder, url, **given))
        return started[-1]

    yield start
    for driver in started:
        with suppress(ProcessLookupError):
            driver.process.kill()
        driver.process.wait()
        for pipe in (driver.process.stdin, driver.process.stdout, driver.process.stderr):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


@pytest.mark.alone
def test_five_hundred_a_second_through_locust(drive: Any, app: str) -> None:
    """Every due operation is sent within 2 % of the rate, and both files hold all that a later judge needs.

    One round of four is enough, because the machine may hold the last start of a round up, or its first.
    """
    due, spans = due_times(500.0, "poisson", 7, 1.5), []
    right = pytest.approx(due[-1] - due[0], rel=0.02)
    while len(spans) < 4 and right not in spans:
        driver = drive(app, rate=500)
        driver.start()
        progress = driver.until("progress")
        done = driver.until("done")
        samples = sorted(driver.samples())
        spans.append(samples[-1][2] - samples[0][2])
    assert right in spans
    assert progress["phase"] == "baseline"
    assert progress["outcomes"].keys() <= {"good"}
    assert {"t", "due", "sent", "in_flight", "dropped", "p50", "p95", "lag_p99"} <= progress.keys()
    assert done["due"] == done["sent"] == len(due) == len(samples)
    assert (done["dropped"], done["outcomes"]) == (0, {"good": len(due)})
    assert [sample[1] for sample in samples] == pytest.approx(list(due))
    assert 0 <= done["lag_p50"] <= done["lag_p99"]
    lines = {line["operation"]: line for line in map(json.loads, (driver.folder / "samples.jsonl").open())}
    assert len(lines) == len(samples)
    for sample in samples:
        line = lines[sample[0]]
        assert (line["outcome"], OUTCOMES[sample[10]]) == ("good", Outcome.GOOD)
        assert len(b64decode(line["prints"])) == 4 * 10  # shingles of the app's twelve words
        assert sample[1] <= sample[2] <= sample[3] == sample[4] == sample[5]
        assert (sample[6], sample[7], sample[8]) == (200, 1, 54)
    for name in ("samples.bin", "samples.jsonl"):
        assert (driver.folder / name).stat().st_mode & 0o777 == 0o600


def test_an_early_end_keeps_every_sample(drive: Any, app: str) -> None:
    """Stop, end of file and SIGTERM end the load at once with all that had ended on disk, SIGINT does nothing.

    SIGKILL loses at most what came since the last flush.
    """
    drivers = {how: drive(app, rate=50, duration="60s") for how in ("stop", "eof", "term", "kill")}
    for driver in drivers.values():
        driver.start()
        driver.process.send_signal(signal.SIGINT)
    drivers["stop"].send(do="preflight")
    assert drivers["stop"].until("preflight")["outcome"] == "good"
    seen = {how: driver.good() for how, driver in drivers.items()}
    drivers["stop"].send(do="stop")
    drivers["eof"].process.stdin.close()
    drivers["term"].process.send_signal(signal.SIGTERM)
    for how in ("stop", "eof", "term"):
        done = drivers[how].until("done")
        assert drivers[how].process.wait(20) == 0
        assert len(drivers[how].samples()) == done["sent"] - done["unfinished"] >= seen[how] > 0
    drivers["kill"].until("progress")  # written after the flush of what the first progress counted
    drivers["kill"].process.kill()
    drivers["kill"].process.wait(5)
    assert len((drivers["kill"].folder / "samples.bin").read_bytes()) // RECORD.size >= seen["kill"] > 0


def test_a_missing_variable_is_one_sentence(drive: Any, app: str) -> None:
    """A header that wants a variable which is not set ends the driver with its name, exit 3."""
    driver = drive(app, more='headers: {authorization: "${env:CHAOSLLM_TEST_MISSING}"}')
    error = driver.next()
    assert error["type"] == "error"
    assert "CHAOSLLM_TEST_MISSING" in error["what"]
    assert "CHAOSLLM_TEST_MISSING" in error["hint"]
    assert driver.process.wait(20) == 3


def test_locust_runs_the_shipped_file(tmp_path: Path, app: str) -> None:
    """Stock `locust -f` drives the scenario's load, counts it in its own statistics and ends with it."""
    scenario = tmp_path / "scenario.yaml"
    values = {"path": "/chat", "rate": 50, "arrivals": "constant", "cap": 500, "duration": "1s", "timeout": "5s"}
    scenario.write_text(SCENARIO.format(url="http://127.0.0.1:9", more="method: POST", **values))
    locustfile = Path(__file__).parents[2] / "chaosllm/adapters/driver/locustfile.py"
    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", str(locustfile), "--host", app, "--headless", "--json", "-t", "10s"],
        env=os.environ | {"CHAOSLLM_SCENARIO": str(scenario)}, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (stats,) = json.loads(done.stdout)
    assert (stats["name"], stats["num_requests"], stats["num_failures"]) == ("/chat", 50, 0)


@pytest.mark.alone
def test_phases_change_and_the_load_finishes_by_command(drive: Any, app: str) -> None:
    """The driver answers for the very change it made, refuses what is none, and says when all have their answers."""
    longer, ended = drive(app, duration="700ms"), drive(app, path="/slow?s=0.3", duration="60s")
    longer.start()
    longer.send(do="retime", durations=[1.4], version=7)
    assert longer.until("retimed")["version"] == 7
    for wrong in ({}, {"durations": [1.0, 2.0]}, {"durations": ["x"]}, {"durations": None}, {"durations": 5}):
        longer.send(do="retime", version=8, **wrong)
        while (message := longer.next())["type"] == "progress":
            pass
        assert (message["type"], message["what"][:35]) == ("failure", "the driver cannot let phases last s")
    done = longer.until("done")
    assert done["due"] == done["sent"] == len(due_times(50.0, "poisson", 7, 1.4))
    ended.start()
    ended.until("progress")
    ended.send(do="finish")
    done = ended.until("done")
    assert done["outcomes"] == {"good": done["due"]}
    assert done["unfinished"] == 0
    for driver in (longer, ended):
        assert driver.process.wait(20) == 0
