"""Serves a desk on loopback inside the running loop, for as long as the `async with` lasts."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import uvicorn

from chaosllm.adapters.console.app import app
from chaosllm.adapters.console.desk import Desk
from chaosllm.adapters.console.guard import Guard
from chaosllm.errors import ChaosError

#: Seconds that open streams get to send what is left; a client that does not read is cut then.
GRACE = 0.5


class _Uvicorn(uvicorn.Server):
    """Leaves signals to the supervisor, which stops the run on them."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """The console and the control API of one desk.

    `url` is the origin, `page` the address for a browser, with the token in its fragment, which no browser sends.
    `port` 0 takes a free one. Raises ChaosError when the port cannot be had.
    """

    def __init__(self, desk: Desk, *, host: str = "127.0.0.1", port: int = 0, token: str = "") -> None:
        self.token = token or secrets.token_urlsafe(32)
        self.url = ""
        self._desk, self._host, self._port = desk, host, port
        self._serving: asyncio.Task[None] | None = None
        self._uvicorn: _Uvicorn | None = None

    @property
    def page(self) -> str:
        """What to open in a browser."""
        return f"{self.url}/#token={self.token}"

    async def __aenter__(self) -> Self:
        listener = _listen(self._host, self._port)
        host, port = listener.getsockname()[:2]
        named = f"[{host}]" if ":" in host else host
        self.url = f"http://{named}:{port}"
        hosts = tuple(dict.fromkeys(f"{one}:{port}" for one in (named, "127.0.0.1", "localhost", "[::1]")))
        config = uvicorn.Config(
            Guard(app(self._desk), token=self.token, hosts=hosts),
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            proxy_headers=False,  # nobody stands before us whose word on the client counts
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
        )
        self._uvicorn = _Uvicorn(config)
        self._serving = asyncio.ensure_future(self._uvicorn.serve(sockets=[listener]))
        while not (self._uvicorn.started or self._serving.done()):  # noqa: ASYNC110  # uvicorn says so by a flag only
            await asyncio.sleep(0.005)
        if self._serving.done():
            await self._serving
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._desk.hub.close()
        if self._uvicorn is None or self._serving is None:
            return
        self._uvicorn.should_exit = True
        done, _ = await asyncio.wait({self._serving}, timeout=GRACE)
        if not done:
            for connection in [*self._uvicorn.server_state.connections]:
                connection.transport.abort()
            self._uvicorn.force_exit = True
        await asyncio.wait({self._serving})


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(128)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ChaosError(
            f"the console cannot listen on {host}:{port}: {reason}", hint="choose another port, or 0 for a free one"
        ) from error
    listener.setblocking(False)
    return listener
