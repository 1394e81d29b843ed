# mypy: untyped-calls-exclude=mitmproxy
"""Lets mitmproxy's listeners share their ports with those of other workers, which its own code does not.

What is used and not promised by its docs stands in PRIVATE and PRIVATE_INSTANCE, which `contract.require` checks.
"""

from __future__ import annotations

import asyncio
import socket
from functools import partial
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver, Servers
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance

from chaosllm.adapters.proxy.workers import ports

#: (owner, names): checked at start and by a contract test.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (AsyncioServerInstance, ("listen", "is_running")),
    (ServerInstance, ("handle_stream", "start", "stop")),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = ((Servers, ("changed",)),)


class SharedPorts:
    """An addon that has each listener bind with SO_REUSEPORT, from before its first start."""

    def __init__(self, proxyserver: Proxyserver) -> None:
        self._proxyserver = proxyserver
        self._bound: dict[AsyncioServerInstance[Any], socket.socket] = {}
        # mitmproxy tells of new listeners before it starts them, to whom it holds by a weak reference only.
        proxyserver.servers.changed.connect(self.told)

    def told(self) -> None:
        """There may be new listeners."""
        for instance in self._instances():
            # Of this one listener; nothing is patched for others.
            instance.listen = partial(self._listen, instance)  # type: ignore[method-assign,assignment]  # as meant

    async def close(self) -> None:
        """Listen no more, and serve whoever had connected by then."""
        for instance in [one for one in self._instances() if one.is_running]:
            waiting = _take(self._bound[instance])
            await instance.stop()
            for one in waiting:
                await _serve(instance, one)

    async def open(self) -> None:
        """Listen again; raises OSError when a port cannot be had."""
        for instance in [one for one in self._instances() if not one.is_running]:
            await instance.start()

    def _instances(self) -> list[AsyncioServerInstance[Any]]:
        return [one for one in self._proxyserver.servers if isinstance(one, AsyncioServerInstance)]

    async def _listen(self, instance: AsyncioServerInstance[Any], host: str, port: int) -> list[asyncio.Server]:
        bound = self._bound[instance] = ports.shared(host, port)
        return [await asyncio.start_server(instance.handle_stream, sock=bound)]


def _take(listening: socket.socket) -> list[socket.socket]:
    """The connections that the kernel has made, and that nobody took.

    What still comes between the last look and the close (some microseconds) is reset by Linux, unless
    net.ipv4.tcp_migrate_req is 1: there is no way to take a listener out of its group first.
    """
    taken: list[socket.socket] = []
    while True:
        try:
            taken.append(listening.accept()[0])
        except OSError:  # BlockingIOError as a rule: none is left
            return taken


async def _serve(instance: AsyncioServerInstance[Any], taken: socket.socket) -> None:
    """As asyncio.start_server does with a connection."""
    loop = asyncio.get_running_loop()
    taken.setblocking(False)
    reader = asyncio.StreamReader(loop=loop)
    await loop.connect_accepted_socket(
        lambda: asyncio.StreamReaderProtocol(reader, instance.handle_stream, loop=loop), taken
    )
