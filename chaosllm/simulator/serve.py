"""Serves the simulator on a socket for each provider until it is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import uvicorn

from chaosllm.errors import ChaosError
from chaosllm.providers import Provider
from chaosllm.simulator.app import Simulator

# Longer than any client keeps an idle connection (httpx: 5 s, Node: 5 s, boto3: 60 s), so that
# the client and never the server closes one: the other way round looks like a fault.
KEEP_ALIVE = 600


class _Server(uvicorn.Server):
    """Leaves signals to us, because uvicorn raises a caught one again and the exit code would not be 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True, slots=True)
class Ready:
    """Where a client can connect: `url` serves every provider by path, `origins` one provider each."""

    url: str
    origins: dict[str, str]


def listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises ChaosError when it cannot be had."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, proto)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ChaosError(
            f"the simulator cannot listen on {host}:{port}: {reason}",
            hint="choose another --port, or 0 for free ones",
        ) from error
    listener.setblocking(False)
    return listener


def listen_for(providers: Sequence[Provider], host: str, port: int) -> list[socket.socket]:
    """Bound sockets: the shared one, then one for each provider; with one provider the shared one is its own.

    The ports follow each other from `port` on, so that an app can be set up once; with 0 each is a free one.
    Raises ChaosError when one cannot be had.
    """
    count = 1 + (len(providers) if len(providers) > 1 else 0)
    listeners: list[socket.socket] = []
    try:
        for at in range(count):
            listeners.append(listen(host, port + at if port else 0))  # noqa: PERF401  # what is open must be closed
    except ChaosError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def share_out(simulator: Simulator, listeners: Sequence[socket.socket]) -> Ready:
    """Give each provider of the simulator its socket out of those of `listen_for`; the addresses that come of it."""
    own = [*zip(simulator.providers, listeners[1:] or listeners, strict=True)]
    simulator.ports = {listener.getsockname()[1]: provider for provider, listener in own}
    return Ready(_url(listeners[0]), {provider.name: _url(listener) for provider, listener in own})


def serve(
    simulator: Simulator,
    listeners: Sequence[socket.socket],
    *,
    ready: Callable[[Ready], None],
    started: Callable[[Callable[[], None]], None] | None = None,
) -> None:
    """Serve on the sockets of `listen_for` until SIGINT, SIGTERM or `stop`, then return.

    `ready` gets the addresses once a client can connect. `started` gets `stop`, which any thread may
    call. Streams still open are cut after a second.
    """
    addresses = share_out(simulator, listeners)
    config = uvicorn.Config(
        simulator,
        loop="auto",  # uvloop where there is one
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,  # nobody stands before us whose word on the client counts
        backlog=2048,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=1,
    )
    server = _Server(config)

    def stop() -> None:
        server.should_exit = True  # uvicorn looks at it ten times a second

    async def run() -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        serving = asyncio.ensure_future(server.serve(sockets=[*listeners]))
        while not (server.started or serving.done()):  # noqa: ASYNC110  # uvicorn says so by a flag only
            await asyncio.sleep(0.005)
        # What is loaded now stays: without it each collection walks all modules again.
        gc.collect()
        gc.freeze()
        ready(addresses)
        if started is not None:
            started(stop)
        await serving

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(run())


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
