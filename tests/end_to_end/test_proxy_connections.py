"""Connection faults through the real proxy: real SDK clients meet what they meet when a provider is really away."""

import json
import socket
import ssl
import threading
import time
from contextlib import suppress

import anthropic
import httpx
import ollama
import openai
import pytest
from proxy_rig import EVENTS, WHOLE, ProxyChild, RawClient, authority, eventually, scenario

pytestmark = pytest.mark.end_to_end

URL = "https://api.openai.com/v1/chat/completions"
UNREACHABLE = ("refused", "dns", "tls_handshake", "certificate")
#: What each client raises at a provider that is really so: measured by `test_what_is_met_without_the_proxy`.
RAISES = {"httpx": "ConnectError", "openai": "APIConnectionError", "anthropic": "APIConnectionError",
          "ollama": "ConnectionError"}  # fmt: skip


@pytest.fixture(scope="module")
def start(upstream, tmp_path_factory):
    children = []

    def started(*rules, phases=None, **config):
        more = {"upstreams": [{"provider": name, "url": upstream.url} for name in ("openai", "anthropic")]}
        more |= {"phases": phases} if phases else {}
        folder = tmp_path_factory.mktemp("connections") / "run"
        upstreams = {"openai": upstream.url, "anthropic": upstream.url}
        children.append(ProxyChild(folder, scenario(*rules, **more), upstreams, **config))
        return children[-1]

    yield started
    for child in children:
        assert child.stop() == 0
        assert not [one for one in child.messages if one["type"] == "failure"]
        assert child.errors == ""


@pytest.fixture(scope="module")
def calls(start):
    """A proxy whose rules strike calls, by model."""
    kinds = {
        "close": {}, "slow": {"kind": "slow_close", "for": "1500ms"}, "rst": {"kind": "rst_stream", "at": "50%"},
        "rst-early": {"kind": "rst_stream", "at": "request"}, "bye": {"kind": "goaway"},
        "bye-early": {"kind": "goaway", "at": "request"},
    }  # fmt: skip
    rules = [(name, {"fault": "connection", "kind": name} | fields) for name, fields in kinds.items()]
    return start(*rules, ("reset-body", {"fault": "reset", "at": "50%"}))


def call(model, wishes="", *, stream=True):
    return {"model": model, "user": wishes, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}


def trusting(bundle):
    return ssl.create_default_context(cafile=bundle)


def meet(proxy, trust, *, openai_url="https://api.openai.com", anthropic_url="https://api.anthropic.com"):
    """What each client raises, by its name, and what lies beneath."""
    context = trusting(trust)
    common = {"proxy": proxy, "verify": context, "trust_env": False, "timeout": 30}
    clients = {
        "httpx": lambda: httpx.Client(**common).post(openai_url + "/v1/chat/completions", json=call("m")),
        "openai": lambda: openai.OpenAI(
            base_url=openai_url + "/v1", api_key="k", max_retries=0, http_client=openai.DefaultHttpxClient(**common)
        ).chat.completions.create(model="m", messages=[{"role": "user", "content": "hi"}]),
        "anthropic": lambda: anthropic.Anthropic(
            base_url=anthropic_url, api_key="k", max_retries=0, http_client=anthropic.DefaultHttpxClient(**common)
        ).messages.create(model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}]),
        "ollama": lambda: ollama.Client(host=openai_url, **common).list(),
    }
    seen, causes = {}, {}
    for name, ask in clients.items():
        try:
            ask()
            seen[name] = ""
        except Exception as error:
            seen[name] = type(error).__name__
            causes[name] = type(error.__cause__).__name__ + ": " + str(error.__cause__ or error)
    return seen, causes


def refuses(url):
    """Whether a connection is refused now."""
    try:
        RawClient(url).close()
    except ConnectionRefusedError:
        return True
    return False


def listens(url):
    """Whether somebody listens on a port, without a connection to it: beside a listener nobody else can."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            other.bind(("127.0.0.1", int(url.split(":")[2].split("/")[0])))
        except OSError:
            return True
    return False


def away(answer):
    """The port of a server that does this to each connection."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=50)

    def serve():
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    answer(connection)

    threading.Thread(target=serve, daemon=True).start()
    return listener


def alert(connection):
    connection.recv(65536)
    connection.sendall(bytes.fromhex("15030300020228"))


@pytest.mark.parametrize("kind", UNREACHABLE)
def test_what_is_met_without_the_proxy(kind, tmp_path):
    """Raw sockets alone, a closed port and a name of nobody give the exceptions that the other tests expect."""
    trust, context = authority(tmp_path, "10.9.9.9")
    listener = away(alert if kind == "tls_handshake" else lambda one: context.wrap_socket(one, server_side=True))
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    with socket.socket() as gone:
        if kind == "refused":
            gone.bind(("127.0.0.1", 0))  # and does not listen, so that nobody else can meanwhile
            url = f"https://127.0.0.1:{gone.getsockname()[1]}"
        elif kind == "dns":
            url = "https://no-such-host.invalid"
        seen, _ = meet(None, trust, openai_url=url, anthropic_url=url)
    listener.close()
    assert seen == RAISES


@pytest.mark.parametrize("kind", UNREACHABLE)
def test_an_unreachable_provider_through_the_explicit_proxy(start, kind):
    """Every client raises what it raises without the proxy, and each connection is counted as delivered."""
    proxy = start((None, {"fault": "connection", "kind": kind}))
    seen, causes = meet(proxy.ready["explicit"], proxy.ready["bundle"])
    assert seen == RAISES
    words = {"tls_handshake": "HANDSHAKE_FAILURE", "certificate": "Hostname mismatch"}.get(kind, "reset by peer")
    assert words in causes["httpx"]
    assert {why.split(":")[0] for why in causes.values()} <= {"ConnectError", "NoneType"}
    eventually(lambda: proxy.status()["by_rule"].get("on.0", {}).get("delivered") == 4)
    status = proxy.status()
    assert status["by_rule"]["on.0"] == {
        "eligible": 4, "planned": 4, "fired": 4, "delivered": 4, "capped": 0, "in_flight": 0
    }  # fmt: skip
    assert (status["recognised"], status["tls_refused"]) == (0, 0)  # no calls, and no CA that is not trusted
    lines = [json.loads(line) for line in (proxy.folder / "events.jsonl").read_text().splitlines()]
    assert {(one["endpoint"], one["did"], one["origin"], one["ended"]) for one in lines} == {
        ("connection", "injected", "injected", "no_answer")
    }


def test_a_client_that_checks_no_certificate_is_no_success(start, upstream):
    """It gets its answer, and the record says that the fault did not take."""
    proxy = start((None, {"fault": "connection", "kind": "certificate"}))
    with httpx.Client(proxy=proxy.ready["explicit"], verify=False) as client:
        assert client.post(URL, json=call("unchecked")).content == b"".join(EVENTS)
    eventually(lambda: proxy.status()["by_rule"]["on.0"]["in_flight"] == 0)
    assert proxy.status()["by_rule"]["on.0"]["delivered"] == 0
    lines = [json.loads(line) for line in (proxy.folder / "events.jsonl").read_text().splitlines()]
    (event,) = [one for one in lines if one["endpoint"] == "connection"]
    assert (event["did"], event["why"]) == ("skipped", "the app does not check whose certificate it is shown")


def test_tls_faults_cannot_strike_a_base_url(start):
    """A reverse listener is plain HTTP: the app gets its answer, and the rule is skipped with its reason."""
    proxy = start((None, {"fault": "connection", "kind": "tls_handshake"}))
    client = RawClient(proxy.ready["reverse"]["openai"])
    assert client.ask("plain").status == 200
    client.close()
    counts = proxy.status()["by_rule"]["on.0"]
    assert (counts["eligible"], counts["delivered"]) == (1, 0)
    event = json.loads((proxy.folder / "events.jsonl").read_text().splitlines()[0])
    assert event["did"] == "skipped"
    assert "explicit proxy" in event["why"]


def test_a_base_url_refuses_and_comes_back(start):
    """An app with an open connection meets ECONNREFUSED in the phase, what a closed port raises, and then nothing."""
    storm = {"name": "storm", "duration": "3s", "rules": [{"fault": "connection", "kind": "refused"}]}
    phases = [{"name": "calm", "duration": "500ms"}, storm, {"name": "after", "duration": "60s"}]
    proxy = start(phases=phases, phase=None)
    url = proxy.ready["reverse"]["openai"]
    kept = openai.OpenAI(base_url=url, api_key="k", max_retries=0, http_client=openai.DefaultHttpxClient())

    def ask():
        return kept.chat.completions.with_raw_response.create(
            model="kept", messages=[{"role": "user", "content": "hi"}]
        ).text  # fmt: skip

    assert ask() == WHOLE.decode()  # its connection stays open
    ollamas = ollama.Client(host=url.removesuffix("/v1"))
    begun = time.monotonic()
    proxy.tell({"do": "start", "t0": begun})
    eventually(lambda: refuses(url))
    assert time.monotonic() - begun >= 0.5
    with pytest.raises(openai.APIConnectionError) as caught:
        ask()
    assert type(caught.value.__cause__).__name__ == "ConnectError"
    assert "Connection refused" in str(caught.value.__cause__)
    with pytest.raises(ConnectionError, match="Failed to connect to Ollama"):
        ollamas.list()
    with pytest.raises(ConnectionRefusedError):  # so does the other provider's port, for the rule names none
        RawClient(proxy.ready["reverse"]["anthropic"])
    eventually(lambda: not refuses(url))
    assert time.monotonic() - begun >= 3.5
    assert ask() == WHOLE.decode()
    counts = proxy.status()["by_rule"]["storm.0"]
    assert counts == {"eligible": 3, "planned": 3, "fired": 3, "delivered": 3, "capped": 0, "in_flight": 0}
    lines = [json.loads(line) for line in (proxy.folder / "events.jsonl").read_text().splitlines()]
    met = [(one["call"], one["ended"]) for one in lines if one["endpoint"] == "connection"]
    assert met == [(f"port-openai-{second}", "no_answer") for second in range(3)]  # nobody ever came to the other


def test_an_app_that_keeps_its_connections_meets_a_reset_at_accept(start):
    """Idle connections are closed when the rule comes on, so the app opens a new one; a busy one is left alone."""
    storm = {"name": "storm", "duration": "60s", "rules": [{"fault": "reset", "at": "accept"}]}
    proxy = start(phases=[{"name": "calm", "duration": "400ms"}, storm], phase=None)
    busy, idle = (RawClient(proxy.ready["reverse"]["openai"]) for _ in range(2))
    assert idle.ask("idle").status == 200
    busy.send("busy", "gap=0.1")
    busy.begun()
    begun = time.monotonic()
    proxy.tell({"do": "start", "t0": begun})
    assert idle.socket.recv(1) == b""  # FIN, once the storm is on
    assert time.monotonic() >= begun + 0.4
    assert busy.receive().body == b"".join(EVENTS)
    assert busy.socket.recv(1) == b""
    with pytest.raises((ConnectionResetError, BrokenPipeError)):
        client = RawClient(proxy.ready["reverse"]["openai"])
        for _ in range(20):
            client.send("never")
            if not client.socket.recv(1):
                break
    eventually(lambda: proxy.status()["by_rule"].get("storm.0", {}).get("delivered", 0) >= 1)


def test_a_connection_that_closes_without_an_answer(calls):
    """FIN, not RST, and not a byte: as when a provider's process ends."""
    client = RawClient(calls.ready["reverse"]["openai"])
    answer = client.ask("close")
    assert (answer.head, answer.end) == (b"", "fin")
    # The kernel answers whatever frame of the client's is still under way with RST, as it does for any server.
    with (
        httpx.Client(proxy=calls.ready["explicit"], verify=trusting(calls.ready["bundle"]), http2=True) as client,
        pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)),
    ):
        client.post(URL, json=call("close"))
    first, second = calls.events("close", 2)
    assert [one["rules"][0]["delivered"] for one in (first, second)] == [True, True]
    assert first["origin"] == "injected"


def test_a_connection_that_closes_late(calls):
    """The answer is whole at once, says no length, and ends when the connection does; a stream is not eligible."""
    client = RawClient(calls.ready["reverse"]["openai"])
    client.send("slow", stream=False)
    with pytest.raises(KeyError):  # the raw client knows lengths and chunks; there are none
        client._receive(answer := type("Bag", (), {"chunks": [], "body": b""})())
    assert "content-length" not in answer.headers
    assert answer.headers["connection"] == "close"
    while len(client.buffer) < len(WHOLE):
        client._more()
    whole = time.monotonic() - client.sent
    assert client.buffer == WHOLE
    assert client.socket.recv(1) == b""
    late = time.monotonic() - client.sent
    assert whole < late - 0.3
    assert 1.49 < late < 10

    sdk = openai.OpenAI(base_url=calls.ready["reverse"]["openai"], api_key="k", max_retries=0, timeout=0.8)
    with pytest.raises(openai.APITimeoutError):  # it reads to the end, and the end is late
        sdk.chat.completions.create(model="slow", messages=[{"role": "user", "content": "hi"}])
    assert RawClient(calls.ready["reverse"]["openai"]).ask("slow").body == b"".join(EVENTS)
    first, second, third = calls.events("slow", 3)
    assert (first["rules"][0]["delivered"], first["ended"], first["done"]["linger"] >= 1.49) == (True, "whole", True)
    assert (second["ended"], second["rules"][0]["delivered"]) == ("client_left", True)
    assert "rules" not in third


@pytest.mark.parametrize(("model", "text"), [("rst", True), ("bye", True), ("rst-early", False), ("bye-early", False)])
def test_http2_breaks_in_its_own_words(calls, model, text):
    """An official SDK on HTTP/2 meets RST_STREAM or GOAWAY, before the answer or in the middle of it."""
    context = trusting(calls.ready["bundle"])
    http = openai.DefaultHttpxClient(proxy=calls.ready["explicit"], verify=context, http2=True)
    client = openai.OpenAI(base_url="https://api.openai.com/v1", api_key="k", max_retries=0, http_client=http)
    said = ""
    with pytest.raises(openai.APIConnectionError) as caught:
        for chunk in client.chat.completions.create(**call(model, "gap=0.005")):
            said += chunk.choices[0].delta.content or ""
    why = str(caught.value.__cause__)
    assert ("ConnectionTerminated error_code:0" if model.startswith("bye") else "StreamReset") in why
    assert bool(said) is text
    (event,) = calls.events(model)
    assert (event["origin"], event["ended"], event["rules"][0]["delivered"]) == ("injected", "broken", True)


def test_only_the_stream_or_the_whole_connection(calls):
    """RST_STREAM leaves the other calls alone; GOAWAY takes them along, and they are no doing of app or upstream."""
    context = trusting(calls.ready["bundle"])
    for breaker, gap in (("rst", 0.03), ("bye", 0.3)):  # because what is over by then cannot be taken along
        with (
            httpx.Client(proxy=calls.ready["explicit"], verify=context, http2=True, timeout=10) as client,
            client.stream("POST", URL, json=call(f"beside-{breaker}", f"gap={gap}")) as beside,
        ):
            parts = beside.iter_raw()
            got = next(parts)
            with pytest.raises(httpx.RemoteProtocolError):
                client.post(URL, json=call(breaker))
            if breaker == "rst":
                assert got + b"".join(parts) == b"".join(EVENTS)
            else:
                with pytest.raises(httpx.RemoteProtocolError):
                    b"".join(parts)
        (event,) = calls.events(f"beside-{breaker}")
        expected = ("passed", "upstream", "whole") if breaker == "rst" else ("passed", "injected", "broken")
        assert (event["did"], event["origin"], event["ended"]) == expected
    assert "another call" in event["why"]


def test_a_goaway_before_the_answer_is_retried_in_silence(calls):
    """httpcore asks again on a new connection when the server says that it did not begin the call."""
    context = trusting(calls.ready["bundle"])
    before = len(calls.events("bye-early"))
    with httpx.Client(proxy=calls.ready["explicit"], verify=context, http2=True) as client:
        assert client.post(URL, json=call("plain")).status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):  # stream 1 of the new connection, and last stream 0
            client.post(URL, json=call("bye-early"))
    assert len(calls.events("bye-early", before + 2)) == before + 2


@pytest.mark.parametrize("model", ["rst", "bye", "bye-early"])
def test_http1_has_no_words_for_it(calls, model):
    """The call passes whole, and the record says why nothing was injected."""
    client = RawClient(calls.ready["reverse"]["openai"])
    answer = client.ask(model, headers=f"x-mark: {model}\r\n")
    client.close()
    assert answer.body == b"".join(EVENTS)
    eventually(lambda: any("HTTP/1.1" in one.get("why", "") for one in calls.events(model)))
    event = next(one for one in calls.events(model) if "HTTP/1.1" in one.get("why", ""))
    assert (event["did"], event["rules"][0]["delivered"]) == ("skipped", False)


def test_a_port_that_nobody_came_to_refuses_without_praise_and_opens_when_told(start):
    """From the start of a held phase; no Event says that somebody met it, and `clean` opens it at once."""
    proxy = start((None, {"fault": "connection", "kind": "dns"}))
    url = proxy.ready["reverse"]["openai"]
    eventually(lambda: not listens(url))  # asked without a connection, because one that came too early did come
    assert refuses(url)
    assert proxy.status()["by_rule"] == {}
    proxy.tell({"do": "clean"})
    eventually(lambda: not refuses(url))
    assert RawClient(url).ask("open again").status == 200
