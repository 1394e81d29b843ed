"""The explicit listener: TLS interception, HTTP/2, foreign traffic, many streams at once, official SDKs."""

import asyncio
import json
import socket
import ssl
import threading
import time

import httpx
import pytest
from proxy_rig import (
    EVENTS,
    TEXT,
    WHOLE,
    WORDS,
    ProxyChild,
    RawClient,
    Upstream,
    authority,
    eventually,
    scenario,
    text_of,
)  # fmt: skip

pytestmark = pytest.mark.end_to_end

RULES = [
    ("refuse", {"fault": "rate_limit", "retry_after": "2s"}),
    ("late", {"fault": "latency", "first_token": "3s"}),
    ("paced", {"fault": "latency", "tokens": "50/s"}),
    ("cut-clean", {"fault": "truncate", "shape": "clean", "at": "50%"}),
    ("cut-abrupt", {"fault": "truncate", "shape": "abrupt", "at": "50%"}),
    ("stall-ever", {"fault": "stall", "at": "50%", "for": "ever"}),
    ("hang", {"fault": "hang", "for": "200ms"}),
    ("reset-body", {"fault": "reset", "at": "50%"}),
]
URL = "https://api.openai.com/v1/chat/completions"


@pytest.fixture(scope="module")
def proxy(upstream, tmp_path_factory):
    limits = {"hosts": ["llm.internal"]}
    folder = tmp_path_factory.mktemp("explicit") / "run"
    proxy = ProxyChild(folder, scenario(*RULES, limits=limits), {"openai": upstream.url})
    yield proxy
    assert proxy.stop() == 0
    assert not [one for one in proxy.messages if one["type"] == "failure"]
    assert proxy.errors == ""


def through(proxy, *, http2):
    context = ssl.create_default_context(cafile=proxy.ready["bundle"])
    return httpx.AsyncClient(proxy=proxy.ready["explicit"], verify=context, http2=http2, timeout=20)


def call(model, wishes="", *, stream=True):
    return {"model": model, "user": wishes, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}


async def read(client, model, wishes=""):
    """(body, seconds, seconds to the first byte) of one stream."""
    begun, first, body = time.monotonic(), None, b""
    async with client.stream("POST", URL, json=call(model, wishes)) as response:
        assert response.status_code == 200
        async for data in response.aiter_raw():
            first = first or time.monotonic() - begun
            body += data
    return body, time.monotonic() - begun, first


@pytest.mark.parametrize("http2", [False, True])
def test_a_provider_host_is_intercepted_and_sent_to_the_upstream(proxy, upstream, http2):
    """TLS with our CA, the provider's own URL, the scenario's upstream; bytes unchanged."""

    async def go():
        async with through(proxy, http2=http2) as client:
            body, _, _ = await read(client, f"tls-{http2}")
            assert body == b"".join(EVENTS)
            whole = await client.post(URL, json=call(f"tls-{http2}", stream=False))
            assert (whole.content, whole.http_version) == (WHOLE, "HTTP/2" if http2 else "HTTP/1.1")

    asyncio.run(go())
    path, headers, _ = upstream.requests[-1]
    assert path == "/v1/chat/completions"
    assert headers["host"] == upstream.url.removeprefix("http://")
    assert proxy.events(f"tls-{http2}", 2)[0]["did"] == "passed"


@pytest.mark.parametrize("http2", [False, True])
def test_faults_over_tls(proxy, http2):
    """Refusal, clean cut, abrupt cut and hang look the same to a TLS client, HTTP/1.1 or HTTP/2."""

    async def go():
        async with through(proxy, http2=http2) as client:
            refused = await client.post(URL, json=call("refuse"))
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
            body, _, _ = await read(client, "cut-clean")
            assert text_of(body) == TEXT[: len(TEXT) // 2]
            for model in ("cut-abrupt", "hang", "reset-body"):
                with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                    await read(client, model)
            cut = await client.post(URL, json=call("cut-clean", stream=False))
            assert cut.content == WHOLE[: WHOLE.index(b"word10")]

    asyncio.run(go())


def test_http2_siblings_do_not_wait_for_each_other(proxy):
    """On one HTTP/2 connection a held, a stalled and a broken stream leave the others alone."""

    async def go():
        async with through(proxy, http2=True) as client:
            await read(client, "warm")
            held = asyncio.create_task(read(client, "late"))
            stalled = asyncio.create_task(read(client, "stall-ever"))
            broken = asyncio.create_task(read(client, "cut-abrupt"))
            bodies = await asyncio.gather(*(read(client, f"sibling-{n}") for n in range(12)))
            assert all(body == b"".join(EVENTS) for body, _, _ in bodies)
            assert not held.done()
            with pytest.raises(httpx.RemoteProtocolError):
                await broken
            body, took, _ = await held
            assert body == b"".join(EVENTS)
            assert 2.99 < took < 10
            stalled.cancel()
            await asyncio.gather(stalled, return_exceptions=True)
            assert (await read(client, "afterwards"))[0] == b"".join(EVENTS)

    asyncio.run(go())
    (event,) = proxy.events("stall-ever")
    assert event["ended"] == "client_left"


@pytest.mark.alone
def test_fifty_streams_at_once_keep_their_pace(proxy):
    """50 paced streams: every byte there, and the median stream in its time; one round of eight is enough.

    Because a machine with other things to do bends a round, and a proxy that paces wrong bends them all.
    """

    async def median():
        async with through(proxy, http2=True) as client:
            found = await asyncio.gather(*(read(client, "paced") for _ in range(50)))
        assert all(body == b"".join(EVENTS) for body, _, _ in found)
        return sorted(took - first for _, took, first in found)[25]

    right, spans = pytest.approx(0.02 * (len(WORDS) - 1), rel=0.35), []
    while len(spans) < 8 and right not in spans:
        spans.append(asyncio.run(median()))
    assert right in spans
    eventually(lambda: proxy.status()["in_flight"] == 0)


def test_foreign_hosts_pass_unread(proxy, tmp_path):
    """A tunnel to a host that is not listed is not intercepted: the client sees the host's own certificate."""
    pem, context = authority(tmp_path)
    stranger = Upstream(context)
    before = proxy.status()["calls"]
    with httpx.Client(proxy=proxy.ready["explicit"], verify=ssl.create_default_context(cafile=pem)) as client:
        assert client.post(f"{stranger.url}/v1/chat/completions", json=call("refuse")).status_code == 200
    plain = Upstream()
    with httpx.Client(proxy=proxy.ready["explicit"]) as client:
        answer = client.post(f"{plain.url}/v1/chat/completions", json=call("refuse", "gzip", stream=False))
        assert answer.content == WHOLE
    assert proxy.status()["calls"] == before
    stranger.close()
    plain.close()


def test_our_own_reverse_listener_behind_the_explicit_one_is_faulted_once(proxy, upstream):
    """An app whose NO_PROXY is lost sends reverse-mode calls through the explicit listener."""
    with httpx.Client(proxy=proxy.ready["explicit"]) as client:
        url = proxy.ready["reverse"]["openai"] + "/chat/completions"
        assert client.post(url, json=call("own-listener")).content == b"".join(EVENTS)
    assert len(proxy.events("own-listener")) == 1
    assert upstream.requests[-1][0] == "/v1/chat/completions"


def test_other_requests_to_a_provider_pass_and_are_counted(proxy, upstream):
    """`GET /v1/models` is no model call: it reaches the upstream, and counts as not recognised."""
    before = proxy.status()["unrecognised"]
    with httpx.Client(
        proxy=proxy.ready["explicit"], verify=ssl.create_default_context(cafile=proxy.ready["bundle"])
    ) as client:
        assert client.get("https://api.openai.com/v1/models").status_code == 200
    assert upstream.requests[-1][0] == "/v1/models"
    assert proxy.status()["unrecognised"] == before + 1


def test_a_client_that_leaves_a_paced_stream_frees_the_upstream(proxy, upstream):
    """Twenty clients go in the middle of a slow stream: each is recorded, and no upstream connection stays."""
    before = upstream.cancelled
    clients = [RawClient(proxy.ready["reverse"]["openai"]) for _ in range(20)]
    for client in clients:
        client.send("leaver", "gap=1")
    for client in clients:
        client.begun()
        client.abort()
    assert {one["ended"] for one in proxy.events("leaver", 20)} == {"client_left"}
    eventually(lambda: upstream.cancelled == before + 20)
    assert proxy.status()["in_flight"] == 0


def test_hosts_of_the_limits_are_faulted_too(proxy, upstream):
    """A gateway's host that `limits.hosts` names: its calls go to the scenario's upstream, by plain HTTP as well."""
    with httpx.Client(proxy=proxy.ready["explicit"]) as client:
        for host in ("http://llm.internal", "http://api.openai.com"):
            url = f"{host}/v1/chat/completions"
            assert client.post(url, json=call("refuse")).status_code == 429
            assert client.post(url, json=call("plain-http")).content == b"".join(EVENTS)
            assert upstream.requests[-1][1]["host"] == upstream.url.removeprefix("http://")
    assert [one["provider"] for one in proxy.events("plain-http", 2)] == ["openai"] * 2


def test_upstream_tls_is_verified(tmp_path):
    """Without its CA (with it: test_proxy_http2_upstream) the connection closes, and the record says why."""
    _, context = authority(tmp_path)
    private = Upstream(context)
    proxy = ProxyChild(tmp_path / "without", scenario(), {"openai": private.url})
    client = RawClient(proxy.ready["reverse"]["openai"])
    assert client.ask("tls").end == "fin"
    client.close()
    (failed,) = proxy.events("tls")
    assert (failed["ended"], failed["origin"]) == ("no_answer", "upstream")
    assert "certificate" in failed["why"].lower()
    assert private.requests == []
    assert proxy.stop() == 0
    private.close()


def test_a_client_that_does_not_trust_our_ca_is_counted(proxy):
    """An app without the CA variable gets its own TLS error, and the status tells."""
    before = proxy.status()["tls_refused"]
    with httpx.Client(proxy=proxy.ready["explicit"]) as client, pytest.raises(httpx.ConnectError):
        client.get("https://api.openai.com/v1/models")
    eventually(lambda: proxy.status()["tls_refused"] == before + 1)


def test_a_tunnel_needs_no_http(proxy):
    """CONNECT to a foreign host that speaks no HTTP passes bytes both ways."""
    listener = socket.create_server(("127.0.0.1", 0))

    def echo():
        connection, _ = listener.accept()
        with connection:
            connection.sendall(connection.recv(100)[::-1])

    threading.Thread(target=echo, daemon=True).start()
    host, port = proxy.ready["explicit"].removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(f"CONNECT 127.0.0.1:{listener.getsockname()[1]} HTTP/1.1\r\n\r\n".encode())
        assert b" 200 " in client.recv(1000)
        client.sendall(b"\x00\x01abc")
        assert client.recv(100) == b"cba\x01\x00"
    listener.close()
    assert json.dumps(proxy.ready)  # the ready line holds nothing but plain values
