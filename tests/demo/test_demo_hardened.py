"""The hardened app: each way in which a provider fails, and the answer that its user gets all the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from functools import partial
from typing import Any

import anthropic
import httpx
import openai
import pytest
from demo_stub import Stub, bench, events, streamed, whole_answer

from chaosllm.demo import guards, hardened

SILENCE = 1.0  # in place of hardened.SILENCE, so that these tests are short, yet hold on a busy machine


def create(upstream: str, silence: float = SILENCE) -> Any:
    return hardened.create(
        openai.AsyncOpenAI(base_url=f"{upstream}/v1", api_key="sk-test", max_retries=0, timeout=silence),
        anthropic.AsyncAnthropic(base_url=upstream, api_key="sk-ant-test", max_retries=0, timeout=silence),
    )


@pytest.fixture(scope="module")
def fresh() -> Iterator[Callable[[], tuple[Stub, str]]]:
    with bench(create) as fresh:
        yield fresh


@pytest.fixture
def ask(fresh: Callable[[], tuple[Stub, str]]) -> Iterator[tuple[Stub, Callable[..., httpx.Response]]]:
    stub, url = fresh()
    with httpx.Client(base_url=url, timeout=20) as http:

        def post(path: str = "/chat", **more: Any) -> httpx.Response:
            return http.post(path, **({"json": {"message": "hello"}} | more))

        post.url = url
        yield stub, post


def whole(reply: httpx.Response) -> bool:
    answer = streamed(reply.text) if "event-stream" in reply.headers["content-type"] else reply.json()["answer"]
    return reply.status_code == 200 and "x-degraded" not in reply.headers and answer == whole_answer("hello")


def test_answers(ask):
    """With a healthy provider both routes give the whole answer in one call each, never the fallback."""
    stub, post = ask
    assert whole(post())
    reply = post("/stream")
    assert whole(reply)
    assert events(reply.text)[-1] == "[DONE]"
    assert (stub.count("openai"), stub.count("anthropic")) == (2, 0)


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", b"null"])
def test_bad_request(ask, body):
    """A body without a message is the user's mistake, and costs no call."""
    stub, post = ask
    for path in ("/chat", "/stream"):
        assert post(path, json=None, content=body).status_code == 400
    assert stub.asked == []


def test_retry_after_is_honoured(ask):
    """A refused call is repeated once, and not before the provider said."""
    stub, post = ask
    stub.modes["openai"] = lambda ordinal: "429" if ordinal == 0 else "ok"
    assert whole(post())
    assert stub.count("anthropic") == 0
    assert len(stub.gaps("openai")) == 1
    assert stub.gaps("openai")[0] >= 1.0


@pytest.mark.parametrize("mode", ["quota", "401", "429 long", "hang", "broken"])
def test_what_waiting_cannot_help_goes_to_the_fallback(ask, mode):
    """Spent quota, a bad key, an hour's wait, silence and a broken stream: one call, then the other provider."""
    stub, post = ask
    stub.modes["openai"] = mode
    begin = time.monotonic()
    assert whole(post())
    assert time.monotonic() - begin < hardened.DEADLINE / 2
    assert (stub.count("openai"), stub.count("anthropic")) == (1, 1)


@pytest.mark.parametrize("mode", ["cut", "honest", "500"])
def test_broken_answers_are_mended(ask, mode):
    """An answer without a proper finish reason is asked for once more, then asked of the other provider."""
    stub, post = ask
    stub.modes["openai"] = mode
    assert whole(post())
    assert (stub.count("openai"), stub.count("anthropic")) == (2, 1)


@pytest.mark.parametrize("mode", ["cut", "honest", "broken"])
def test_a_stream_cut_before_the_user_says_so(ask, mode):
    """Words that the user has seen cannot be taken back: the stream ends in an error event, never in [DONE]."""
    stub, post = ask
    stub.modes["openai"] = mode
    text = post("/stream").text
    assert "event: error" in text
    assert "[DONE]" not in text
    assert stub.count("anthropic") == 0


@pytest.mark.parametrize("path", ["/chat", "/stream"])
def test_last_resort_is_marked(ask, path):
    """With both providers out the user gets a default answer, marked, in the app's own words."""
    stub, post = ask
    stub.modes |= {"openai": "quota", "anthropic": "hang"}
    reply = post(path)
    assert reply.status_code == 200
    assert reply.headers["x-degraded"] == "1"
    assert hardened.SORRY in reply.text
    assert "quota" not in reply.text
    if path == "/chat":
        assert reply.json()["degraded"] is True


def test_breaker_opens_and_closes(ask):
    """After five failures users go to the fallback at once; when the provider is back so are they."""
    stub, post = ask
    stub.modes["openai"] = "quota"
    begun = time.monotonic()
    for _ in range(20):
        assert whole(post())
    trials = (time.monotonic() - begun) / 2  # one every two seconds, on a machine where twenty answers take longer
    assert 5 <= stub.count("openai") <= 5 + trials
    stub.modes["openai"] = "ok"
    time.sleep(2.1)
    before = stub.count("anthropic")
    assert all(whole(post()) for _ in range(5))
    assert stub.count("anthropic") == before


def test_storm_does_not_multiply_calls():
    """60% of 60 concurrent users meet a cut stream: all get whole answers, for at most 1.7 calls each."""

    async def load(url: str) -> list[httpx.Response]:
        async with httpx.AsyncClient(base_url=url, timeout=20) as http:
            users = []
            for _ in range(60):
                users.append(asyncio.ensure_future(http.post("/chat", json={"message": "hello"})))
                await asyncio.sleep(0.02)
            return await asyncio.gather(*users)

    with bench(partial(create, silence=hardened.DEADLINE)) as fresh:  # nobody is silent here but a busy machine
        stub, url = fresh()
        stub.modes["openai"] = lambda ordinal: "cut" if ordinal % 5 < 3 else "ok"
        assert all(whole(reply) for reply in asyncio.run(load(url)))
    assert len(stub.asked) <= 1.7 * 60


@pytest.mark.parametrize(
    ("headers", "least", "most"),
    [
        ({"retry-after": "2"}, 2, 2),
        ({"retry-after-ms": "300"}, 0.3, 0.3),
        ({"retry-after": "1", "retry-after-ms": "300"}, 1, 1),
        ({"retry-after": formatdate(time.time() + 9000, usegmt=True)}, 1000, 9000),
        ({"retry-after": "soon"}, 0, 0),
        ({"retry-after-ms": "soon"}, 0, 0),
        ({"retry-after": "-5"}, 0, 0),
        ({"retry-after": "nan"}, 0, 0),
        ({}, 0, 0),
    ],
)
def test_retry_after_spellings(headers, least, most):
    """Seconds, milliseconds and dates are understood, anything else asks for no wait."""
    assert least <= guards.retry_after(headers) <= most


def test_budget_is_a_share_of_traffic():
    """Beyond the first few, at most one retry in ten users is allowed."""
    budget, allowed = guards.Budget(), 0
    for _ in range(1000):
        budget.earn()
        allowed += budget.spend()
    assert 100 <= allowed <= 106
