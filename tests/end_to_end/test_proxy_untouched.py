"""Off is really off: a call that no rule strikes is the same bytes in both directions, in the same chunks."""

import gzip
import json
import socket
import threading
from contextlib import suppress
from pathlib import Path

import brotli
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from proxy_rig import EVENTS, WHOLE, ProxyChild, scenario

from chaosllm.framing import aws

pytestmark = pytest.mark.end_to_end

#: Eligible for every call, fires on none.
NEVER = {"fault": "truncate", "shape": "clean", "when": {"share": "0%"}}
HEADERS = [b"Content-Type: text/event-stream", b"content-type: application/json", b"X-Odd-CASE: two  spaces",
           b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Latin: caf\xe9", b"x-empty: ", b"Retry-After: 7",
           b"content-encoding: br", b"content-encoding: rot13"]  # fmt: skip
WIRE = Path(__file__).parents[1] / "wire"
DELTA = b'{"contentBlockIndex":0,"delta":{"text":"Hi"}}'
#: An answer in each framing that a provider streams in, and who does.
BODIES = {
    "sse": ("openai", b"".join(EVENTS)),
    "json": ("openai", WHOLE),
    "crlf": ("gemini", (WIRE / "gemini" / "thought_then_call.sse").read_bytes()),
    "array": ("gemini", (WIRE / "gemini" / "array.json").read_bytes()),
    "ndjson": ("ollama", (WIRE / "ollama" / "chat.ndjson").read_bytes()),
    "aws": ("bedrock", b"".join(aws.event("contentBlockDelta", DELTA) for _ in range(9))),
}
#: Where to ask each for a stream; `{}` is for Gemini's query.
PATHS = {"openai": "/v1/chat/completions?a=%20b", "gemini": "/v1beta/models/m:streamGenerateContent{}",
         "ollama": "/api/chat", "bedrock": "/model/anthropic.m/converse-stream"}  # fmt: skip


class Parrot:
    """An upstream that answers the next request with the given segments, and keeps the request as it came."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.segments = []
        self.got = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],), daemon=True).start()

    def _serve(self, connection):
        with suppress(OSError), connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            got = b""
            while data := connection.recv(65536):
                got += data
                head, end, body = got.partition(b"\r\n\r\n")
                if end and len(body) == int(head.rpartition(b"content-length: ")[2]):
                    self.got, got = got, b""
                    for segment in self.segments:
                        connection.sendall(segment)


@st.composite
def answers(draw):
    """(provider, path, head, segments of the body): any status, headers, coding, sensible or not."""
    kind = draw(st.sampled_from([*BODIES, "noise"]))
    noise = draw(st.binary(min_size=1, max_size=20_000))
    owner, body = BODIES.get(kind, ("openai", noise))
    headers = draw(st.lists(st.sampled_from(HEADERS), max_size=5))
    coding = draw(st.sampled_from([b"", b"gzip", b"br"]))
    if coding:
        body = gzip.compress(body, mtime=0) if coding == b"gzip" else brotli.compress(body)
        headers = [*headers, b"Content-Encoding: " + coding]
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if b > a]
    if draw(st.booleans()):
        headers.append(b"Transfer-Encoding: chunked")
        pieces = [*(b"%x\r\n%s\r\n" % (len(one), one) for one in pieces), b"0\r\n\r\n"]
    else:
        headers.append(b"Content-Length: %d" % len(body))
    status = draw(st.sampled_from([b"200 OK", b"200 Fine by me", b"201 Created", b"429 Slow", b"500 Oops", b"529 "]))
    path = PATHS[owner].format("" if kind == "array" else "?alt=sse")
    return owner, path, b"HTTP/1.1 " + status + b"\r\n" + b"\r\n".join(headers) + b"\r\n\r\n", pieces


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    parrot = Parrot()
    folder = tmp_path_factory.mktemp("untouched") / "run"
    url = f"http://127.0.0.1:{parrot.port}"
    listed = scenario((None, NEVER), upstreams=[{"provider": name, "url": url} for name in PATHS])
    proxy = ProxyChild(folder, listed, dict.fromkeys(PATHS, url))
    clients = {}
    for name in PATHS:
        port = int(proxy.ready["reverse"][name].split(":")[2].split("/")[0])
        clients[name] = socket.create_connection(("127.0.0.1", port), timeout=20)
        clients[name].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    yield parrot, clients, proxy
    for client in clients.values():
        client.close()
    status = proxy.status()
    assert status["recognised"] == status["by_rule"]["on.0"]["eligible"] > 0
    assert status["by_rule"]["on.0"]["planned"] == status["injected"] == status["failures"] == 0
    assert proxy.stop() == 0
    parrot.listener.close()


def exchange(rig, request, head, pieces, name="openai"):
    """(what the upstream got, what the client got), over connections that all calls share."""
    parrot, clients, _ = rig
    client = clients[name]
    parrot.segments = [head, *pieces]
    client.sendall(request)
    whole, got = sum(map(len, parrot.segments)), b""
    with suppress(TimeoutError):  # then the comparison shows what is missing
        while len(got) < whole:
            got += client.recv(1 << 20)
    return parrot.got, got


@given(answers(), st.booleans(), st.binary(max_size=3000))
@settings(max_examples=60, deadline=None, derandomize=True, phases=[Phase.generate])  # one connection: no way back
def test_no_byte_changes_in_either_direction(rig, answer, stream, noise):
    """Status line, headers and their case and order, chunks, body, coding; of the request all but its Host."""
    name, path, head, pieces = answer
    content = [{"role": "user", "content": noise.decode("latin-1")}]
    body = json.dumps({"model": "m", "stream": stream, "messages": content}, ensure_ascii=False).encode()
    lines = b"POST " + path.replace("%", "%%").encode() + b" HTTP/1.1\r\nHOST: %s\r\nX-Stainless-Retry-Count: 0\r\n" \
            b"accept-encoding: gzip, deflate\r\nAuthorization: Bearer k\r\ncontent-length: %d\r\n\r\n"  # fmt: skip
    got, answered = exchange(rig, lines % (b"proxy", len(body)) + body, head, pieces, name)
    assert got == lines % (b"127.0.0.1:%d" % rig[0].port, len(body)) + body
    assert answered == head + b"".join(pieces)


def test_large_bodies_pass(rig):
    """Two megabytes up, eight down: the same bytes, and the next call on the connection is sound."""
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 2_000_000}]}).encode()
    request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: p\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    large = bytes(range(256)) * 32_000
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(large)
    got, answered = exchange(rig, request, head, [large])
    assert got.endswith(body)
    assert answered == head + large
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
    assert exchange(rig, request, head, [b"{}"])[1] == head + b"{}"


@pytest.mark.parametrize("line", ["GET /v1/models?limit=2", "HEAD /v1/models", "OPTIONS /v1/chat/completions",
                                  "POST /v1/files", "PUT /v1/chat/completions", "DELETE /v1/files/x%2Fy"])  # fmt: skip
def test_what_is_no_call_passes_too(rig, line):
    """Other methods and paths on a provider's host: every byte, in both directions."""
    request = f"{line} HTTP/1.1\r\nHost: HERE\r\nX-Odd: a  b\r\ncontent-length: 3\r\n\r\nabc"
    head = b"HTTP/1.1 200 Fine by me\r\nX-Odd-CASE: two  spaces\r\nContent-Length: 4\r\n\r\n"
    pieces = [] if line.startswith("HEAD") else [b"fo", b"ur"]
    got, answered = exchange(rig, request.encode(), head, pieces)
    assert got == request.replace("HERE", f"127.0.0.1:{rig[0].port}").encode()
    assert answered == head + b"".join(pieces)
