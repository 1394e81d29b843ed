"""The proxy process from start to stop: clock, commands, calibration, signals, failures of our own."""

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from unittest import mock

import httpx
import pytest
from proxy_rig import EVENTS, TEXT, ProxyChild, RawClient, eventually, scenario
from running import free_port

from chaosllm.__main__ import main
from chaosllm.adapters.proxy.lifecycle import Proxy, Settings
from chaosllm.reader import read
from chaosllm.registry import members

pytestmark = pytest.mark.end_to_end

REFUSE = {"fault": "rate_limit", "retry_after": "2s"}


@pytest.fixture
def started(tmp_path, upstream):
    children = []

    def start(*rules, phases=None, upstreams=None, **config):
        more = {"phases": phases} if phases else {}
        folder = tmp_path / f"run{len(children)}"
        child = ProxyChild(folder, scenario(*rules, **more), upstreams or {"openai": upstream.url}, **config)
        children.append(child)
        return child

    yield start
    for child in children:
        if child.process.poll() is None:
            child.process.kill()
            child.process.wait()


def ask(proxy, model, wishes="", **how):
    client = RawClient(proxy.ready["reverse"]["openai"])
    answer = client.ask(model, wishes, **how)
    client.close()
    return answer


def test_one_life(started):
    """Nothing is injected before the start; then phases follow its clock; `clean` and the end write everything."""
    phases = [{"name": "calm", "duration": "2s"}, {"name": "storm", "duration": "60s", "rules": [REFUSE]}]
    proxy = started(phases=phases, phase=None, calibration="tok")
    url = proxy.ready["reverse"]["openai"]
    folder = proxy.folder / "ca"  # the CA's key is its owner's alone
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert ask(proxy, "early").status == 200

    headers = {"x-chaosllm-calibrate": "tok;delay=0.1"}
    begun = time.monotonic()
    assert httpx.post(url, headers=headers).content == b"{}"
    assert 0.1 <= time.monotonic() - begun < 3
    statuses = [httpx.get(url, headers={"x-chaosllm-calibrate": f"tok;share=0.5;n={n}"}).status_code for n in range(30)]
    assert {200, 429} == {*statuses}
    assert httpx.get(url + "/models", headers={"x-chaosllm-calibrate": "wrong;delay=0"}).json()["id"] == "c"

    t0 = time.monotonic()
    proxy.tell({"do": "start", "t0": t0})
    proxy.status()  # commands are taken in order, so it has begun
    assert ask(proxy, "calm").status == 200
    time.sleep(max(0.0, t0 + 2.2 - time.monotonic()))
    assert ask(proxy, "storm").status == 429
    client = RawClient(url)
    client.send("slow", "gap=30")  # refused as well: the storm is still on
    assert client.receive().status == 429
    proxy.tell({"do": "clean"})
    status = proxy.status()
    assert ask(proxy, "cleaned").status == 200
    client.send("open", "gap=30")
    eventually(lambda: proxy.status()["in_flight"] == 1)

    assert (status["recognised"], status["injected"], status["failures"]) == (4, 2, 0)
    assert status["by_rule"] == {
        "storm.0": {"eligible": 2, "planned": 2, "fired": 2, "delivered": 2, "capped": 0, "in_flight": 0}
    }
    assert 0 <= status["lag_p99"] < 5
    assert proxy.stop() == 0
    events = {one["model"]: one for line in (proxy.folder / "events.jsonl").open() if (one := json.loads(line))}
    assert (events["early"]["phase"], events["early"]["t"] < 0) == ("preflight", True)
    assert (events["calm"]["phase"], events["storm"]["phase"]) == ("calm", "storm")
    assert 2.2 <= events["storm"]["t"] < 30
    assert (events["cleaned"]["did"], events["open"]["ended"]) == ("passed", "in_flight")
    assert len(events) == 6  # calibration is no call
    assert not [*(proxy.folder / "ca").glob("*")]  # nobody should trust this CA again


@pytest.mark.parametrize("how", ["eof", "sigterm"])
def test_the_supervisor_decides_when_it_ends(started, how):
    """End of file and SIGTERM stop it within seconds, with a hung call in flight; SIGINT alone does nothing.

    Of a supervisor that is gone nobody can end a fault any more, so what is held passes first.
    """
    proxy = started(("hang", {"fault": "hang", "for": "ever"}))
    client = RawClient(proxy.ready["reverse"]["openai"])
    client.send("hang")
    eventually(lambda: proxy.status()["in_flight"] == 1)
    proxy.process.send_signal(signal.SIGINT)
    assert proxy.status()["in_flight"] == 1
    begun = time.monotonic()
    if how == "eof":
        proxy.process.stdin.close()
    else:
        proxy.process.send_signal(signal.SIGTERM)
    assert proxy.process.wait(30) == 0
    assert time.monotonic() - begun < 20, "two seconds, for callers that may come back, on a quiet machine"
    (event,) = [json.loads(line) for line in (proxy.folder / "events.jsonl").open()]
    assert event["ended"] == ("whole" if how == "eof" else "in_flight")
    client.close()
    proxy.process.stdout.close()
    proxy.process.stderr.close()


def test_a_busy_port_is_one_sentence(started):
    """Exit code 3, and nothing left behind."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        proxy = started(port=taken.getsockname()[1])
        assert proxy.ready["type"] == "error"
        assert "cannot listen" in proxy.ready["what"]
        assert "--port" in proxy.ready["hint"]
        assert proxy.process.wait(30) == 3
        assert "Traceback" not in proxy.process.stderr.read().decode()


def test_an_upstream_that_is_not_there(started):
    """The connection closes without an answer; the record blames the upstream."""
    with socket.socket() as gone:
        gone.bind(("127.0.0.1", 0))  # and does not listen, so that nobody else can meanwhile
        proxy = started(upstreams={"openai": f"http://127.0.0.1:{gone.getsockname()[1]}"})
        answer = ask(proxy, "gone")
    assert (answer.head, answer.end) == (b"", "fin")
    (event,) = proxy.events("gone")
    assert (event["ended"], event["origin"]) == ("no_answer", "upstream")
    assert "could not be reached" in event["why"]
    assert "could not be reached" in proxy.status()["last_upstream_error"]
    assert proxy.stop() == 0


def test_a_reset_at_accept(started):
    """The connection breaks before anything is read, and is recorded with its rule."""
    proxy = started((None, {"fault": "reset", "at": "accept"}))
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        client = RawClient(proxy.ready["reverse"]["openai"])  # even this may be too late
        for _ in range(20):
            client.send("never")
            if not client.socket.recv(1):
                break
    eventually(lambda: proxy.status()["by_rule"].get("on.0", {}).get("delivered", 0) >= 1)
    assert proxy.status()["recognised"] == 0  # a connection is no call
    assert proxy.stop() == 0


@pytest.mark.parametrize("broken", ["identify", "decide"])
def test_a_plan_that_breaks_lets_the_call_pass_to_its_own_upstream(tmp_path, upstream, broken):
    """Our mistake costs the app nothing, is told, and sends no call for a simulated provider to the real one."""
    found = read(json.dumps(scenario((None, REFUSE)))).unwrap()
    messages = []

    def breaks(*_, **__):
        raise RuntimeError("secret text")

    async def go():
        settings = Settings({"openai": upstream.url}, tmp_path / "ca", folder=tmp_path, key=b"k" * 16, phase="on")
        proxy = Proxy(found, {"openai": members("providers")["openai"]}, settings, report=messages.append)
        ready = await proxy.start()
        setattr(proxy.plan, broken, breaks)
        async with httpx.AsyncClient(timeout=10, proxy=ready["explicit"]) as client:
            body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            answer = await client.post("http://api.openai.com/v1/chat/completions", json=body)
        assert answer.content == b"".join(EVENTS)
        assert proxy.ledger.counts.failures == 1
        await proxy.stop()

    asyncio.run(go())
    assert [one["what"].split(":")[0] for one in messages] == ["RuntimeError at test_proxy_lifecycle.py"]
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").open()]
    kept = [(one["did"], one["origin"], one["ended"]) for one in events]
    assert kept == ([("failed", "proxy", "whole")] if broken == "decide" else [])


def test_our_own_failure_lets_the_call_pass_and_is_recorded(tmp_path, upstream):
    """A player that raises: the app gets every byte, the event says failed, and a failure is reported."""

    class Broken:
        def __getattr__(self, name):
            return getattr(members("providers")["openai"], name)

        def clip(self, *_):
            raise RuntimeError("secret text")

        def shorten(self, *_):
            raise RuntimeError("secret text")

    rules = [("cut", {"fault": "truncate", "shape": "honest", "at": "33%"})]
    (tmp_path / "scenario.yaml").write_text("")
    found = read(json.dumps(scenario(*rules))).unwrap()
    messages = []

    async def go():
        before = asyncio.all_tasks()
        settings = Settings({"openai": upstream.url}, tmp_path / "ca", folder=tmp_path, key=b"k" * 16, phase="on")
        proxy = Proxy(found, {"openai": Broken()}, settings, report=messages.append)
        ready = await proxy.start()
        async with httpx.AsyncClient(timeout=10) as client:
            url = ready["reverse"]["openai"] + "/chat/completions"
            body = {"model": "cut", "messages": [{"role": "user", "content": "hi"}]}
            streamed = await client.post(url, json=body | {"stream": True})
            assert streamed.content == b"".join(EVENTS)
            whole = await client.post(url, json=body)
            assert whole.json()["choices"][0]["message"]["content"] == TEXT
        assert proxy.ledger.counts.failures == 2
        await proxy.stop()
        await asyncio.sleep(0.1)
        assert asyncio.all_tasks() == before

    asyncio.run(go())
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").open()]
    assert [(one["did"], one["origin"]) for one in events] == [("failed", "proxy")] * 2
    assert not any(rule["delivered"] for one in events for rule in one["rules"])
    assert [one["type"] for one in messages] == ["failure"] * 2
    assert "secret" not in json.dumps(messages) + json.dumps(events)


def test_the_command_line_holds_a_phase(tmp_path, upstream):
    """One ready line of JSON with everything an app needs; Ctrl-C ends it with 0 and leaves no process."""
    (tmp_path / "s.yaml").write_text(json.dumps(scenario((None, REFUSE))))
    process = subprocess.Popen(
        [sys.executable, "-m", "chaosllm", "proxy", str(tmp_path / "s.yaml"), "--phase", "on", "--json",
         "--upstream", f"openai={upstream.url}", "--out", str(tmp_path / "out")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    ready = json.loads(process.stdout.readline())
    assert ready["ready"] is True
    env = ready["env"]
    assert env["OPENAI_BASE_URL"] == ready["reverse"]["openai"]
    assert env["HTTPS_PROXY"] == env["https_proxy"] == ready["explicit"]
    assert env["NO_PROXY"] == env["no_proxy"] == "127.0.0.1,localhost,::1"
    assert "OPENAI_API_KEY" not in env  # the upstream is no simulator: the app has its own key
    answer = httpx.post(ready["reverse"]["openai"] + "/chat/completions", json={"model": "m", "messages": []})
    assert answer.status_code == 429
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert "1 calls, 1 injected" in errors
    assert json.loads((tmp_path / "out" / "events.jsonl").read_text())["status"] == 429
    with pytest.raises(httpx.ConnectError):
        httpx.get(ready["explicit"])
    assert not [*tmp_path.glob("chaosllm-proxy-*")]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--phase", "of"], 2, "there is no phase `of`"),
        (["--upstream", "opnai=http://x"], 2, "did you mean"),
        (["--upstream", "openai"], 2, "PROVIDER=URL"),
        (["--upstream", "openai=https://gateway/openai"], 2, "is no origin"),
    ],
)
def test_a_wrong_command_line_is_one_sentence(tmp_path, capsys, arguments, code, says):
    """The right exit code, no traceback, and what was started meanwhile has ended."""
    (tmp_path / "s.yaml").write_text(json.dumps(scenario((None, REFUSE))))
    argv = ["chaosllm", "proxy", str(tmp_path / "s.yaml"), *arguments]
    real = subprocess.Popen
    with (
        mock.patch.object(sys, "argv", argv),
        mock.patch.object(subprocess, "Popen", wraps=subprocess.Popen) as popen,
        pytest.raises(SystemExit) as ended,
    ):
        started = []
        popen.side_effect = lambda *words, **more: started.append(real(*words, **more)) or started[-1]
        main()
    for one in started:
        with pytest.raises(ProcessLookupError):
            os.kill(one.pid, 0)
    errors = capsys.readouterr().err
    assert ended.value.code == code
    assert says in errors
    assert "Traceback" not in errors


WEB = ("--no-web-open-browser", "--web-port", "0")


@pytest.mark.parametrize(("tool", "more"), [("mitmdump", ()), ("mitmweb", WEB)])
def test_a_stock_mitmproxy_injects_too(tmp_path, upstream, tool, more):
    """`mitmdump -s stock.py --set chaosllm_scenario=FILE` and mitmweb refuse as the held phase says."""
    written = scenario((None, REFUSE))
    held = written["phases"][-1]["name"]
    written["phases"].insert(0, {"name": "quiet", "duration": "60s"})
    (tmp_path / "s.yaml").write_text(json.dumps(written))
    port = free_port()
    script = sys.modules["chaosllm.adapters.proxy.lifecycle"].__file__.replace("lifecycle.py", "stock.py")
    process = subprocess.Popen(
        [sys.executable, "-c", f"from mitmproxy.tools.main import {tool}; {tool}()", *more, "-s", script,
         "--set", f"chaosllm_scenario={tmp_path / 's.yaml'}", "--set", f"chaosllm_upstream=openai={upstream.url}",
         "--set", f"chaosllm_phase={held}", "--set", f"chaosllm_out={tmp_path}",
         "--set", f"confdir={tmp_path / 'conf'}",
         "--mode", f"reverse:{upstream.url}@127.0.0.1:{port}"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}/v1/chat/completions"

        def refused():
            try:
                return httpx.post(url, json={"model": "m", "messages": []}).status_code == 429
            except httpx.TransportError:
                return False

        eventually(refused, within=60)
    finally:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert "Traceback" not in out
    assert json.loads((tmp_path / "events.jsonl").read_text().splitlines()[-1])["reason"] == "rate_limit/requests"
