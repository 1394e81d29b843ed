"""Limits that live, through a real proxy: headers that count down, places that come free, money that runs out."""

import json
import time

import pytest
from proxy_rig import ProxyChild, RawClient, eventually, scenario

pytestmark = pytest.mark.end_to_end

LEFT = "x-ratelimit-remaining-requests"
RULES = [
    ("counted", {"fault": "rate_limit", "buckets": {"rpm": 2, "tpm": 1000}}),
    ("lied", {"fault": "rate_limit", "buckets": {"rpm": 1}, "headers": "lie"}),
    ("empty", {"fault": "rate_limit", "buckets": {"rpm": 5}}),
    ("empty", {"fault": "empty", "when": {"every": 2}}),
    ("hidden", {"fault": "rate_limit", "buckets": {"rpm": 1}, "headers": "none"}),
    ("placed", {"fault": "rate_limit", "buckets": {"concurrency": 1}}),
    # A model without a price costs 2.50 USD per million tokens in and 10 USD out: 0.0002125 USD an answer here.
    ("paid", {"fault": "quota", "kind": "credit", "budget": "0.0004 USD"}),
]


@pytest.fixture(scope="module")
def proxy(upstream, tmp_path_factory):
    proxy = ProxyChild(tmp_path_factory.mktemp("proxy") / "run", scenario(*RULES), {"openai": upstream.url})
    yield proxy
    assert proxy.stop() == 0
    assert not [one for one in proxy.messages if one["type"] == "failure"]
    assert proxy.errors == ""


@pytest.fixture
def client(proxy):
    client = RawClient(proxy.ready["reverse"]["openai"])
    yield client
    client.close()


def test_good_answers_count_down_and_the_refusal_agrees(client):
    """The answer's own usage takes the estimate's place before the next call, streamed or not."""
    begun = time.monotonic()
    first = client.ask("counted", "limited", stream=False)
    assert first.headers[LEFT] == "1"  # in place of what the upstream said
    second = client.ask("counted")
    assert second.headers[LEFT] == "0"
    refilled = 1000 / 60 * (time.monotonic() - begun)
    assert int(second.headers["x-ratelimit-remaining-tokens"]) <= 1000 - 25 + 1 + refilled  # the first one's usage
    refused = client.ask("counted")
    assert refused.status == 429
    assert refused.headers[LEFT] == "0"
    wait = int(refused.headers["retry-after-ms"])
    assert 20_000 < wait <= 30_000
    assert int(refused.headers["retry-after"]) == -(-wait // 1000)
    time.sleep(0.02)  # because the header counts in milliseconds, and two calls may take less than one
    again = client.ask("counted")
    assert 0 < int(again.headers["retry-after-ms"]) < wait


def test_an_answer_that_a_fault_makes_up_counts_down_too(client):
    """Every second answer is made up, and says as truly as the others how many calls are left."""
    left = [client.ask("empty", stream=stream).headers[LEFT] for stream in (True, True, False, False)]
    assert left == ["4", "3", "2", "1"]


def test_headers_lie(client):
    """Plenty, and yet refused."""
    assert client.ask("lied").headers[LEFT] == "1"
    refused = client.ask("lied")
    assert (refused.status, refused.headers[LEFT]) == (429, "1")


def test_headers_are_hidden(client):
    """Also those that the upstream sent."""
    good = client.ask("hidden", "limited", stream=False)
    assert (good.status, LEFT in good.headers) == (200, False)
    refused = client.ask("hidden")
    assert refused.status == 429
    assert not [name for name in refused.headers if "ratelimit" in name]


def test_a_client_that_leaves_frees_its_place(proxy, client):
    """Concurrency counts answers that are being sent, not connections."""
    leaver = RawClient(proxy.ready["reverse"]["openai"])
    leaver.send("placed", "gap=0.5")
    leaver.begun()
    assert client.ask("placed", stream=False).status == 429
    leaver.close()
    eventually(lambda: client.ask("placed", stream=False).status == 200)


def test_money_runs_out(proxy, client):
    """The answers' usage is priced; the third call finds the credit gone, and for good."""
    assert [client.ask("paid", stream=False).status for _ in range(4)] == [200, 200, 429, 429]
    assert json.loads(client.ask("paid").body)["error"]["code"] == "insufficient_quota"
    event = proxy.events("paid")[-1]
    assert (event["reason"], event["retryable"]) == ("quota/credit", False)
