"""`run --json`: a JSON object a line, whose last one scripts may rely on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from live_messages import SCENARIO, driver, proxy, scenario

from chaosllm.adapters.supervisor.order import Order, Result
from chaosllm.commands import _runs
from chaosllm.commands._events import Events
from chaosllm.commands._launch import Watchers
from chaosllm.commands._runs import Wanted
from chaosllm.errors import ChaosError, Exit
from chaosllm.live.view import Queue

SUMMARY = {
    "schema": 1, "scenario": "watched", "verdict": "fail",
    "findings": [{"code": "hang", "severity": "critical", "phase": "storm", "count": 3, "evidence": ["op-1"]}],
}  # fmt: skip


def told(out: str) -> list[dict]:
    return [json.loads(line) for line in out.splitlines()]


def tell(events: Events) -> None:
    events.started()
    events.say("running")
    for t in (0, 4, 5, 24, 25, 60):
        events.progress(driver(float(t), 10 * t), proxy(10 * t))
    events.note("the proxy is busy")
    events.finished(SUMMARY | {"folder": "out", "exit": 1})


def test_a_run_as_events(capsys: pytest.CaptureFixture[str]) -> None:
    """A run is told from start to end, phases when they begin, findings before the end, the summary last."""
    tell(Events(scenario(), queue=Queue(2, 3)))
    rows = told(capsys.readouterr().out)
    assert [row["type"] for row in rows] == [
        "started", "stage", "phase", "progress", "progress", "phase", "progress", "progress", "phase", "progress",
        "progress", "note", "finding", "finished",
    ]  # fmt: skip
    assert [row["phase"] for row in rows if row["type"] == "phase"] == ["warmup", "baseline", "storm"]
    first, last = rows[0], rows[-1]
    assert (first["scenario"], first["at"], first["of"], first["duration"]) == ("watched", 2, 3, 60)
    assert first["phases"][2]["rules"][0] == {"rule": "storm.0", "fault": "rate_limit"}
    assert rows[-2] == {"type": "finding", "code": "hang", "severity": "critical", "phase": "storm", "count": 3}
    assert last == {"type": "finished", **SUMMARY, "folder": "out", "exit": 1}


def test_quiet_leaves_the_last_line(capsys: pytest.CaptureFixture[str]) -> None:
    """With --quiet a script reads one line a scenario, as before there were events."""
    tell(Events(scenario(), quiet=True))
    (row,) = told(capsys.readouterr().out)
    assert row["type"] == "finished"


def test_errors_are_told_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    """What an app says cannot write to the terminal that shows the events, and is no second line."""
    events = Events(scenario())
    events.progress(driver(1.0, errors={"\x1b[2J\nx\x9b1m": 3}), proxy())
    out = capsys.readouterr().out
    assert not any(ord(char) < 32 or ord(char) > 126 for char in out.replace("\n", ""))
    assert told(out)[-1]["errors"] == [{"error": "\x1b[2J\nx\x9b1m", "count": 3}]


def test_a_reader_that_left() -> None:
    """A run whose reader went away goes on to its end, without a word of complaint."""
    code = (
        "import sys\nsys.path.insert(0, 'tests')\n"
        "from test_events import Events, scenario, tell\n"
        "sys.stdin.readline()\ntell(Events(scenario()))\nprint('the end', file=sys.stderr)\n"
    )
    tests = Path(__file__).parents[1]
    done = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": f"{tests}{os.pathsep}{tests / 'commands'}"},
    )  # fmt: skip
    assert done.stdout is not None
    done.stdout.close()
    done.stdout = None
    _, err = done.communicate("\n", timeout=60)
    assert (done.returncode, err) == (0, "the end\n")


def test_each_watcher_is_told() -> None:
    """Screen and events are told the same, in the same order."""
    heard: list[tuple] = []
    one = SimpleNamespace(
        say=lambda text: heard.append(("say", text)), note=lambda text: heard.append(("note", text)),
        progress=lambda *both: heard.append(("progress", *both)),
    )  # fmt: skip
    both = Watchers([one, one])
    both.say("a")
    both.note("b")
    both.progress({"t": 1}, {})
    assert heard == [("say", "a")] * 2 + [("note", "b")] * 2 + [("progress", {"t": 1}, {}, ())] * 2


def test_a_run_that_could_not_be(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run has its last line, with its place in the queue handed on, also where there is nothing to judge."""
    orders = [Order(scenario(), SCENARIO, Path()), Order(scenario(), SCENARIO, Path())]
    queues = []

    def launch(order, *, quiet, events, queue):
        queues.append(queue)
        return Result(Exit.COULD_NOT_RUN, None, None, ChaosError("it broke", hint="mend it"))

    monkeypatch.setattr(_runs, "launch", launch)
    assert len([*Wanted(orders, False, ()).each(quiet=True, as_json=True)]) == 2
    rows = told(capsys.readouterr().out)
    assert [row["type"] for row in rows] == ["finished", "finished"]
    assert rows[0] == {
        "type": "finished", "scenario": "watched", "folder": None, "exit": 3,
        "error": {"what": "it broke", "hint": "mend it", "blame": "tool"},
    }  # fmt: skip
    assert queues == [Queue(1, 2, "", 60.0), Queue(2, 2, "1 not run", 0.0)]
