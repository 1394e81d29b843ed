"""An app that passes request ids on, asks again at once, and writes an access log: `python logging_app.py PORT LOG`."""

from __future__ import annotations

import json
import os
import sys
import time

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def create(log: str) -> Starlette:
    """POST /chat, and GET /healthz, both logged."""
    client = httpx.AsyncClient(base_url=os.environ["OPENAI_BASE_URL"], timeout=10)

    async def chat(request: Request) -> Response:
        message, bears = (await request.json())["message"], {"x-request-id": request.headers["x-request-id"]}
        body = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": message}]}
        for _ in range(4):
            answer = await client.post("/chat/completions", json=body, headers={**bears, "authorization": "Bearer x"})
            if answer.status_code == 200:
                return JSONResponse({"answer": answer.json()["choices"][0]["message"]["content"]})
        return JSONResponse({"error": "later"}, 503)

    async def healthz(_: Request) -> Response:
        return JSONResponse({})

    def logged(handler):
        async def around(request: Request) -> Response:
            began = time.time()
            response = await handler(request)
            line = {
                "timestamp": began, "method": request.method, "path": request.url.path, "status": response.status_code,
                "duration_ms": 1000 * (time.time() - began), "request_id": request.headers.get("x-request-id", "-"),
            }  # fmt: skip
            with open(log, "a") as file:  # noqa: ASYNC230  # a line a request, in a test
                file.write(json.dumps(line) + "\n")
            return response

        return around

    routes = [Route("/chat", logged(chat), methods=["POST"]), Route("/healthz", logged(healthz))]
    return Starlette(routes=routes)


if __name__ == "__main__":
    uvicorn.run(create(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
