"""An app on loopback that misbehaves by path; a process of its own, so that it steals no time from the driver's."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

SEEN: dict[str, int] = {}
LAST: dict[str, Any] = {}
TALKS: list[str] = []


def whole(body: bytes, *headers: str, status: str = "200 OK", kind: str = "application/json") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


ANSWER = whole(json.dumps({"answer": "Your parcel is on its way and will be there on Friday."}).encode())
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def event(text: str) -> bytes:
    return chunk(b"data: " + json.dumps({"text": text}).encode() + b"\n\n")


async def answer(path: str, query: dict[str, list[str]], writer: asyncio.StreamWriter) -> bool:
    """Writes one answer; False closes the connection."""
    match path:
        case "/chat":
            writer.write(ANSWER)
        case "/talk":  # gives a new conversation an id, and says which turn of it this is; some ids are of no use
            asked = json.loads(LAST["body"])
            name = asked["conversation"] or query.get("id", [f"c{len(TALKS)}"])[0]
            TALKS.append(name)
            said = {"answer": f"{name}, turn {TALKS.count(name)}", "id": name, "head": LAST["headers"].get("x-talk")}
            writer.write(
                whole(json.dumps({key: said[key] for key in said if key not in query.get("lose", ())}).encode())
            )
        case "/slow":
            await asyncio.sleep(float(query["s"][0]))
            writer.write(ANSWER)
        case "/freeze":
            time.sleep(float(query["s"][0]))  # noqa: ASYNC251  # the whole process stands still, that is the point
            writer.write(ANSWER)
        case "/stream":  # first text at 200 ms, then each 50 ms; a comment and an empty text before it
            writer.write(STREAM + chunk(b": keep-alive\n\n") + event(""))
            await asyncio.sleep(0.2)
            began = asyncio.get_running_loop().time()
            for number in range(6):
                await asyncio.sleep(began + 0.05 * number - asyncio.get_running_loop().time())
                writer.write(event(f"word{number} "))
            writer.write(chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
        case "/no-end":
            writer.write(STREAM + event("one ") + event("two ") + b"0\r\n\r\n")
        case "/cut":
            writer.write(STREAM + event("one ") + event("two "))
            return False
        case "/error-event":
            writer.write(STREAM + event("one ") + chunk(b"event: error\ndata: oops\n\n") + b"0\r\n\r\n")
        case "/half":
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{")
            return False
        case "/close":
            return False
        case "/reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return False
        case "/garbage":
            writer.write(b"hello\r\n\r\n")
            return False
        case "/hang":
            await asyncio.sleep(30)
        case "/big":
            writer.write(whole(b"x" * (9 << 20)))
        case "/gzip":
            writer.write(whole(gzip.compress(ANSWER.partition(b"\r\n\r\n")[2]), "content-encoding: gzip"))
        case "/redirect":
            writer.write(whole(b"", "location: /chat", status="302 Found"))
        case "/error":
            writer.write(whole(b'{"error": "busy"}', "retry-after: 2", status="503 Service Unavailable"))
        case "/once":  # one answer a connection, closed right after without a word
            writer.write(ANSWER)
            return False
        case "/seen":
            writer.write(whole(json.dumps({"seen": SEEN, "last": LAST}).encode()))
        case _:
            writer.write(whole(b"{}", status="404 Not Found"))
    return True


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            target = head[0].split(" ")[1]
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            url = urlsplit(target)
            SEEN[url.path] = SEEN.get(url.path, 0) + 1
            if url.path != "/seen":
                LAST.update(head=head[0], headers=headers, body=body.decode())
            if not await answer(url.path, parse_qs(url.query), writer):
                break
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
