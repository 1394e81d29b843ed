"""An answer that a fault makes up looks like the provider's own: the same headers in the same order, as long ids."""

import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from chaosllm.registry import member, members

pytestmark = pytest.mark.end_to_end

CHAT = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 50}
TURNS = {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]}
BLOCKS = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
GOOGLE = "/v1beta1/projects/p/locations/l/publishers/google/models/{model}:"
PATHS = {
    "anthropic": "/v1/messages", "azure_openai": "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
    "cohere": "/v2/chat", "groq": "/openai/v1/chat/completions", "ollama": "/api/chat",
    "openrouter": "/api/v1/chat/completions",
}  # fmt: skip
#: What the models are called, and by their names the faults that answer in their place.
MODELS = ("good", "empty", "nothing")
RULES = [{"fault": "empty", "match": {"model": "*empty"}},
         {"fault": "malformed", "shape": "empty", "match": {"model": "*nothing"}}]  # fmt: skip


def ask(name, model, *, stream):
    """(path, body) of a call."""
    match name:
        case "gemini" | "vertex":
            path = ("/v1beta/models/{model}:" if name == "gemini" else GOOGLE).format(model=model)
            return path + ("streamGenerateContent?alt=sse" if stream else "generateContent"), TURNS
        case "bedrock":
            return f"/model/anthropic.{model}/converse{'-stream' if stream else ''}", BLOCKS
        case _:
            path = PATHS.get(name, "/v1/chat/completions").format(model=model)
            return path, CHAT | {"model": model, "stream": stream}


@pytest.fixture(scope="module")
def origins(tmp_path_factory):
    """The proxy's address of each provider."""
    folder = tmp_path_factory.mktemp("likeness")
    names = [*members("providers")]
    scenario = {
        "version": 1, "name": "likeness", "seed": 7,
        "upstreams": [{"provider": name, "url": "simulator"} for name in names],
        "phases": [{"name": "on", "duration": "60s", "rules": RULES}],
    }  # fmt: skip
    (folder / "likeness.yaml").write_text(json.dumps(scenario))
    command = [sys.executable, "-m", "chaosllm", "proxy", str(folder / "likeness.yaml"), "--phase", "on", "--json"]
    proxy = subprocess.Popen([*command, "--out", str(folder / "run")], stdout=subprocess.PIPE)
    reverse = json.loads(proxy.stdout.readline())["reverse"]
    yield {name: reverse[name].removesuffix(member("providers", name).base_path) for name in names}
    proxy.send_signal(signal.SIGINT)
    assert proxy.wait(30) == 0
    proxy.stdout.close()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_no_header_tells_that_an_answer_was_made_up(origins, stream):
    """Names, order, the date and the lengths of ids are those of the simulated provider's own answer."""

    def answers(name):
        with httpx.Client(trust_env=False, timeout=30) as http:
            calls = [ask(name, model, stream=stream) for model in MODELS]
            return name, [http.post(origins[name] + path, json=body) for path, body in calls]

    with ThreadPoolExecutor(12) as threads:
        found = dict(threads.map(answers, origins))
    for name, (good, *made_up) in found.items():
        assert [reply.status_code for reply in (good, *made_up)] == [200] * len(MODELS), name
        names = [header for header, _ in good.headers.multi_items()]
        assert len(set(names)) == len(names), name
        for reply in made_up:
            assert [header for header, _ in reply.headers.multi_items()] == names, name
            since = parsedate_to_datetime(reply.headers["date"]) - parsedate_to_datetime(good.headers["date"])
            assert abs(since.total_seconds()) < 60
            for header in names:
                if "id" in header.split("-"):
                    assert len(reply.headers[header]) == len(good.headers[header]), name
                    assert not reply.headers[header].endswith("0000"), name
