"""Two consoles on a real run, fifty commands a second between them: none is lost, none is seen by one alone."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running import Started, scenario
from stop_trials import channel as channel_of

from chaosllm.adapters.console.hub import fold

pytestmark = pytest.mark.end_to_end

#: Commands of each console, and seconds between two of its own.
COUNT, APART = 60, 0.04


class Console:
    """Follows the events from the state on, as the page does, and sends commands meanwhile."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self.client = httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30)
        self.state: dict[str, Any] = {}
        self.events: list[dict[str, Any]] = []
        self.answers: list[dict[str, Any]] = []
        self.folding = threading.Lock()
        self.following = threading.Thread(target=self._follow, daemon=True)
        self.following.start()

    def _follow(self) -> None:
        with self.client.stream("GET", "/v1/events", params={"after": -1}) as stream:
            for kind, data in _messages(stream.iter_lines()):
                with self.folding:
                    if kind == "state":
                        self.state = data
                    elif kind == "end":
                        return
                    else:
                        fold(self.state, data)
                        self.events.append(data)

    def copy(self) -> dict[str, Any]:
        """The state of now."""
        with self.folding:
            return json.loads(json.dumps(self.state))

    def command(self) -> None:
        for number in range(COUNT):
            share = round(0.2 + 0.06 * ((number * 7) % 10) + (0.01 if self.name == "b" else 0.0), 2)
            body: dict[str, Any] = {"do": "note", "text": f"{number}"}
            if number % 4 == 0:
                body = {"do": "share", "rule": "broken.0", "share": share}
            found = self.client.post("/v1/commands", json={**body, "id": f"{self.name}{number}", "who": self.name})
            self.answers.append(found.json())
            time.sleep(APART)


def _messages(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    kind, data = "message", ""
    for line in lines:
        if line.startswith("event:"):
            kind = line.partition(":")[2].strip()
        elif line.startswith("data:"):
            data += line.partition(":")[2]
        elif not line and data:
            yield kind, json.loads(data)
            kind, data = "message", ""


def agreed(probe: httpx.Client, consoles: list[Console]) -> list[dict[str, Any]]:
    """The server's state and that of each console, all at one event: a tick a second parts them for a moment."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        states = [probe.get("/v1/state").json(), *(one.copy() for one in consoles)]
        if len({one["seq"] for one in states}) == 1:
            return states
        time.sleep(0.05)
    raise AssertionError("the consoles never came to the server's newest event")


def test_no_command_and_no_event_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both consoles fold to one state, the server's; the log on disk has every command, with who sent it."""
    path = scenario(tmp_path, phases=[
        {"name": "baseline", "duration": "1s"},
        {"name": "broken", "duration": "90s", "rules": [{"fault": "error", "status": 500, "when": {"share": "50%"}}]},
    ])  # fmt: skip
    out = tmp_path / "out"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))  # so that nobody's `chaosllm stop` ends it
    started = Started(("run", str(path), "--app", "hardened", "--out", str(out), "--quiet"), tmp_path, drawn=False)
    run = channel_of(started.process.pid)
    probe = httpx.Client(base_url=run.url, headers={"authorization": f"Bearer {run.token}"}, timeout=30)
    while probe.get("/v1/state").json()["status"] != "running":
        assert started.process.poll() is None, started.end()
        time.sleep(0.05)
    consoles = [Console(name, run.url, run.token) for name in ("a", "b")]
    while not all(one.state for one in consoles):
        time.sleep(0.02)
    sending = [threading.Thread(target=one.command) for one in consoles]
    began = time.monotonic()
    for one in sending:
        one.start()
    for one in sending:
        one.join()
    rate = 2 * COUNT / (time.monotonic() - began)
    states = agreed(probe, consoles)
    probe.post("/v1/commands", json={"do": "stop"})
    assert started.end()[0] == 5
    for one in consoles:
        one.following.join(30)
    wanted = {f"{one.name}{number}" for one in consoles for number in range(COUNT)}
    logged = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    for seen in ([one for one in logged if one["type"] == "command"], *(
        [event for event in one.events if event["type"] == "command"] for one in consoles
    )):  # fmt: skip
        ids = [event["id"] for event in seen if event["id"] in wanted]
        assert len(ids) == len(set(ids)) == len(wanted)
    assert all(event["who"].endswith((":a", ":b")) for event in logged if event.get("id") in wanted)
    for one in consoles:
        seqs = [event["seq"] for event in one.events]
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))  # none is missing, none comes twice
    assert all(one == states[0] for one in states)
    assert rate > 5  # fifty a second where the machine is not busy with other things
