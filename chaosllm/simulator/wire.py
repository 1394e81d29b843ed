"""Bytes in and out of an ASGI server: bodies read, pieces sent when they are due, gzip where it is wanted."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
type Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
type Headers = tuple[tuple[str, str], ...]

BODY_AT_MOST = 32 << 20  # Anthropic's limit for a request, the largest of those published
_GZIP = zlib.MAX_WBITS | 16  # zlib's way to say: with gzip's header and trailer


async def read_body(receive: Receive) -> bytes | None:
    """The whole body, or a little more than BODY_AT_MOST of it; None when the client left."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body: bytes = message["body"]
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if size <= BODY_AT_MOST:  # read on without keeping: a client that still writes would miss the answer
            parts.append(message["body"])
            size += len(message["body"])
    return b"".join(parts)


async def play(
    receive: Receive,
    send: Send,
    headers: Headers,
    pieces: list[tuple[float, bytes]],
    *,
    whole: bool,
    gzip: bool = False,
) -> bool:
    """Send each piece when it is due (monotonic seconds), headers with the first; False when the client left.

    With `gzip` the body is compressed, and flushed after each piece, so that a client can read it in time.
    """
    if len(pieces) == 1 and whole and not gzip and pieces[0][0] <= time.monotonic():
        await send_whole(send, 200, headers, pieces[0][1])
        return True
    gone: asyncio.Future[Any] | None = None
    started = False
    at = 0
    squeeze = zlib.compressobj(wbits=_GZIP) if gzip else None
    if gzip:
        headers = (*headers, ("content-encoding", "gzip"))
    try:
        while at < len(pieces):
            now = time.monotonic()
            if (wait := pieces[at][0] - now) > 0:
                gone = gone or asyncio.ensure_future(receive())
                await asyncio.wait((gone,), timeout=wait)
                if gone.done():
                    return False
                now = max(time.monotonic(), pieces[at][0])  # a timer may ring a hair early
            due = at + 1
            while due < len(pieces) and pieces[due][0] <= now:
                due += 1
            data = pieces[at][1] if due == at + 1 else b"".join(raw for _, raw in pieces[at:due])
            at = due
            if squeeze is not None:
                data = squeeze.compress(data) + squeeze.flush(zlib.Z_SYNC_FLUSH if at < len(pieces) else zlib.Z_FINISH)
            if not started:
                started = True
                length = (("content-length", str(len(data))),) if whole else ()
                await send({"type": "http.response.start", "status": 200, "headers": _raw((*headers, *length))})
            await send({"type": "http.response.body", "body": data, "more_body": at < len(pieces)})
    finally:
        if gone is not None:
            gone.cancel()
    return True


async def send_whole(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer at once, with its length."""
    kept = tuple(pair for pair in headers if pair[0] != "content-length")
    head = _raw((*kept, ("content-length", str(len(body)))))
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


async def send_json(send: Send, status: int, value: Any, headers: Headers = ()) -> None:
    """A whole JSON answer at once."""
    await send_whole(send, status, (("content-type", "application/json"), *headers), json.dumps(value).encode())


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
