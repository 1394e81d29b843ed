"""Clients that leave at any moment, faults of every kind, an upstream that breaks: nothing may be left behind."""

import asyncio
import os
import random
import ssl
import sys

import httpx
import pytest
from h2.exceptions import ProtocolError
from proxy_rig import ProxyChild, Upstream, eventually, scenario

pytestmark = pytest.mark.end_to_end

RULES = [
    ("refuse", {"fault": "rate_limit"}),
    ("late", {"fault": "latency", "first_token": "100ms", "tokens": "100/s", "jitter": "20%"}),
    *((f"cut-{shape}", {"fault": "truncate", "shape": shape, "at": "50%"})
      for shape in ("honest", "clean", "abrupt", "event", "tool")),
    ("early", {"fault": "truncate", "shape": "clean", "at": "4 tokens"}),
    ("stall", {"fault": "stall", "at": "50%", "for": "200ms"}),
    ("stall-ever", {"fault": "stall", "at": "30%", "for": "ever"}),
    ("hang", {"fault": "hang", "for": "ever"}),
    ("reset-request", {"fault": "reset", "at": "request"}),
    ("reset-body", {"fault": "reset", "at": "50%"}),
    ("overload", {"fault": "overload", "shape": "stream"}),
]  # fmt: skip
WISHES = ["", "gap=0.01", "tool", "break", "close", "gzip", "think=0.05"]


def sockets(pid):
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket")
        except FileNotFoundError:
            continue
    return found


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts sockets in /proc")
def test_nothing_is_left_behind(tmp_path):
    """After 300 calls, most of them abandoned: no call in flight, no failure of ours, no socket more than before."""
    upstream = Upstream()
    proxy = ProxyChild(tmp_path / "run", scenario(*RULES), {"openai": upstream.url})
    idle = sockets(proxy.process.pid)
    dice = random.Random(7)
    context = ssl.create_default_context(cafile=proxy.ready["bundle"])
    models = [*(model for model, _ in RULES), "plain"]

    async def call(client, url):
        ask = {"model": dice.choice(models), "user": dice.choice(WISHES), "stream": dice.random() < 0.7, "messages": []}
        try:
            async with asyncio.timeout(dice.choice([0.05, 0.2, 0.6])), client.stream("POST", url, json=ask) as response:
                async for _ in response.aiter_raw():
                    pass
        except (httpx.HTTPError, TimeoutError, ValueError, ProtocolError):
            pass  # the last two are httpcore's own, when a stream or a connection is cancelled

    async def go():
        explicit = {"proxy": proxy.ready["explicit"], "verify": context, "timeout": 10}
        url = "https://api.openai.com/v1/chat/completions"
        ways = [
            (httpx.AsyncClient(timeout=10), proxy.ready["reverse"]["openai"] + "/chat/completions"),
            (httpx.AsyncClient(**explicit), url),
            (httpx.AsyncClient(**explicit, http2=True), url),
        ]

        async def user():
            for _ in range(15):
                await call(*dice.choice(ways))

        for _ in range(6):  # because on a busy machine many leave before they have asked
            await asyncio.gather(*(user() for _ in range(20)))
            if await asyncio.to_thread(proxy.status) and proxy.messages[-1]["recognised"] > 100:
                break
        for client, _ in ways:
            await client.aclose()

    asyncio.run(go())
    eventually(lambda: proxy.status()["in_flight"] == 0)
    eventually(lambda: sockets(proxy.process.pid) <= idle)
    status = proxy.status()
    assert status["failures"] == 0, [one for one in proxy.messages if one["type"] == "failure"]
    assert status["recognised"] > 100
    assert all(counts["in_flight"] == 0 for counts in status["by_rule"].values())
    assert proxy.stop() == 0
    assert proxy.errors == ""
    upstream.close()
