"""`chaosllm ctl` and `chaosllm stop` against a real server with a day on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from served import Served, served

from chaosllm.commands import verbs
from chaosllm.commands._errors import explain
from chaosllm.errors import ChaosError

pytestmark = pytest.mark.end_to_end


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platformdirs.user_runtime_dir", lambda app: str(tmp_path / app))
    for name in ("CHAOSLLM_CONTROL", "CHAOSLLM_TOKEN", "CHAOSLLM_RUN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # a proxy of the environment must not be asked
    monkeypatch.setattr("getpass.getuser", lambda: "ada")


@pytest.fixture
def day(home: None) -> Iterator[Served]:
    with served() as found:
        yield found


def chaosllm(*words: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr, as `__main__` makes them."""
    done = CliRunner().invoke(verbs, [*words], standalone_mode=False)
    if isinstance(done.exception, ChaosError):
        with CliRunner().isolation() as (_, errors, _):
            explain(done.exception)
            return int(done.exception.exit_code), done.stdout, errors.getvalue().decode()
    assert done.exception is None, done.exception
    return int(done.return_value or 0), done.stdout, done.stderr


def test_with_no_run_live_it_says_so() -> None:
    """Exit 3 for every verb, and what to do; the kill switch, too."""
    for words in (["status"], ["pause"], ["approve"], ["watch"], ["note", "x"], ["share", "a", "1%"]):
        code, _, errors = chaosllm("ctl", *words)
        assert (code, "no run is live" in errors) == (3, True), words
    assert chaosllm("stop")[0] == 3


def test_every_command_reaches_the_desk(day: Served) -> None:
    """With what it was given, from the account, or the name that is said; and --json prints the event."""
    assert chaosllm("ctl", "approve", "storm")[:2] == (0, "release-1.4: approve 1\n")
    day.do(lambda: [day.desk.advance() for _ in range(45)])
    given = [
        ("pause",), ("resume",), ("enable", "storm.1"), ("disable", "storm.0"), ("share", "storm.0", "60%"),
        ("share", "storm.2", "0.2"), ("trigger", "storm.0", "--count", "3"), ("extend", "30s"),
        ("extend", "5s", "--phase", "recovery"), ("end",), ("note", "the", "pager", "is quiet"), ("skip",),
    ]  # fmt: skip
    for words in given:
        assert chaosllm("ctl", *words)[0] == 0, words
    assert day.desk.obeyed == [
        ("approve", {"step": 1}), ("pause", {}), ("resume", {}), ("enable", {"rule": "storm.1"}),
        ("disable", {"rule": "storm.0"}), ("share", {"rule": "storm.0", "share": "60%"}),
        ("share", {"rule": "storm.2", "share": 0.2}), ("trigger", {"rule": "storm.0", "count": 3}),
        ("extend", {"by": "30s", "phase": None}), ("extend", {"by": "5s", "phase": "recovery"}),
        ("end", {"phase": None}),
        ("note", {"text": "the pager is quiet"}), ("skip", {"step": 1}),
    ]  # fmt: skip
    assert {one["who"] for one in day.desk.hub.state["commands"]} == {"terminal:ada"}
    code, out, _ = chaosllm("ctl", "stop", "users", "complain", "--json", "--who", "Grace")
    event = json.loads(out)
    assert (code, event["who"], event["args"]) == (0, "terminal:Grace", {"text": "users complain"})
    assert day.desk.hub.state["stop"]["who"] == "terminal:Grace"


def test_status_tells_people_all_of_it(day: Served) -> None:
    """Phase, goodput against baseline, rules with counts, stop conditions with distance, steps, findings."""
    chaosllm("ctl", "approve", "1")
    day.do(lambda: [day.desk.advance() for _ in range(65)])
    code, out, _ = chaosllm("ctl", "status")
    assert code == 0
    for told in (
        "release-1.4: running (game day", "storm, 20s left; 1m5s of 2m", "of baseline", "off storm.1 latency",
        "on  storm.0 rate_limit, share 40%", "success_rate(last 10s) < 20%,", "% now", "USD now", "> running: storm",
        "o waiting: slow",
        " points away", "truncated_accepted (critical) in storm, 7 times", "left of 2h", "spend     ", " in flight",
        " planned",
    ):  # fmt: skip
        assert told in out, (told, out)
    state = json.loads(chaosllm("ctl", "status", "--json")[1])
    assert state == day.do(lambda: day.desk.hub.state)
    rules = state["run"]["figures"]["rules"]
    assert f"injected  {sum(one['fired'] for one in rules)} of {sum(one['planned'] for one in rules)} planned" in out


def test_a_refusal_says_what_and_what_would_work(day: Served) -> None:
    """Exit 2, and the day goes on."""
    chaosllm("ctl", "approve")
    code, _, errors = chaosllm("ctl", "enable", "strom.0")
    assert (code, errors) == (2, "error: there is no rule strom.0\n  try: did you mean `storm.0` or `storm.2`?\n")
    code, _, errors = chaosllm("ctl", "share", "storm.0", "500%")
    assert (code, errors.count("expected"), "try: such as 40%" in errors) == (2, 1, True), errors
    code, _, errors = chaosllm("ctl", "approve", "strom")
    assert (code, "there is no step strom" in errors, "1 (storm), 2 (slow)" in errors) == (2, True, True), errors
    assert chaosllm("ctl", "approve", "3")[0] == 2
    assert chaosllm("ctl", "approve")[0] == 2
    assert chaosllm("ctl", "extend", "30")[0] == 2
    assert chaosllm("ctl", "pause")[0] == 0


def test_several_runs_must_be_told_apart(day: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are listed, exit 2; a name, an address or the variables choose; `stop` means all."""
    with served("nightly") as other:
        code, _, errors = chaosllm("ctl", "status")
        assert code == 2
        assert all(word in errors for word in ("nightly", "release-1.4", day.server.url, other.server.url, "--run"))
        assert chaosllm("ctl", "status", "--run", "nightly")[1].startswith("nightly: waiting")
        assert chaosllm("ctl", "status", "--run", other.server.url)[1].startswith("nightly: waiting")
        assert chaosllm("ctl", "status", "--run", other.server.page)[1].startswith("nightly: waiting")
        assert "did you mean nightly" in chaosllm("ctl", "status", "--run", "nightli")[2]
        monkeypatch.setenv("CHAOSLLM_CONTROL", other.server.url)
        assert chaosllm("ctl", "status")[1].startswith("nightly: waiting")
        monkeypatch.setenv("CHAOSLLM_TOKEN", "wrong")
        assert "does not take the token" in chaosllm("ctl", "status")[2]
        monkeypatch.delenv("CHAOSLLM_CONTROL")
        monkeypatch.delenv("CHAOSLLM_TOKEN")
        code, out, _ = chaosllm("stop", "enough")
        assert (code, out.count("stopping: ")) == (0, 2)
        for one in (day, other):
            assert one.desk.hub.state["stop"]["text"] == "enough"


def test_a_run_that_is_gone_is_said(day: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file whose server does not answer: exit 3 for ctl; the kill switch goes on to the others, and says which."""
    from chaosllm.adapters.console.runtime import announced

    with announced("http://127.0.0.1:1", "t", name="gone", kind="run"):
        code, _, errors = chaosllm("ctl", "pause", "--run", "gone")
        assert (code, "gone at http://127.0.0.1:1 does not answer" in errors) == (3, True)
        monkeypatch.setenv("CHAOSLLM_CONTROL", "http://127.0.0.1:2")  # a run of which nothing but the address is known
        monkeypatch.setenv("CHAOSLLM_TOKEN", "x")
        assert "error: http://127.0.0.1:2 does not answer\n" in chaosllm("ctl", "pause")[2]
        monkeypatch.delenv("CHAOSLLM_CONTROL")
        monkeypatch.delenv("CHAOSLLM_TOKEN")
        code, out, errors = chaosllm("stop", "--json")
        told = {one["run"]: one["stopped"] for one in map(json.loads, out.splitlines())}
        assert (code, told) == (3, {"release-1.4": True, "gone": False})


def test_watch_follows_until_the_end(day: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event with --json, the state first, in a process of its own; lines for people; ends with the run."""
    watch = subprocess.Popen(
        [sys.executable, "-m", "chaosllm", "ctl", "watch", "--json"], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "CHAOSLLM_CONTROL": day.server.page},
    )  # fmt: skip
    assert watch.stdout is not None
    first = json.loads(watch.stdout.readline())
    assert first["type"] == "state"
    chaosllm("ctl", "approve")
    day.do(day.desk.advance)
    day.do(day.desk.hub.publish, "note", who="api", text="one\x1b[2Jtwo")
    chaosllm("ctl", "stop")
    day.do(day.desk.hub.close)
    out, _ = watch.communicate(timeout=20)
    assert watch.returncode == 0
    last = day.desk.hub.state["seq"]
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [*range(first["seq"] + 1, last + 1)]
    code, out, _ = chaosllm("ctl", "watch")
    assert (code, "\x1b" in out, "stopped by terminal:ada" in out) == (0, False, True)


def test_lines_of_events_are_harmless() -> None:
    """Whatever a note, a name or a finding holds, a line stays a line and moves no cursor."""
    from hostile import HOSTILE

    from chaosllm.commands._status import line

    for text in HOSTILE:
        for kind in ("note", "say", "warning", "finding", "stop", "step", "page", "over", "phase", text):
            told = line({"type": kind, "at": 1.0, "t": 2.0, "who": text, "text": text, "title": text, "code": text,
                         "status": text, "phase": text, "to": text, "verdict": text})  # fmt: skip
            assert told is not None
            assert "\n" not in told
            assert "\x1b" not in told
            assert told.isprintable() or "\ue000" in told
