"""`chaosllm run` on a team's own locustfile: joined by header, faulted by phase, marked as a closed loop."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import run, tiny

pytestmark = pytest.mark.end_to_end

LOCUSTFILE = """\
import sys
import gevent
from locust import FastHttpUser, HttpUser, constant, task

class Patient(HttpUser):
    wait_time = constant(0.05)

    @task
    def ask(self):
        with self.client.post("/chat", json={"message": "secret-word"}, catch_response=True) as answer:
            if "answer" not in answer.json():
                answer.failure("no answer, but " + answer.text)

class Quick(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def ask(self):
        print("secret-word")
        print("secret-word", file=sys.stderr)
        gevent.spawn(lambda: {}["secret-word"])
        self.client.post("/chat", json={"message": "secret-word"}, headers={"authorization": "secret-word"})
"""
CLOSED = {"locustfile": "locustfile.py", "users": 6}


def test_a_locustfile_is_driven_faulted_and_judged(tmp_path: Path) -> None:
    """Both kinds of users meet the fault in its phase alone, each call joined to its request; nothing secret stays."""
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    objectives = ["success_rate(baseline) >= 99%", "latency_p50(broken) <= 4s"]
    args = tiny(tmp_path, load=CLOSED, objectives=objectives, target={"operation": None})
    code, summary, err = run(*args, cwd=tmp_path)
    assert code in (0, 1, 4), err
    assert (summary["loop"], summary["match_rate"]) == ("closed", 1.0)
    phases = summary["phases"]
    baseline = phases["baseline"]
    assert baseline["operations"] > 20, "some three hundred on a quiet machine"
    assert baseline["operations"] - baseline["outcomes"]["good"] <= 6, "one a user, sent in its last moments"
    assert 0.3 < phases["broken"]["outcomes"]["error"] / phases["broken"]["operations"] < 0.7
    assert phases["recovery"]["outcomes"]["error"] <= 6, "what was sent in the last moments of the fault"
    (rule,) = summary["injection"]
    assert rule["planned"] == rule["fired"] == rule["delivered"] > 10
    assert [row.get("note", "")[:11] for row in summary["objectives"]] == ["", "closed loop"]
    failed = {check["name"] for check in summary["validity"] if not check["ok"]}
    assert not failed & {"locustfile", "users", "samples", "match rate", "one run", "share of broken.0"}, failed
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert (meta["loop"], meta["preflight"]["raised"], meta["failures"]) == ("closed", 0, [])
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"secret-word" not in path.read_bytes(), path.name


def test_a_locustfile_that_always_raises_is_no_run(tmp_path: Path) -> None:
    """Tasks that raise with no fault on end it before it began: exit 3, the author's, with the last line."""
    text = LOCUSTFILE.replace('        print("secret-word")\n', '        {}["no such key"]\n').replace(
        "in answer.json()", "in 5"
    )
    (tmp_path / "locustfile.py").write_text(text)
    code, printed, err = run(*tiny(tmp_path, load=CLOSED), cwd=tmp_path)
    assert code == 3
    assert printed["error"]["blame"] == "scenario"
    assert "every task of locustfile.py raised with no fault on" in err
    assert "Error: " in err, "the last line of a traceback"
