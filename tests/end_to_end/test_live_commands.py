"""Live commands to real runs over the real channel: what was commanded is what the records show, and who did it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from running import UNDRAWN, Started, tiny

from chaosllm.adapters.console.client import Control
from chaosllm.adapters.console.runtime import find
from chaosllm.adapters.supervisor.log import read
from chaosllm.errors import ChaosError
from chaosllm.live.steering import LEAD

pytestmark = pytest.mark.end_to_end

#: Seconds around a command in which a call may have met the rule as it was before.
SOON = 0.3
RULES = [
    {"fault": "error", "status": 500, "when": {"share": "30%"}},
    {"fault": "error", "status": 503, "when": {"share": "1%"}},
]


def phases(*seconds: float) -> list[dict[str, Any]]:
    names = (("baseline", {}), ("storm", {"rules": RULES}), ("recovery", {}))
    return [{"name": name, "duration": f"{lasts}s", **more} for (name, more), lasts in zip(names, seconds, strict=True)]


class Channel:
    """Commands to one live run."""

    def __init__(self, started: Started) -> None:
        self.started = started
        self._ends = time.monotonic() + 40
        while not (found := [one for one in find() if one.pid == started.process.pid]):
            self._wait()
        self._ends += 60  # for what is waited for by its name below
        self.run = found[0]
        self.control = Control(found[0])

    def _wait(self) -> None:
        assert self.started.process.poll() is None, self.started.end()
        assert time.monotonic() < self._ends
        time.sleep(0.02)

    def state(self) -> dict[str, Any]:
        return self.control.state()

    def running(self) -> None:
        """Wait until the load runs: no command is taken before."""
        while self.state()["status"] != "running":
            self._wait()

    def phase(self, name: str) -> None:
        """Wait until a phase is on."""
        while self.t < next(one["start"] for one in self.state()["run"]["phases"] if one["name"] == name):
            self._wait()

    @property
    def t(self) -> float:
        """The run's second, by the newest event that has one."""
        clock = json.loads((Path(self.run.folder) / "meta.json").read_text())["clock"]
        return time.monotonic() - float(clock["t0"])

    def calls(self, many: int, since: float) -> None:
        """Wait until so many have come after a second of the run, and until the newest are older than SOON."""
        before = self._came(since, 0)
        self._came(since, before + many)
        time.sleep(SOON)

    def _came(self, since: float, least: int) -> int:
        """Calls so far, as told every second, once what is told is newer than `since` and at least `least`."""
        while (now := self.state()["run"]["figures"] or {"t": -1.0})["t"] <= since or now["calls"] < least:
            self._wait()
        return int(now["calls"])

    def say(self, do: str, **more: Any) -> dict[str, Any]:
        return self.control.send({"do": do, "who": "Ada", **more})

    def refused(self, do: str, **more: Any) -> tuple[str, str]:
        with pytest.raises(ChaosError) as caught:
            self.say(do, **more)
        return caught.value.what, caught.value.hint


@dataclass
class Story:
    """A run that was commanded, when it was over."""

    folder: Path
    code: int
    err: str
    t: dict[str, float] = field(default_factory=dict)  # of each command that was done, as its event says
    refusals: dict[str, tuple[str, str]] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def json(self, name: str) -> dict[str, Any]:
        return dict(json.loads((self.folder / name).read_text()))

    def calls(self, begins: float, ends: float) -> list[dict[str, Any]]:
        """The events of calls between two seconds of the run."""
        events = [json.loads(line) for line in (self.folder / "events.jsonl").read_text().splitlines()]
        return [one for one in events if one["phase"] != "preflight" and begins <= one["t"] < ends]

    def fired(self, rule: str, begins: float, ends: float) -> tuple[int, int]:
        """How many calls met a rule between two seconds, and how many of them it struck."""
        met = [part for call in self.calls(begins, ends) for part in call.get("rules", ()) if part["rule"] == rule]
        return len(met), sum(part["fired"] for part in met)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A place of its own for the files of live runs."""
    folder = tmp_path_factory.mktemp("runtime")
    folder.chmod(0o700)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_RUNTIME_DIR", str(folder))
        yield {"XDG_RUNTIME_DIR": str(folder)}


@contextmanager
def started(folder: Path, env: dict[str, str], *options: str, script: Path = UNDRAWN, **changes: Any) -> Iterator[Any]:
    """A run and its channel; nothing of it is left, whatever goes wrong in between."""
    args = ("run", "--out", str(folder / "out"), *options, *tiny(folder, **changes))
    found = {"PYTHONPATH": str(UNDRAWN.parent)} if script != UNDRAWN else {}
    run = Started(args, folder, env | found, drawn=False, script=script)
    try:
        yield run, Channel(run)
    finally:
        if run.process.poll() is None:
            run.process.send_signal(signal.SIGCONT)
            run.process.terminate()
            run.end(20)


@pytest.fixture(scope="module")
def story(runtime: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A run of some ten seconds in which nearly everything is commanded; its faults end by a command."""
    folder = tmp_path_factory.mktemp("story")
    rate = {"rate": "60/s"}
    with started(folder, runtime, "--proxy-workers", "2", phases=phases(3, 60, 60), load=rate) as (run, channel):
        told = lead(channel, folder)
        told.code, _, told.err = run.end(40)
        assert run.left() == []
    assert find() == []
    return told


def lead(channel: Channel, folder: Path) -> Story:
    """Command this and that."""
    early = channel.refused("pause")
    channel.running()
    told = Story(folder / "out", -1, "")
    told.refusals["early"] = early

    def say(name: str, do: str, wait: float = 0.0, calls: int = 0, **more: Any) -> None:
        told.t[name] = channel.say(do, **more)["t"]
        time.sleep(wait)
        if calls:
            channel.calls(calls, told.t[name])

    channel.phase("baseline")
    say("longer", "extend", by="400ms")
    say("note", "note", text="the dashboards\u2028show 😀 \ud800 it\x1b[31m")
    told.refusals["future"] = channel.refused("trigger", rule="storm.0")
    channel.phase("storm")
    time.sleep(SOON)
    say("up", "share", rule="storm.0", share="90%", calls=30)
    say("down", "share", rule="storm.0", share=0.1, calls=30)
    say("paused", "pause", calls=15)
    told.seen["paused"] = channel.state()
    say("resumed", "resume", wait=0.2)
    say("off", "disable", rule="storm.0", wait=0.2)
    say("trigger", "trigger", rule="storm.1", count=2, calls=30)
    told.refusals |= {
        "rule": channel.refused("disable", rule="strom.0"),
        "twice": channel.refused("disable", rule="storm.0"),
        "field": channel.refused("share", rule="storm.0", shre="1%"),
        "phase": channel.refused("end", phase="baseline"),
        "word": channel.refused("stpo"),
        "day": channel.refused("approve", step=1),
    }
    told.t["once"] = channel.say("enable", rule="storm.0", id="the-same")["t"]
    told.seen["again"] = channel.say("enable", rule="storm.0", id="the-same")
    say("end", "end", wait=LEAD + 0.5)
    say("last", "end")
    told.seen["last"] = channel.state()
    return told


def test_the_run_ends_as_it_was_led(story: Story) -> None:
    """It is over when its last phase was ended, and judged: nothing was lost, nothing stopped it."""
    assert story.code in (0, 1, 4), story.err
    meta, summary = story.json("meta.json"), story.json("summary.json")
    assert (meta["stopped"], meta["failures"]) == (None, [])
    assert (summary["stopped"], summary["stop"]) == (None, None)
    wrong = {row["name"] for row in summary["validity"] if not row["ok"]}
    assert not wrong & {"records", "samples", "events", "one run", "whole run", "internal failures", "match rate"}
    assert not [name for name in wrong if name.startswith(("share", "delivery"))], summary["validity"]
    assert "Traceback" not in story.err


def test_phases_are_as_long_as_they_were_made(story: Story) -> None:
    """meta.json, the summary and the state tell of the same phases, and operations belong to them."""
    longer, ended, last = story.json("meta.json")["steering"]["durations"]
    assert longer == pytest.approx(3.4)
    for border, done in ((longer + ended, story.t["end"]), (longer + ended + last, story.t["last"])):
        assert -0.01 < done + LEAD - border < 3, "a command is done once proxy and driver have said so"
    borders = [0, longer, longer + ended, longer + ended + last]
    told = [edge for one in story.seen["last"]["run"]["phases"] for edge in (one["start"], one["end"])]
    assert told == pytest.approx([borders[0], borders[1], borders[1], borders[2], borders[2], borders[3]], abs=2e-3)
    summary = story.json("summary.json")["phases"]
    operations = [summary[name]["operations"] for name in ("baseline", "storm", "recovery")]
    assert operations == [pytest.approx(60 * seconds, rel=0.4) for seconds in (longer, ended, last)]
    due = [call for call in story.calls(0, 99) if call["phase"] == "recovery"]
    assert all(call["t"] >= borders[2] for call in due)
    assert sum(operations) == story.json("meta.json")["driver"]["due"], "nobody came before the first, after the last"


def test_a_share_is_what_the_calls_meet(story: Story) -> None:
    """Higher, then lower, from one moment to the next, at both proxies."""
    met, struck = story.fired("storm.0", story.t["up"], story.t["down"] - SOON)
    assert met > 20
    assert struck / met > 0.7
    met, struck = story.fired("storm.0", story.t["down"], story.t["paused"] - SOON)
    assert met > 20
    assert struck / met < 0.3


def test_a_pause_is_a_gap(story: Story) -> None:
    """Calls go on and meet nothing, and the state shows the band."""
    calls = story.calls(story.t["paused"], story.t["resumed"] - SOON)
    assert len(calls) > 10
    assert not any(call.get("rules") for call in calls)
    assert story.seen["paused"]["status"] == "paused"
    assert story.seen["paused"]["run"]["paused"] is True
    bands = story.seen["last"]["run"]["bands"]
    assert [(one["text"], one["rule"]) for one in bands] == [("paused", None), ("storm.0 off", "storm.0")]
    assert bands[0]["start"] == pytest.approx(story.t["paused"], abs=0.1)
    assert bands[0]["end"] == pytest.approx(story.t["resumed"], abs=0.1)


def test_what_is_off_meets_nobody_and_a_trigger_strikes_so_often(story: Story) -> None:
    """Two calls of two proxies, by hand; the rule that is off has no eligible call meanwhile."""
    begins, ends = story.t["trigger"], story.t["once"] - SOON
    met, by_hand = story.fired("storm.1", begins - 0.05, ends)
    assert met > 20
    assert 2 <= by_hand <= 2 + 3 + 0.05 * met, "the others by its own 1 %"
    assert story.fired("storm.0", begins, ends) == (0, 0)
    assert story.json("meta.json")["steering"]["rules"] == {
        "storm.0": {"on": True, "share": 0.1, "owed": 0},
        "storm.1": {"on": True, "share": None, "owed": 2},
    }


def test_the_log_has_every_command_with_who_and_when(story: Story) -> None:
    """Done or refused, in order, each once; what a note says comes whole but for what no text may hold."""
    events = read(story.folder)
    commands = [one for one in events if one["type"] == "command"]
    assert [(one["do"], one["ok"]) for one in commands] == [
        ("pause", False), ("extend", True), ("note", True), ("trigger", False), ("share", True), ("share", True),
        ("pause", True), ("resume", True), ("disable", True), ("trigger", True), ("disable", False), ("disable", False),
        ("share", False), ("end", False), ("stpo", False), ("approve", False), ("enable", True), ("end", True),
        ("end", True),
    ]  # fmt: skip
    assert {one["who"] for one in commands} == {"terminal:Ada"}
    times = [one["t"] for one in commands[1:]]
    assert times == sorted(times)
    assert commands[0]["t"] is None, "before the load there is no second of the run"
    assert all(time.time() - 600 < one["at"] < time.time() for one in commands)
    assert commands[-3]["id"] == "the-same" == story.seen["again"]["id"]
    assert story.seen["again"]["seq"] == commands[-3]["seq"]
    assert commands[2]["args"]["text"] == "the dashboards\u2028show 😀 ? it\x1b[31m", "as it came, on one line"
    (note,) = [one for one in events if one["type"] == "note"]
    assert note["text"] == "the dashboardsshow 😀  it[31m"
    assert [one["seq"] for one in events] == sorted({one["seq"] for one in events})
    assert [one["phase"] for one in events if one["type"] == "phase"][:2] == ["baseline", "storm"]
    assert "tick" not in {one["type"] for one in events}
    assert (story.folder / "log.jsonl").stat().st_mode & 0o777 == 0o600


def test_refusals_say_what_would_work(story: Story) -> None:
    """The words of the core reach the one who asked, and the log."""
    said = story.refusals
    assert said["early"][0] == "the run has not begun: its processes are starting"
    assert said["future"][0].startswith("storm.0 belongs to the phase storm, which begins in ")
    assert said["rule"] == ("there is no rule `strom.0`", "did you mean `storm.0` or `storm.1`?")
    assert said["twice"][0] == "storm.0 is off already"
    assert said["field"] == ("share takes no `shre`", "did you mean `share`?")
    assert said["phase"][0] == "the phase baseline is over"
    assert said["word"] == ("there is no command `stpo`", "did you mean `stop`?")
    assert said["day"][0] == "`approve` is for the steps of a game day, and this is a run"
    told = [one["result"]["what"] for one in read(story.folder) if one["type"] == "command" and not one["ok"]]
    assert told == [what for what, _ in said.values()]


# Stops -------------------------------------------------------------------------------------------


def judged_as_stopped(story: Story, kind: str, who: str) -> float:
    """What every stop leaves behind; the second of the run at which it came."""
    assert story.code == 5, story.err
    meta, summary = story.json("meta.json"), story.json("summary.json")
    assert (meta["stopped"], meta["stop"]["kind"], meta["stop"]["who"]) == (kind, kind, who)
    assert (summary["stopped"], summary["stop"]) == (kind, meta["stop"])
    assert meta["failures"] == []
    assert summary["verdict"] in ("fail", "inconclusive")
    assert {row["name"]: row["ok"] for row in summary["validity"]}["whole run"] is False
    assert summary["phases"]["baseline"]["operations"] > 5, "judged as far as it came"
    assert (story.folder / "report.html").is_file()
    assert "Traceback" not in story.err
    return float(meta["stop"]["t"])


@pytest.fixture(scope="module")
def stops(runtime: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Story]:
    """Two runs at once, one of which is stopped by hand, and the other frozen for longer than its lease."""
    command, frozen = tmp_path_factory.mktemp("command"), tmp_path_factory.mktemp("frozen")
    lease = Path(__file__).with_name("short_lease.py")
    with ExitStack() as stack:
        both = {
            "command": stack.enter_context(started(command, runtime, phases=phases(1, 60, 2))),
            "frozen": stack.enter_context(started(frozen, runtime, script=lease, phases=phases(1, 60, 2))),
        }
        return stop_both({name: run for name, (run, _) in both.items()}, {name: one for name, (_, one) in both.items()})


def stop_both(runs: dict[str, Started], channels: dict[str, Channel]) -> dict[str, Story]:
    """The one by a command, the other by silence."""
    found = {name: Story(Path(channel.run.folder), -1, "") for name, channel in channels.items()}
    for channel in channels.values():
        channel.running()
        channel.phase("storm")
    channels["command"].say("pause")
    time.sleep(0.7)
    os.kill(runs["frozen"].process.pid, signal.SIGSTOP)
    frozen_at = found["frozen"].t["frozen"] = channels["frozen"].t
    found["command"].t["stop"] = channels["command"].say("stop", text="users complain")["t"]
    found["command"].refusals["after"] = channels["command"].refused("resume")
    found["command"].refusals["twice"] = channels["command"].refused("stop")
    time.sleep(max(0.0, frozen_at + 4.5 - channels["frozen"].t))
    os.kill(runs["frozen"].process.pid, signal.SIGCONT)
    for name, run in runs.items():
        found[name].code, _, found[name].err = run.end(40)
        assert run.left() == []
    return found


def test_a_stop_ends_injection_and_the_run_is_judged(stops: dict[str, Story]) -> None:
    """Exit code 5; who stopped it and why stand in the record; nobody was cut off in the middle."""
    story = stops["command"]
    at = judged_as_stopped(story, "command", "terminal:Ada")
    assert story.json("meta.json")["stop"]["text"] == "users complain"
    assert at == pytest.approx(story.t["stop"], abs=0.2)
    assert not any(call.get("rules") for call in story.calls(at + 0.05, 99))
    assert story.json("meta.json")["driver"]["unfinished"] == 0
    assert story.refusals["after"][0] == "the run is being stopped"
    assert story.refusals["twice"] == ("nothing runs that could be stopped", "")
    log = read(story.folder)
    (event,) = [one for one in log if one["type"] == "stop"]
    assert (event["kind"], event["who"], event["text"]) == ("command", "terminal:Ada", "users complain")
    assert [(one["do"], one["ok"]) for one in log if one["type"] == "command"] == [
        ("pause", True), ("stop", True), ("resume", False), ("stop", False)
    ]  # fmt: skip


def test_a_frozen_supervisor_ends_injection(stops: dict[str, Story]) -> None:
    """Nobody could press a button: after the lease calls pass clean, and the run ends as stopped once it thaws."""
    story = stops["frozen"]
    judged_as_stopped(story, "dead_man", "chaosllm")
    assert story.json("meta.json")["stop"]["text"] == "the proxy heard nothing from its supervisor for 2s"
    frozen = story.t["frozen"]
    assert any(call.get("rules") for call in story.calls(frozen - 0.7, frozen + 0.5))
    clean = story.calls(frozen + 3.2, frozen + 4.4)
    assert len(clean) > 5
    assert not any(call.get("rules") for call in clean)
