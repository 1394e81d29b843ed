"""Who may talk to the console: the guard lets nothing through that a web page of somebody else could have sent.

Laws:
1. The name by which we were called must be ours: a page whose name was rebound to 127.0.0.1 calls us by that name.
2. A browser that says where a request comes from must say: from our own page.
3. Everything under /v1 needs the token, in a header that no form and no link can set; there are no cookies.
4. Without the token nothing of a body is read, and nothing changes.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Bytes of a body.
LARGEST = 64 * 1024
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Refused(Exception):  # noqa: N818  # a refusal, no error of ours
    """A request that goes no further: the status, what was wrong, what would work."""

    def __init__(self, status: int, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.status, self.what, self.hint = status, what, hint


def error(what: str, hint: str = "") -> dict[str, Any]:
    """The body of every refusal."""
    return {"error": {"what": what, "hint": hint}}


class Guard:
    """Stands before an ASGI app. `hosts` are the names with port by which we may be called."""

    def __init__(self, app: App, *, token: str, hosts: tuple[str, ...]) -> None:
        self._app, self._token, self._hosts = app, token.encode(), hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return  # no websockets; lifespan is off

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in HEADERS}
                message["headers"] = [*(one for one in message.get("headers", ()) if one[0] not in own), *HEADERS]
            await send(message)

        try:
            self._check(scope)
            receive = _bounded(receive) if scope["method"] == "POST" else receive
            await self._app(scope, receive, sealed)
        except Refused as refused:
            await _answer(sealed, refused)

    def _check(self, scope: Scope) -> None:
        headers = _Headers(scope)
        if (host := headers.one("host")) is None or host.lower() not in self._hosts:
            raise Refused(403, "this is not the address of the console", f"it is http://{self._hosts[0]}/")
        origins = {f"http://{host}" for host in self._hosts}
        if headers.all("origin") and (headers.one("origin") or "").lower() not in origins:
            raise Refused(403, "a page of another origin may not talk to the console", "open the console's own page")
        if headers.all("sec-fetch-site") and headers.one("sec-fetch-site") not in ("same-origin", "none"):
            raise Refused(403, "a page of another site may not talk to the console", "open the console's own page")
        if scope["path"] == "/v1" or scope["path"].startswith("/v1/"):
            kind, _, token = (headers.one("authorization") or "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self._token):
                raise Refused(401, "the token is missing or wrong", "open the address that the terminal printed")
        if scope["method"] != "POST":
            return
        kind = (headers.one("content-type") or "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise Refused(415, f"found {kind or 'no content type'}", "send application/json")
        length = headers.one("content-length")
        if length is not None and (not length.isascii() or not length.isdigit() or int(length[:20]) > LARGEST):
            raise Refused(413, "the body is too large", f"send at most {LARGEST} bytes")


class _Headers:
    def __init__(self, scope: Scope) -> None:
        self._pairs = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"]]

    def all(self, name: str) -> list[str]:
        return [value for known, value in self._pairs if known == name]

    def one(self, name: str) -> str | None:
        """The value; None where there is none, or more than one, which no honest client sends."""
        found = self.all(name)
        return found[0] if len(found) == 1 else None


def _bounded(receive: Receive) -> Receive:
    """Counts what comes, because a chunked body has no length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > LARGEST:
            raise Refused(413, "the body is too large", f"send at most {LARGEST} bytes")
        return message

    return counted


async def _answer(send: Send, refused: Refused) -> None:
    body = json.dumps(error(refused.what, refused.hint)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if refused.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
