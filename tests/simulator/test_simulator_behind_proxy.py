"""A scenario with many simulated upstreams: each is reached through the proxy, and answers as itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest
from simulator_served import simulators

from chaosllm.registry import member

#: Providers that answer on one and the same path, or share a variable.
ALIKE = ("openai", "openai_compatible", "mistral", "ollama")
HELLO = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
TELLING = ("x-request-id", "openai-version", "mistral-correlation-id")


@pytest.mark.end_to_end
def test_providers_that_share_a_path_are_told_apart(tmp_path):
    """The proxy leads each upstream to a simulator of its own: what comes back is what that simulator says itself."""
    upstreams = [{"provider": name, "url": "simulator"} for name in ALIKE]
    scenario = {"version": 1, "name": "many", "seed": 7, "upstreams": upstreams}
    scenario["phases"] = [{"name": "calm", "duration": "60s"}]
    path = tmp_path / "many.yaml"
    path.write_text(json.dumps(scenario))
    proxy = subprocess.Popen(
        [sys.executable, "-m", "chaosllm", "proxy", str(path), "--phase", "calm", "--json"], stdout=subprocess.PIPE
    )
    try:
        ready = json.loads(proxy.stdout.readline())
        with simulators(*ALIKE) as own, httpx.Client(trust_env=False) as http:
            for name in ALIKE:
                origin = ready["reverse"][name].removesuffix(member("providers", name).base_path)
                through, direct = (
                    http.post(f"{url}/v1/chat/completions", json=HELLO) for url in (origin, own.origins[name])
                )
                assert (through.status_code, set(through.json())) == (200, set(direct.json())), name
                told = [{header for header in TELLING if header in reply.headers} for reply in (through, direct)]
                assert told[0] == told[1], name
        assert ready["env"]["OPENAI_BASE_URL"] == ready["reverse"]["openai"]
        assert any(
            "OPENAI_BASE_URL" in note and ready["reverse"]["openai_compatible"] in note for note in ready["notes"]
        )
    finally:
        proxy.send_signal(signal.SIGINT)
        assert proxy.wait(30) == 0
