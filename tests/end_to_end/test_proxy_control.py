"""`chaosllm proxy` under command: what it takes, how it stops, and that nobody who calls through it pays for that."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import yaml
from proxy_rig import WHOLE, eventually
from running import UNDRAWN, free_port

pytestmark = pytest.mark.end_to_end

BIN = Path(sys.executable).parent / "chaosllm"
#: Seconds from a stop until nobody of a machine with much else to do feels an injected fault, each of which would last
#: for as long as the test does; that one second is enough is what tests/end_to_end/test_run_stops.py measures.
AT_ONCE = 5.0
REFUSED = {"fault": "rate_limit", "match": {"model": "refused"}}
HELD = {"fault": "hang", "for": "ever", "match": {"model": "held"}}


class Proxy:
    """One `chaosllm proxy` in front of `upstream`, and whoever commands it."""

    def __init__(self, folder: Path, upstream: str, phases: list[dict], *options: str, **more: object) -> None:
        self.folder, self._errors = folder, folder / "proxy.err"
        self._runtime = folder / "runtime"
        self._runtime.mkdir(mode=0o700)
        self.lever = folder / "lever"
        written = {
            "version": 1, "name": "steered", "seed": 7, "phases": phases,
            "upstreams": [{"provider": "openai", "url": upstream}],
            "limits": {"safety_lever": str(self.lever)}, **more,
        }  # fmt: skip
        self.users: list[Users] = []
        (folder / "s.yaml").write_text(yaml.safe_dump(written))
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self._runtime), "TMPDIR": str(folder)}
        options = ("--port", str(free_port()), *options)  # because anybody may ask the usual one
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-P", UNDRAWN, "proxy", folder / "s.yaml", "--json", "--out", folder / "out",
                 *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, env=environment,
            )  # fmt: skip
        line = self.process.stdout.readline()
        assert line, self.said
        self.ready = json.loads(line)
        (file,) = self.announced
        self.live = json.loads(file.read_text())
        self._http = httpx.Client(
            base_url=self.live["url"], headers={"authorization": f"Bearer {self.live['token']}"}, trust_env=False,
            timeout=30,
        )  # fmt: skip

    @property
    def said(self) -> str:
        return self._errors.read_text()

    @property
    def announced(self) -> list[Path]:
        return [*self._runtime.glob("chaosllm/*.json")]

    @property
    def state(self) -> dict:
        return self._http.get("/v1/state").json()

    @property
    def events(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "out" / "events.jsonl").read_text().splitlines()]

    def do(self, do: str, **args: object) -> httpx.Response:
        return self._http.post("/v1/commands", json={"do": do, **args})

    def ask(self, model: str = "any") -> httpx.Response:
        """One call of the app, on a connection of its own."""
        url = self.ready["reverse"]["openai"] + "/chat/completions"
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
        return httpx.post(url, json=body, timeout=60, trust_env=False, verify=False)  # so that no roots are read

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def close(self) -> None:
        for one in self.users:
            one.leave(0)
        self._http.close()
        self.process.stdout.close()
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait(10)


class Users:
    """Ask for one model again and again, from several threads; `answers` are (seconds, status), 0 for an error.

    They leave with their proxy, because threads that go on would keep a failed test from its end.
    """

    def __init__(self, proxy: Proxy, *models: str, every: float = 0.03) -> None:
        self.answers: list[tuple[float, int, str]] = []
        self._asking: dict[int, tuple[str, float]] = {}
        self._proxy, self._every, self._over = proxy, every, threading.Event()
        self._threads = [threading.Thread(target=self._use, args=one, daemon=True) for one in enumerate(models)]
        proxy.users.append(self)
        for one in self._threads:
            one.start()

    def _use(self, number: int, model: str) -> None:
        while not self._over.wait(self._every):
            self._asking[number] = model, time.monotonic()
            try:
                status = self._proxy.ask(model).status_code
            except httpx.TransportError:
                status = 0
            self.answers.append((time.monotonic(), status, model))

    def held(self, model: str) -> int:
        """How many of those who ask for it wait for longer than any answer takes that nothing holds."""
        return sum(asked == model and time.monotonic() - at > 1.5 for asked, at in [*self._asking.values()])

    def since(self, moment: float) -> list[int]:
        return [status for at, status, _ in self.answers if at > moment]

    def last(self, status: int) -> float:
        return max(at for at, found, _ in self.answers if found == status)

    def leave(self, within: float = 30) -> None:
        self._over.set()
        for one in self._threads:
            one.join(within)


@pytest.fixture
def start(tmp_path, upstream):
    started = []

    def one(*options, phases=None, **more) -> Proxy:
        phases = phases or [{"name": "on", "duration": "60s", "rules": [REFUSED, HELD]}]
        started.append(proxy := Proxy(tmp_path, upstream.url, phases, *options, **more))
        return proxy

    yield one
    for proxy in started:
        proxy.close()


def test_a_stop_lets_go_what_is_held_and_then_everything_passes_clean(start) -> None:
    """Held calls pass whole, no fault is injected a second later, the proxy stays until Ctrl-C, and ends with 5."""
    proxy = start("--phase", "on")
    users = Users(proxy, "refused", "held", "held")
    eventually(lambda: 429 in users.since(0) and users.held("held") == 2)
    assert 200 not in users.since(0)
    told = proxy.do("stop", text="enough")
    stopped = time.monotonic()
    assert (
        told.json()["result"] == "injection has ended; what calls come pass clean until the proxy ends"
    )  # no run is judged
    assert told.status_code == 200 and told.json()["ok"]
    eventually(lambda: users.since(stopped).count(200) >= 12)
    users.leave()
    assert users.last(429) - stopped <= AT_ONCE
    assert min(at for at, _, model in users.answers if model == "held") - stopped <= AT_ONCE
    assert set(users.since(users.last(429))) == {200}
    assert proxy.ask("held").content == WHOLE
    eventually(lambda: not proxy.announced)
    assert proxy.process.poll() is None
    eventually(lambda: "clean, until Ctrl-C" in proxy.said)
    assert "stopped by" in proxy.said and "enough" in proxy.said
    assert proxy.interrupt() == 5


def test_a_held_phase_is_steered_but_has_no_end(start) -> None:
    """Extend and end are refused, all else works; what users got is null; the token stays where ctl finds it."""
    never = {**REFUSED, "when": {"share": "0%"}}
    quiet = {"name": "quiet", "duration": "1s"}  # over by the clock, which a held phase does not go by
    proxy = start("--phase", "on", phases=[quiet, {"name": "on", "duration": "1s", "rules": [never]}, {
        "name": "other", "duration": "1s", "rules": [REFUSED]}],
        stop_when=["success_rate(2s) < 20%", "spend > 50 USD"])  # fmt: skip
    time.sleep(1.2)
    assert proxy.ask("refused").status_code == 200
    assert proxy.do("trigger", rule="on.0").json()["ok"]
    assert [proxy.ask("refused").status_code for _ in range(2)] == [429, 200]
    assert proxy.do("share", rule="on.0", share="100%").json()["ok"]
    assert proxy.ask("refused").status_code == 429
    for off, on, args in (("pause", "resume", {}), ("disable", "enable", {"rule": "on.0"})):
        assert proxy.do(off, **args).json()["ok"]
        assert proxy.ask("refused").status_code == 200
        assert proxy.do(on, **args).json()["ok"]
        assert proxy.ask("refused").status_code == 429
    for refused in (proxy.do("extend", by="3s"), proxy.do("end"), proxy.do("trigger", rule="other.0")):
        assert refused.status_code == 422 and "held" in refused.json()["error"]["what"]
    assert proxy.do("note", text="all is quiet").json()["ok"]
    eventually(lambda: proxy.ask().status_code == 200 and proxy.state["run"]["figures"]["call_rate"])
    eventually(lambda: proxy.state["run"]["figures"]["injected"] >= 4)
    state = proxy.state
    figures = state["run"]["figures"]
    assert (state["kind"], state["status"], state["run"]["duration"]) == ("proxy", "running", None)
    assert [(one["name"], one["end"]) for one in state["run"]["phases"]] == [("on", None)]
    assert figures["phase"] == "on" and figures["injected"] >= 4 and figures["goodput"] is None is figures["sent"]
    assert next(one["text"] for one in figures["stop_when"]).startswith("spend")
    assert "success_rate" in proxy.said and "not watched" in proxy.said
    shown = subprocess.run(
        [BIN, "ctl", "status"], capture_output=True, text=True, check=True,
        env={**os.environ, "CHAOSLLM_CONTROL": proxy.live["url"], "CHAOSLLM_TOKEN": proxy.live["token"]},
    ).stdout  # fmt: skip
    assert "on, held" in shown and "calls " in shown and "goodput" not in shown
    assert proxy.interrupt() == 0
    log = (proxy.folder / "out" / "log.jsonl").read_text()
    assert "all is quiet" in log and proxy.live["token"] not in log + json.dumps(proxy.ready) + proxy.said
    assert proxy.ready["control"] == {"url": proxy.live["url"]}


def test_attached_users_pass_through_a_lever_without_an_error(start) -> None:
    """A stop costs nobody an error; it is judged at once, as it was steered, and later calls are not in it."""
    proxy = start("--attach", phases=[
        {"name": "baseline", "duration": "1s"}, {"name": "storm", "duration": "90s", "rules": [HELD]}])  # fmt: skip
    assert proxy.do("pause").status_code == 422  # no phase is on yet
    users = Users(proxy, "any", "any", "held", "held")
    eventually(lambda: proxy.state["run"]["figures"] and proxy.state["run"]["figures"]["phase"] == "storm")
    assert proxy.do("extend", by="5s").json()["ok"]
    eventually(lambda: users.held("held") == 2)
    before = time.monotonic()
    proxy.lever.touch()
    eventually((proxy.folder / "out" / "report.html").is_file, within=60)
    eventually(lambda: "clean, until Ctrl-C" in proxy.said)
    size, count = (proxy.folder / "out" / "events.jsonl").stat().st_size, len(users.answers)
    eventually(lambda: len(users.answers) > count + 10)
    users.leave()
    assert set(users.since(0)) == {200}
    held = [at for at, _, model in users.answers if model == "held" and at > before]
    assert min(held) - before <= AT_ONCE
    assert (proxy.folder / "out" / "events.jsonl").stat().st_size == size
    assert proxy.interrupt() == 5
    meta = json.loads((proxy.folder / "out" / "meta.json").read_text())
    assert (meta["stopped"], meta["stop"]["kind"], meta["steering"]["durations"]) == ("lever", "lever", [1.0, 95.0])
    assert [one["why"] for one in proxy.events if one["did"] == "skipped"] == ["let go"] * 2
    assert json.loads((proxy.folder / "out" / "summary.json").read_text())["stopped"] == "lever"


def test_after_the_last_phase_an_attached_proxy_stays(start) -> None:
    """The verdict comes at once; calls pass clean until Ctrl-C, which ends with the verdict's code."""
    proxy = start("--attach", phases=[
        {"name": "baseline", "duration": "500ms"},
        {"name": "storm", "duration": "4s", "rules": [HELD, REFUSED]}])  # fmt: skip
    users = Users(proxy, "refused", "held")
    eventually(lambda: "the phases are over" in proxy.said, within=60)
    over = time.monotonic()
    eventually(lambda: len(users.since(over)) > 5)
    users.leave()
    assert set(users.since(over)) == {200} and 429 in users.since(0)
    assert proxy.interrupt() == 4
    assert json.loads((proxy.folder / "out" / "summary.json").read_text())["stopped"] is None
    (held,) = [one for one in proxy.events if one["model"] == "held" and one["did"] != "passed"]
    assert held["ended"] == "in_flight"  # as the run left it, although its user got an answer then


def test_killed_it_leaves_the_app_its_provider(start) -> None:
    """After kill -9 calls pass clean for as long as they come, and no process is left once they do not."""
    upstreams = [{"provider": "openai", "url": "simulator"}]  # which must stay as long as the proxy does
    proxy = start("--phase", "on", "--proxy-workers", "2", upstreams=upstreams)
    assert len(_marked(proxy.folder)) == 5  # the command, the coordinator, its two workers, and the simulator
    users = Users(proxy, "refused", "held")
    eventually(lambda: 429 in users.since(0))
    proxy.process.kill()
    killed = time.monotonic()
    eventually(lambda: len(users.since(killed + 2.1)) > 3)  # longer than a quiet proxy would stay
    users.leave()
    assert users.last(429) - killed <= AT_ONCE
    assert set(users.since(max(users.last(429), killed))) == {200}
    proxy.process.wait(10)
    eventually(lambda: _marked(proxy.folder) == [])


def test_a_lever_that_is_set_lets_nothing_start(tmp_path, upstream) -> None:
    """Exit 5, and no folder is made for it."""
    (tmp_path / "lever").touch()
    written = {
        "version": 1, "name": "s", "upstreams": [{"provider": "openai", "url": upstream.url}],
        "phases": [{"name": "on", "duration": "1s"}],
    }  # fmt: skip
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(written))
    done = subprocess.run(
        [BIN, "proxy", tmp_path / "s.yaml", "--attach", "--out", tmp_path / "out"], capture_output=True, text=True,
        env={**os.environ, "CHAOSLLM_SAFETY_LEVER": str(tmp_path / "lever")}, check=False,
    )  # fmt: skip
    assert done.returncode == 5 and "safety lever" in done.stderr and done.stdout == ""
    assert not (tmp_path / "out").exists()


def _marked(mark: Path) -> list[str]:
    """The processes that live and have `mark` in their environment, as all have that a proxy of ours started."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):
            if str(mark).encode() in (folder / "environ").read_bytes():
                found.append(folder.name)
    return found
