"""A team's own locustfile in the driver process: every request a sample, every mistake a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.request import urlopen

import pytest
from handing import handed

from chaosllm.adapters.driver.samples import RECORD
from chaosllm.record import OUTCOMES, Outcome

pytestmark = pytest.mark.end_to_end

SCENARIO = """\
version: 1
name: drive
seed: 7
target:
  url: {url}
  timeout: {timeout}
  operation: {{path: /chat, answer: $.answer}}
upstreams: [{{provider: openai, url: simulator}}]
load: {{locustfile: locustfile.py, users: 7}}
phases: [{{name: baseline, duration: {duration}, rules: [{rules}]}}]
"""

HEAD = "from locust import FastHttpUser, HttpUser, constant, task\n\n"
ONE = HEAD + "class One({kind}):\n    wait_time = constant(0.02)\n    @task\n    def ask(self):\n        {body}\n"


class Driver:
    """A driver process with a locustfile, and its talk."""

    def __init__(self, folder: Path, url: str, text: str, **said: str) -> None:
        scenario = SCENARIO.format(url=url, **{"duration": "1500ms", "timeout": "10s", "rules": ""} | said)
        (folder / "scenario.yaml").write_text(scenario)
        (folder / "locustfile.py").write_text(text)
        self.folder, self.app = folder, url
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chaosllm.adapters.driver"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
            env={"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", **_environment()},
        )  # fmt: skip
        config = {"packed": handed(folder / "scenario.yaml"), "base": str(folder), "folder": str(folder), "key": "00ff"}
        self.send(**config)

    def send(self, **message: Any) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def until(self, kind: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline():
            message: dict[str, Any] = json.loads(line)  # whatever the locustfile prints, each line is a message
            if message["type"] == kind:
                return message
        raise AssertionError(f"it ended without {kind}")

    def rehearse(self, path: str = "/chat", requests: int = 3) -> dict[str, Any]:
        """What a rehearsal showed that was enough once the app had met so many requests."""
        before, ends = self.met(path), monotonic() + 20
        self.send(do="preflight")
        while self.met(path) < before + requests and monotonic() < ends:
            sleep(0.02)
        self.send(do="enough")
        return self.until("preflight")

    def met(self, path: str) -> int:
        """How often the app was asked for this path."""
        with urlopen(f"{self.app}/seen", timeout=10) as answer:
            return int(json.load(answer)["seen"].get(path, 0))

    def drive(self) -> dict[str, Any]:
        self.until("ready")
        self.send(do="start", t0=monotonic() + 0.1)
        return self.until("done")

    def rows(self) -> list[tuple[Any, ...]]:
        return list(RECORD.iter_unpack((self.folder / "samples.bin").read_bytes()))


def _environment() -> dict[str, str]:

    return {name: value for name, value in os.environ.items() if name.upper() not in ("HTTP_PROXY", "NO_PROXY")}


@pytest.fixture
def locust(tmp_path: Path, app: str) -> Iterator[Callable[[str], Driver]]:
    started: list[Driver] = []

    def start(text: str, **said: str) -> Driver:
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Driver(folder, app, text, **said))
        return started[-1]

    yield start
    for driver in started:
        with suppress(ProcessLookupError):
            driver.process.kill()
        driver.process.wait()
        for pipe in (driver.process.stdin, driver.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_every_request_is_a_sample(locust: Any, kind: str) -> None:
    """Requests of both kinds of users are operations, due when sent, in order, and the app sees a header for each."""
    driver = locust(ONE.format(kind=kind, body='print("x", end=""); self.client.post("/chat", json={"message": "Hi"})'))
    done = driver.drive()
    rows = driver.rows()
    assert done["due"] == done["sent"] == len(rows) > 20, "seven users, 20 ms apart, for 1.5 s"
    assert done["unfinished"] == 0
    assert sorted(row[0] for row in rows) == list(range(len(rows)))
    assert all(row[1] == row[2] <= row[5] and 0 <= row[1] < 1.5 for row in rows)
    assert {(OUTCOMES[row[10]], row[6]) for row in rows} == {(Outcome.GOOD, 200)}
    assert done["tasks"] == {"finished": done["tasks"]["finished"], "raised": 0, "newest": ""}
    assert (done["users_lost"], done["elsewhere"]) == (0, 0)
    assert "lag_p99" not in done, "a closed loop has no lag to praise"


ASKED = {
    'self.client.get("/error")': (Outcome.ERROR, 503, "HTTP 503"),
    'self.client.get("/hang", name="a page")': (Outcome.HANG, 0, "nothing whole within the deadline"),
    'self.client.get("/close")': (Outcome.ERROR, 0, "closed"),
    'with self.client.get("/chat", catch_response=True) as r: r.failure(r.text)':
        (Outcome.WRONG, 200, "refused by the locustfile"),
    'with self.client.get("/chat", catch_response=True) as r: r.json()["secret"]':
        (Outcome.WRONG, 200, "KeyError in the locustfile"),
    'with self.client.get("/error", catch_response=True) as r: r.json()["secret"]': (Outcome.ERROR, 503, "HTTP 503"),
    'with self.client.get("/error", catch_response=True) as r: r.success()': (Outcome.GOOD, 503, ""),
}  # fmt: skip


#: What the two clients call a connection that closes in place of an answer; the quick one tries again when it can.
CLOSED = ("RemoteDisconnected", "HTTPConnectionClosed", "RetriesExceeded")


@pytest.mark.parametrize("kind", ["HttpUser", "FastHttpUser"])
def test_what_becomes_of_a_request(locust: Any, kind: str) -> None:
    """Status, Locust and the locustfile decide together; an answer it trips over is counted too, never quoted."""
    users = [
        f"class User{at}({kind}):\n    @task\n    def ask(self):\n        {body}\n" for at, body in enumerate(ASKED)
    ]
    driver = locust(
        HEAD + "\n".join(users).replace("):\n    @", "):\n    wait_time = constant(0.1)\n    @"), timeout="2s"
    )
    driver.drive()
    seen = {
        (OUTCOMES[row[10]], row[6], "closed" if line["error"] in CLOSED else line["error"])
        for row, line in zip(driver.rows(), map(json.loads, (driver.folder / "samples.jsonl").open()), strict=True)
    }
    assert seen == {*ASKED.values()}
    assert "parcel" not in (driver.folder / "samples.jsonl").read_text()


def test_a_rehearsal_is_no_part_of_the_load(locust: Any) -> None:
    """One user of each class asks until somebody has seen enough; none of it is a sample."""
    text = ONE.format(kind="HttpUser", body='self.client.get("/chat"); self.client.get("http://127.0.0.1:9/x")')
    driver = locust(text)
    driver.until("ready")
    shown = driver.rehearse()
    assert shown["good"] == shown["requests"] >= 1
    assert shown["elsewhere"] >= 1
    driver.send(do="start", t0=monotonic() + 0.1)
    done = driver.until("done")
    assert len(driver.rows()) == done["due"] > 10
    assert min(row[0] for row in driver.rows()) == 0


def test_a_rehearsal_waits_for_the_answer(locust: Any) -> None:
    """Enough is seen when a call passes the proxy, and its answer is still on the way then."""
    driver = locust(ONE.format(kind="FastHttpUser", body='self.client.get("/slow?s=2")'), timeout="10s")
    driver.until("ready")
    shown = driver.rehearse("/slow", requests=1)
    assert (shown["requests"], shown["answered"], shown["error"]) == (1, 1, "")


def test_tasks_that_raise_are_counted(locust: Any) -> None:
    """A rehearsal tells that every task raised, and says where without its words."""
    driver = locust(ONE.format(kind="HttpUser", body='self.client.get("/chat"); {}["secret"]'))
    driver.until("ready")
    shown = driver.rehearse()
    assert shown["finished"] == 0 < shown["raised"]
    assert (shown["place"], shown["last"]) == ("KeyError at locustfile.py:7", "KeyError: 'secret'")


NESTED = """\
class One(HttpUser):
    wait_time = constant(0.02)
    @task
    class Visit(TaskSet):
        @task
        def ask(self):
            self.client.get("/chat")
            self.interrupt()
"""


@pytest.mark.parametrize(
    "text",
    [
        HEAD.replace("task\n", "task, TaskSet\n") + NESTED,
        "from locust.exception import RescheduleTask\n"
        + ONE.format(kind="FastHttpUser", body='self.client.get("/chat"); raise RescheduleTask'),
    ],
)
def test_a_task_may_end_itself(locust: Any, text: str) -> None:
    """One that interrupts its task set, or asks for another task, came to its end as Locust has it."""
    driver = locust(text)
    driver.until("ready")
    shown = driver.rehearse()
    assert shown["finished"] > 0 == shown["raised"]


def test_what_faults_plant_is_looked_for(locust: Any) -> None:
    """An answer with the words that a fault has the model say is marked, under a locustfile as under an open loop."""
    rule = "{fault: content, text: parcel}"
    driver = locust(ONE.format(kind="HttpUser", body='self.client.get("/chat")'), rules=rule)
    driver.drive()
    marks = [json.loads(line)["marks"] for line in (driver.folder / "samples.jsonl").open()]
    assert {*map(tuple, marks)} == {("canary_text",)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import no_such_module\n", ("locustfile.py cannot be loaded: ModuleNotFoundError", "No module named")),
        ("raise SystemExit(3)\n", ("locustfile.py cannot be loaded: SystemExit", "SystemExit: 3")),
        ("raise ValueError('secret')\n", ("locustfile.py cannot be loaded: ValueError", "ValueError: secret")),
        (HEAD, ("locustfile.py has no User class", "")),
        (HEAD + "class Idle(HttpUser):\n    pass\n", ("Idle of locustfile.py has no task", "")),
    ],
)
def test_a_locustfile_that_cannot_run(locust: Any, text: str, says: tuple[str, str]) -> None:
    """What does not import, or has nothing to do, ends the driver, exit 3, blamed on the author.

    The last line of a traceback is in the hint alone, because what went wrong is kept in the run folder.
    """
    driver = locust(text)
    error = driver.until("error")
    assert error["what"].endswith(says[0])
    assert says[1] in error["hint"]
    assert (error["blame"], bool(error["hint"])) == ("scenario", True)
    assert driver.process.wait(20) == 3


def test_a_stop_ends_it_at_once(locust: Any) -> None:
    """What had ended is on disk when somebody stops the run; what was in flight has no sample."""
    driver = locust(ONE.format(kind="HttpUser", body='self.client.get("/slow?s=0.3")'), duration="60s")
    driver.until("ready")
    driver.send(do="start", t0=monotonic())
    driver.until("progress")
    driver.send(do="stop")
    done = driver.until("done")
    assert driver.process.wait(20) == 0
    assert len(driver.rows()) == done["sent"] - done["unfinished"]


def test_live_commands_make_it_longer_and_finish_it(locust: Any) -> None:
    """Users ask on until the new end; once it is to finish nobody asks anew, and the last answers are waited for."""
    slow = ONE.format(kind="HttpUser", body='self.client.get("/slow?s=0.3")')
    longer, ended = locust(slow, duration="600ms"), locust(slow, duration="60s")
    longer.until("ready")
    longer.send(do="start", t0=monotonic() + 0.1)
    longer.send(do="retime", durations=[1.5], version=3)
    assert longer.until("retimed")["version"] == 3
    done = longer.until("done")
    assert done["unfinished"] == 0
    assert max(row[1] for row in longer.rows()) > 0.9
    assert max(row[1] for row in longer.rows()) < 1.6
    ended.until("ready")
    began = monotonic() + 0.1
    ended.send(do="start", t0=began)
    while not ended.until("progress")["sent"]:
        pass
    asked = monotonic() - began
    ended.send(do="finish")
    done = ended.until("done")
    rows = ended.rows()
    assert monotonic() - began < asked + 20
    assert (done["unfinished"], done["sent"]) == (0, len(rows))
    assert max(row[1] for row in rows) < asked + 5, "the load itself would last a minute"
    assert max(row[5] for row in rows) > asked
    assert {OUTCOMES[row[10]] for row in rows} == {Outcome.GOOD}
