"""Whose failure it was: what we injected and what the provider did by itself are told apart in every call."""

import random
from collections import Counter

import pytest
from proxy_rig import ProxyChild, RawClient, Upstream, scenario

pytestmark = pytest.mark.end_to_end

CALLS = 2000
#: What the upstream does by itself, as wishes of the rig: an error, or a connection that it breaks.
OWN = ["fail", "close"]


def test_injected_and_real_failures_are_told_apart(tmp_path):
    """The upstream fails in 10 % of calls by itself while we refuse 20 %: 2000 of 2000 are blamed as they should be.

    The upstream's own list of requests says which calls it saw, and each call's number what it did with it.
    """
    upstream = Upstream()
    rules = [("m", {"fault": "error", "status": 500, "when": {"share": "20%"}})]
    proxy = ProxyChild(tmp_path / "run", scenario(*rules), {"openai": upstream.url})
    dice = random.Random(7)
    wishes = [dice.choice(OWN) if dice.random() < 0.1 else "" for _ in range(CALLS)]
    client = RawClient(proxy.ready["reverse"]["openai"])
    statuses = []
    for number, wish in enumerate(wishes):
        answer = client.ask("m", f"n={number} {wish}", stream=False, headers=f"x-number: {number}\r\n")
        statuses.append(answer.status)
        if answer.end != "proper" or answer.headers.get("connection") == "close":
            client.close()
            client = RawClient(proxy.ready["reverse"]["openai"])
    client.close()
    seen = {int(headers["x-number"]) for _, headers, _ in upstream.requests}
    events = proxy.events("m", CALLS)
    assert len(events) == CALLS
    truth = [
        "injected" if number not in seen else "upstream failed" if wish else "upstream"
        for number, wish in enumerate(wishes)
    ]
    told = [
        "injected" if one.get("origin") == "injected" else
        "upstream failed" if one.get("status", 502) >= 400 or one.get("ended", "whole") != "whole" else "upstream"
        for one in events
    ]  # fmt: skip
    assert Counter(zip(truth, told, strict=True)) == Counter((one, one) for one in truth)
    assert 300 < told.count("injected") < 500
    assert 120 < told.count("upstream failed") < 220
    assert [
        one for one, was in zip(events, truth, strict=True) if (one["did"] == "injected") != (was == "injected")
    ] == []
    assert proxy.stop() == 0
    upstream.close()
