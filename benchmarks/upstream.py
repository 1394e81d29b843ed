"""The raw upstream, as its own process: OpenAI's chat answers from ready-made bytes, as cheap as Python can.

A call with `"stream": true` gets `events` chunks of text, one each `gap` seconds (0: all at once) on an absolute
schedule, each its own HTTP chunk, then finish reason, usage and [DONE]; any other call gets about 1 KB of JSON.

`python -m benchmarks.upstream PORT TLS_PORT CERTIFICATE KEY`
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from typing import Any

import uvloop

COMMON = {"id": "chatcmpl-1", "created": 1, "model": "gpt-4o-mini"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 150, "total_tokens": 160}
#: Each text chunk says one word of six characters: one token by our estimate.
WORDS = [f"word{digit} " for digit in range(10)]


def event(choices: list[dict[str, Any]], **more: Any) -> bytes:
    """One server-sent event."""
    chunk = {**COMMON, "object": "chat.completion.chunk", "choices": choices, **more}
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"


def delta(finish: str | None = None, **said: str) -> list[dict[str, Any]]:
    """The choices of one event."""
    return [{"index": 0, "delta": said, "finish_reason": finish}]


def chunked(data: bytes) -> bytes:
    """One HTTP/1.1 chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


ROLE = event(delta(role="assistant", content=""))
TEXTS = [event(delta(content=word)) for word in WORDS]
TAIL = (event(delta("stop")), event([], usage=USAGE), b"data: [DONE]\n\n")
#: Events of a stream besides its text.
EXTRA = 1 + len(TAIL)

_WHOLE = json.dumps(
    {
        **COMMON,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 150}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(_WHOLE), _WHOLE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_TEXTS = [chunked(text) for text in TEXTS]
_TAIL = b"".join(map(chunked, TAIL)) + b"0\r\n\r\n"
#: Seconds that an event may come early, so that a timer's grain does not split a burst.
_EARLY = 0.0005


class Upstream(asyncio.Protocol):
    """One connection; requests one after another."""

    def __init__(self) -> None:
        self._rest = b""
        self._loop = asyncio.get_running_loop()

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        rest = self._rest + data
        while (at := rest.find(b"\r\n\r\n")) > 0:
            end = at + 4 + int(rest[:at].lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            if len(rest) < end:
                break
            body, rest = rest[at + 4 : end], rest[end:]
            if b'"stream": true' in body:
                self._stream(json.loads(body))
            else:
                self._transport.write(_JSON)
        self._rest = rest

    def _stream(self, asked: dict[str, Any]) -> None:
        self._events, self._gap, self._at = int(asked["events"]), float(asked["gap"]), 0
        self._transport.write(_HEAD + chunked(ROLE))
        self._begin = self._loop.time()
        self._play()

    def _play(self) -> None:
        if self._transport.is_closing():
            return
        now = self._loop.time() + _EARLY
        due = min(self._events, int((now - self._begin) / self._gap) + 1) if self._gap else self._events
        if due > self._at:
            self._transport.write(b"".join([_TEXTS[at % 10] for at in range(self._at, due)]))
            self._at = due
        if due == self._events:
            self._transport.write(_TAIL)
        else:
            self._loop.call_at(self._begin + due * self._gap, self._play)


async def serve(port: int, tls_port: int, certificate: str, key: str) -> None:
    """Plain and TLS, until killed."""
    loop = asyncio.get_running_loop()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["http/1.1"])
    await loop.create_server(Upstream, "127.0.0.1", port, backlog=2048)
    await loop.create_server(Upstream, "127.0.0.1", tls_port, ssl=context, backlog=2048)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]))
