"""The simulator as a process: its config, its ready line, and every way in which it ends."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from click.testing import CliRunner
from end_to_end.running import free_port

from chaosllm.commands.simulate import command
from chaosllm.errors import ChaosError, Exit
from chaosllm.registry import members
from chaosllm.simulator.__main__ import build
from chaosllm.simulator.serve import listen_for, share_out

CHILD = [sys.executable, "-m", "chaosllm.simulator"]
VERB = [sys.executable, "-m", "chaosllm", "simulate"]


def start(config: dict) -> subprocess.Popen:
    child = subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child.stdin.write(json.dumps(config).encode() + b"\n")
    child.stdin.flush()
    return child


@pytest.mark.end_to_end
@pytest.mark.parametrize("how", ["eof", "stop", "SIGTERM", "SIGINT"])
def test_child_ends_when_it_should(how):
    """End of file on stdin, the stop command and both signals end the child with exit code 0 and its vital signs."""
    child = start({"host": "127.0.0.1", "port": 0, "seed": 7, "latency": {"first_token": "1ms"}})
    message = json.loads(child.stdout.readline())
    assert message["type"] == "ready"
    assert httpx.get(f"{message['url']}/healthz").json()["ok"] is True
    if how == "eof":
        child.stdin.close()
    elif how == "stop":
        child.stdin.write(b'{"do": "stop"}\n')
        child.stdin.flush()
    else:
        child.send_signal(getattr(signal, how))
    assert child.wait(30) == 0
    assert [json.loads(line)["type"] for line in child.stdout.read().splitlines()] == ["vitals"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"",
        b"[]",
        b"null",
        b'{"latency": {"tokens": "fast"}}',
        b'{"port": "x"}',
        b'{"fail": 3}',
        b'{"fail": "3"}',
        b'{"providers": 5}',
    ],
)
def test_bad_config(line):
    """A config that cannot be used is one sentence, and the exit code for what could not run."""
    with pytest.raises(ChaosError, match="config cannot be used") as caught:
        build(line)
    assert caught.value.exit_code == Exit.COULD_NOT_RUN


@pytest.mark.end_to_end
def test_busy_port():
    """A port that is taken is one clear sentence, from the child and from the verb."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        child = start({"port": port})
        assert f"127.0.0.1:{port}" in json.loads(child.stdout.readline())["what"]
        assert child.wait(30) == Exit.COULD_NOT_RUN
        result = CliRunner().invoke(command, ["--port", str(port)])
        assert isinstance(result.exception, ChaosError)
        assert result.exception.exit_code == Exit.COULD_NOT_RUN
        ended = subprocess.run([*VERB, "--port", str(port)], capture_output=True, text=True, timeout=30, check=False)
        assert ended.returncode == Exit.COULD_NOT_RUN
        assert str(port) in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.end_to_end
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_verb(number):
    """`simulate --json` prints one ready line whose base URLs work, takes options from the environment, ends with 0."""
    environment = {**os.environ, "CHAOSLLM_SIMULATE_FIRST_TOKEN": "1ms"}
    verb = subprocess.Popen(
        [*VERB, "--json", "--seed", "7"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment
    )
    line = json.loads(verb.stdout.readline())
    assert line["ready"] is True
    assert set(line["reverse"]) == set(line["origins"]) == set(members("providers"))
    assert line["reverse"]["openai"] == f"{line['origins']['openai']}/v1"
    assert line["reverse"]["anthropic"] == line["origins"]["anthropic"]
    assert len({line["url"], *line["origins"].values()}) == 1 + len(line["origins"])
    body = {"model": "gpt-4o", "max_tokens": 3, "messages": [{"role": "user", "content": "x"}]}
    assert httpx.post(f"{line['reverse']['openai']}/chat/completions", json=body).status_code == 200
    verb.send_signal(number)
    out, err = verb.communicate(timeout=30)
    assert (verb.returncode, out, err) == (0, b"", b"")


def test_verb_for_one_provider(monkeypatch):
    """One provider has one address, the shared one; an unknown provider is named before anything listens."""
    shown = []
    monkeypatch.setattr("chaosllm.simulator.serve.serve", lambda app, listeners, ready: shown.append((app, listeners)))
    assert CliRunner().invoke(command, ["--provider", "anthropic", "--compress"]).exit_code == 0
    ((app, listeners),) = shown
    ready = share_out(app, listeners)
    listeners[0].close()
    assert (len(listeners), ready.origins) == (1, {"anthropic": ready.url})
    assert CliRunner().invoke(command, ["--provider", "ollama", "--provider", "groq"]).exit_code == 0
    app, listeners = shown[1]
    assert list(share_out(app, listeners).origins) == ["ollama", "groq"]
    for listener in listeners:
        listener.close()
    wrong = CliRunner().invoke(command, ["--provider", "openia"])
    assert isinstance(wrong.exception, ChaosError)
    assert "openai" in wrong.exception.hint


def test_verb_for_people(monkeypatch):
    """What is printed can be pasted whole: no variable twice, and all that an SDK wants to start."""

    def serve(app, listeners, ready):
        ready(share_out(app, listeners))
        for listener in listeners:
            listener.close()

    monkeypatch.setattr("chaosllm.simulator.serve.serve", serve)
    said = CliRunner().invoke(command, []).output
    exported = [line.split("=")[0].split()[1] for line in said.splitlines() if "  export " in line]
    assert len(exported) == len(set(exported))
    assert {"OPENAI_BASE_URL", "AWS_DEFAULT_REGION", "AWS_SECRET_ACCESS_KEY", "OLLAMA_HOST"} <= set(exported)
    assert all(f"# {provider.title}: http" in said for provider in members("providers").values())


def test_ports_follow_each_other():
    """With a port given the providers' own come right behind it, and none is left open when one is taken."""
    providers = [*members("providers").values()][:2]
    port = free_port()
    listeners = listen_for(providers, "127.0.0.1", port)
    assert [listener.getsockname()[1] for listener in listeners] == [port, port + 1, port + 2]
    for listener in listeners[:2]:
        listener.close()
    with pytest.raises(ChaosError, match=f"127.0.0.1:{port + 2}"):
        listen_for(providers, "127.0.0.1", port)
    listeners[2].close()
    for listener in listen_for(providers, "127.0.0.1", port):
        listener.close()


@pytest.mark.parametrize(
    "options",
    [["--first-token", "300"], ["--tokens", "fast"], ["--fail", "10"], ["--first-token-p95", "1ms"], ["--port", "-1"]],
)
def test_verb_refuses(options):
    """A wrong option is a usage error that names the option, before anything listens."""
    result = CliRunner().invoke(command, options)
    assert result.exit_code == Exit.USAGE
    assert options[0] in result.output


def test_help_is_light():
    """`simulate --help` loads neither the server nor pydantic."""
    code = (
        "import sys; from chaosllm.commands.simulate import command\n"
        "try: command(['--help'])\nexcept SystemExit: pass\n"
        "print([name for name in ('uvicorn', 'pydantic', 'numpy', 'mitmproxy') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.endswith("[]\n")
    assert "--first-token" in ran.stdout
