"""The guard: without the token nothing is told and nothing changes; pages of others get nothing even with it."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fake_desk import FakeDesk

from chaosllm.adapters.console.app import app, assets
from chaosllm.adapters.console.guard import HEADERS, Guard

TOKEN = "0123456789abcdef"
HOST = "127.0.0.1:9999"
AUTH = {"authorization": f"Bearer {TOKEN}"}
PATHS = [("GET", "/v1/state"), ("GET", "/v1/events"), ("POST", "/v1/commands"), ("POST", "/v1/heartbeat")]


def play(script: Callable[[httpx.AsyncClient, FakeDesk], Awaitable[None]]) -> None:
    """Run a script against the app behind its guard, without a socket."""

    async def run() -> None:
        desk = FakeDesk()
        desk.open()
        guard = Guard(app(desk), token=TOKEN, hosts=(HOST, "localhost:9999", "[::1]:9999"))
        transport = httpx.ASGITransport(guard, raise_app_exceptions=False)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{HOST}") as client:
            await script(client, desk)

    asyncio.run(run())


async def refused(client: httpx.AsyncClient, desk: FakeDesk, status: int, **asked: Any) -> httpx.Response:
    """Ask, and hold that it was refused in JSON, with all headers, and changed nothing."""
    before, beats = copy.deepcopy(desk.hub.state), [*desk.beats]
    method, path = asked.pop("method", "POST"), asked.pop("path", "/v1/commands")
    answer = await client.request(method, path, **asked)
    assert answer.status_code == status, (asked, answer.text)
    assert answer.json()["error"]["what"]
    for name, value in HEADERS:
        assert answer.headers[name.decode()] == value.decode()
    assert "access-control-allow-origin" not in answer.headers
    assert "set-cookie" not in answer.headers
    assert (desk.hub.state, desk.obeyed, desk.beats) == (before, [], beats)
    return answer


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_without_the_token_nothing(method: str, path: str) -> None:
    """401 on every path under /v1, and on those that are not there; a token in the query or a cookie is none."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        given: dict[str, Any] = {"json": {"do": "stop"}} if method == "POST" else {}
        for headers in (
            {}, {"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"authorization": f"Basic {TOKEN}"},
            {"authorization": f"Bearer {TOKEN}x"}, {"authorization": "Bearer "}, {"cookie": f"token={TOKEN}"},
            {"authorization": "Bearer \xff\xfe"},
        ):  # fmt: skip
            raw = {name: value.encode("latin-1") for name, value in headers.items()}
            answer = await refused(client, desk, 401, method=method, path=path, headers=raw, **given)
            assert answer.headers["www-authenticate"] == "Bearer"
        await refused(client, desk, 401, method=method, path=f"{path}?token={TOKEN}", **given)
        await refused(client, desk, 401, method=method, path=path + "/more", **given)
        await refused(client, desk, 401, method="DELETE", path=path)

    play(script)


def test_a_rebound_name_gets_nothing() -> None:
    """DNS rebinding: under another name, port or none, even with the token, and even the page."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for host in ("evil.example:9999", "127.0.0.1", "127.0.0.1:80", "127.0.0.1.nip.io:9999", "", "localhost:9999@x"):
            for path in ("/", "/v1/state", "/assets/console.js", "/openapi.json"):
                await refused(client, desk, 403, method="GET", path=path, headers={**AUTH, "host": host})
            await refused(client, desk, 403, json={"do": "stop"}, headers={**AUTH, "host": host})
        twice = [
            (b"host", HOST.encode()),
            (b"host", b"evil.example"),
            (b"authorization", AUTH["authorization"].encode()),
        ]
        await refused(client, desk, 403, method="GET", path="/v1/state", headers=twice)
        for host in (HOST, "localhost:9999", "LOCALHOST:9999", "[::1]:9999"):
            assert (await client.get("/v1/state", headers={**AUTH, "host": host})).status_code == 200

    play(script)


def test_a_page_of_another_origin_gets_nothing() -> None:
    """CSRF: another Origin, another port of localhost, a sandboxed page, and what a browser marks as cross-site."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for headers in (
            {"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:8000"}, {"origin": ""},
            {"origin": f"https://{HOST}"}, {"origin": f"http://{HOST}.evil.example"}, {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site"}, {"origin": f"http://{HOST}", "sec-fetch-site": "cross-site"},
        ):  # fmt: skip
            await refused(client, desk, 403, json={"do": "stop"}, headers={**AUTH, **headers})
            await refused(client, desk, 403, method="GET", path="/", headers=headers)
            await refused(
                client, desk, 403, method="OPTIONS", headers={**headers, "access-control-request-method": "POST"}
            )
        ours = {**AUTH, "origin": f"http://{HOST}", "sec-fetch-site": "same-origin"}
        assert (await client.get("/v1/state", headers=ours)).status_code == 200
        assert (await client.get("/", headers={"sec-fetch-site": "none"})).status_code == 200

    play(script)


def test_what_a_form_can_send_is_not_taken() -> None:
    """The three content types that a form of any page may send, and none at all: 415."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "",
            "text/json",
        ):
            body = {"content": b'{"do": "stop"}', "headers": {**AUTH, "content-type": kind}}
            await refused(client, desk, 415, **body)
            await refused(client, desk, 415, path="/v1/heartbeat", **body)

    play(script)


def test_sizes_and_forms_of_bodies() -> None:
    """Too large by its length or as it comes: 413; no JSON, no object, too deep: 400; no such way: 404 and 405."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        headers = {**AUTH, "content-type": "application/json"}
        await refused(client, desk, 413, content=b'{"do": "stop"}' + b" " * 65536, headers=headers)
        await refused(client, desk, 413, content=b"{}", headers={**headers, "content-length": "9" * 30})
        await refused(client, desk, 413, content=pieces(), headers=headers)
        for body in (b"", b"{", b"[1]", b'"stop"', b"\xff\xfe", b"[" * 60000, b"NaN,"):
            await refused(client, desk, 400, content=body, headers=headers)
        for method, path in (("GET", "/v1/commands"), ("PUT", "/v1/commands"), ("DELETE", "/v1/state"), ("PATCH", "/")):
            await refused(client, desk, 405, method=method, path=path, headers=AUTH)
        for path in (
            "/v1",
            "/v1/other",
            "/assets/../hub.py",
            "/assets/%2e%2e%2fhub.py",
            "/hub.py",
            "/assets/",
            "/v1/state/",
        ):
            await refused(client, desk, 404, method="GET", path=path, headers=AUTH)

    play(script)


def test_with_the_token_commands_are_done() -> None:
    """200 with the event; a refusal is 422 with what and hint, and logged; the channel and the name make who."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        done = await client.post("/v1/commands", json={"do": "approve", "step": 1, "who": " Ada "}, headers={
            **AUTH, "x-chaosllm-channel": "console"})  # fmt: skip
        assert done.status_code == 200
        assert done.json()["who"] == "console:Ada"
        answer = await client.post("/v1/commands", json={"do": "enable", "rule": "storm.7", "who": 7}, headers={
            **AUTH, "x-chaosllm-channel": "lever"})  # fmt: skip
        assert answer.status_code == 422
        assert answer.json()["error"]["what"] == "there is no rule storm.7"
        assert "did you mean `storm.2`" in answer.json()["error"]["hint"]
        logged = desk.hub.state["commands"][-1]
        assert (logged["ok"], logged["who"]) == (False, "api")
        beat = await client.post("/v1/heartbeat", json={"console": "c1"}, headers=AUTH)
        assert (beat.status_code, desk.beats) == (204, ["c1"])

    play(script)


def test_the_page_and_its_files_are_served_whole() -> None:
    """Page and assets need no token, because they hold nothing; types are right and nothing is kept by a browser."""

    async def script(client: httpx.AsyncClient, desk: FakeDesk) -> None:
        page = await client.get("/")
        assert page.headers["content-type"].startswith("text/html")
        assert TOKEN not in page.text
        for name, (body, kind) in assets().items():
            answer = await client.get(f"/assets/{name}")
            assert (answer.content, answer.headers["content-type"]) == (body, kind)
            assert "'unsafe" not in answer.headers["content-security-policy"]
        assert (await client.get("/openapi.json")).json()["openapi"].startswith("3.1")

    play(script)
