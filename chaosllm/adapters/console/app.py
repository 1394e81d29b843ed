"""The routes of the console: the page and its assets, the state, the stream of events, commands, heartbeats."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from chaosllm import __version__
from chaosllm.adapters.console.desk import Desk
from chaosllm.adapters.console.guard import Refused, error
from chaosllm.adapters.console.hub import Hub
from chaosllm.live.openapi import openapi
from chaosllm.spelling import cut

#: Seconds between two signs of life on a quiet stream, by which the page knows that it still has us.
BEAT = 2.0
#: Header -> who speaks; a program that does not say is "api".
CHANNEL = "x-chaosllm-channel"
_CHANNELS = ("console", "terminal")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def assets() -> dict[str, tuple[bytes, str]]:
    """Name -> bytes and content type of each file of the page; nothing else can be asked for."""
    found = {}
    for one in files("chaosllm.adapters.console").joinpath("assets").iterdir():
        kind = _TYPES.get(f".{one.name.rpartition('.')[2]}")
        if kind is not None:
            found[one.name] = (one.read_bytes(), f"{kind}; charset=utf-8")
    return found


def app(desk: Desk) -> Starlette:
    """The routes over a desk; the guard stands before them (see server.py)."""
    kept = assets()

    async def page(_: Request) -> Response:
        body, kind = kept["index.html"]
        return Response(body, media_type=kind)

    async def asset(request: Request) -> Response:
        if (found := kept.get(request.path_params["name"])) is None:
            raise HTTPException(404)
        return Response(found[0], media_type=found[1])

    async def described(_: Request) -> Response:
        return JSONResponse(openapi(__version__))

    async def state(_: Request) -> Response:
        return JSONResponse(desk.hub.state)

    async def events(request: Request) -> Response:
        after = request.query_params.get("after", request.headers.get("last-event-id", ""))
        seq = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else None
        return StreamingResponse(stream(desk.hub, seq), media_type="text/event-stream")

    async def commands(request: Request) -> Response:
        given = await _object(request)
        event = await desk.take(given, who=_who(request, given.get("who")))
        if event["ok"]:
            return JSONResponse(event)
        result = event.get("result") or {}
        told = error(str(result.get("what", "it was refused")), str(result.get("hint") or ""))
        return JSONResponse({**told, "event": event}, status_code=422)

    async def heartbeat(request: Request) -> Response:
        given = await _object(request)
        desk.heartbeat(cut(str(given.get("console", ""))))
        return Response(status_code=204)

    made = Starlette(
        routes=[
            Route("/", page),
            Route("/assets/{name}", asset),
            Route("/openapi.json", described),
            Route("/v1/state", state),
            Route("/v1/events", events),
            Route("/v1/commands", commands, methods=["POST"]),
            Route("/v1/heartbeat", heartbeat, methods=["POST"]),
        ],
        exception_handlers={HTTPException: _failed, Refused: _refused, Exception: _broken},
    )
    made.router.redirect_slashes = False  # no address leads to another one
    return made


async def stream(hub: Hub, after: int | None) -> AsyncIterator[bytes]:
    """Server-sent events: those after `after`, or the state where they are no longer kept, then each as it happens."""
    async with hub.subscribe() as queue:
        missed = None if after is None else hub.since(after)
        seen = hub.state["seq"]
        yield _whole(hub) if missed is None else b"".join([b": the events that were missed\n\n", *map(_line, missed)])
        while True:
            try:
                batch = [await asyncio.wait_for(queue.get(), BEAT)]
            except TimeoutError:
                yield b": heartbeat\n\n"
                continue
            while not queue.empty():
                batch.append(queue.get_nowait())
            out: list[bytes] = []
            for event in batch:
                if event["type"] == "end":
                    yield b"".join([*out, b"event: end\ndata: {}\n\n"])
                    return
                if event["type"] == "state":
                    out, seen = [_whole(hub)], hub.state["seq"]
                elif event["seq"] > seen:
                    out.append(_line(event))
                    seen = event["seq"]
            if out:
                yield b"".join(out)


def _line(event: Mapping[str, Any]) -> bytes:
    return f"id: {event['seq']}\ndata: {json.dumps(event, separators=(',', ':'))}\n\n".encode()


def _whole(hub: Hub) -> bytes:
    data = json.dumps(hub.state, separators=(",", ":"))
    return f"event: state\nid: {hub.state['seq']}\ndata: {data}\n\n".encode()


async def _object(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not JSON", 'send one JSON object, such as {"do": "pause"}') from None
    if not isinstance(found, dict):
        raise Refused(400, "the body is not a JSON object", 'send one JSON object, such as {"do": "pause"}')
    return found


def _who(request: Request, name: object) -> str:
    """The channel, then the name as it was given: everyone who has the token is believed."""
    channel = request.headers.get(CHANNEL, "")
    channel = channel if channel in _CHANNELS else "api"
    given = cut(name.strip()) if isinstance(name, str) else ""
    return f"{channel}:{given}" if given else channel


async def _failed(_: Request, raised: Exception) -> Response:
    status = raised.status_code if isinstance(raised, HTTPException) else 500
    known = "there are /v1/state, /v1/events, /v1/commands and /v1/heartbeat; /openapi.json tells of them"
    what = {404: "there is nothing at this address", 405: "this address does not take this method"}.get(status, "no")
    headers = raised.headers if isinstance(raised, HTTPException) else None
    return JSONResponse(error(what, known), status_code=status, headers=headers)


async def _refused(_: Request, raised: Exception) -> Response:
    if not isinstance(raised, Refused):
        raise raised
    return JSONResponse(error(raised.what, raised.hint), status_code=raised.status)


async def _broken(_: Request, raised: Exception) -> Response:
    return JSONResponse(error(f"this is a bug in chaosllm: {type(raised).__name__}"), status_code=500)
