"""A chat app that asks the LLM many times for each POST, over kept connections, and as cheaply as it can.

python fanout_app.py PORT    asks OPENAI_BASE_URL as often as the variable FANOUT says, and passes one answer on
"""

import asyncio
import json
import os
import sys
from urllib.parse import urlsplit

BASE = urlsplit(os.environ["OPENAI_BASE_URL"])
FANOUT = int(os.environ["FANOUT"])
CONNECTIONS = 64


async def read(reader):
    """(the first line, the body) of one message with a content-length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = next((line for line in head.split("\r\n") if line.startswith("content-length:")), ":0").split(":")[1]
    return head.split("\r\n")[0], await reader.readexactly(int(length))


async def ask(idle, request):
    reader, writer = await idle.get()
    try:
        if writer is None:
            reader, writer = await asyncio.open_connection(BASE.hostname, BASE.port)
        writer.write(request)
        return await read(reader)
    finally:
        idle.put_nowait((reader, writer))


async def serve(idle, reader, writer):
    try:
        while True:
            line, body = await read(reader)
            if line.startswith("post"):
                said = {"role": "user", "content": json.loads(body)["message"]}
                asked = json.dumps({"model": "m", "messages": [said], "max_tokens": 5}).encode()
                head = f"POST {BASE.path}/chat/completions HTTP/1.1\r\nhost: {BASE.netloc}\r\n"
                head += f"content-type: application/json\r\ncontent-length: {len(asked)}\r\n\r\n"
                answers = await asyncio.gather(*(ask(idle, head.encode() + asked) for _ in range(FANOUT)))
                body = json.dumps({"answer": json.loads(answers[0][1])["choices"][0]["message"]["content"]}).encode()
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
            )
    except (OSError, EOFError, KeyError, ValueError):
        writer.close()


async def main():
    idle = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        idle.put_nowait((None, None))
    server = await asyncio.start_server(lambda *streams: serve(idle, *streams), "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


asyncio.run(main())
