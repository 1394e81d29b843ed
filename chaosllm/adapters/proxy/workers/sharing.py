# mypy: untyped-calls-exclude=mitmproxy
"""Lets mitmproxy's listeners share their ports with those of other workers, which its own code does not.

What is used and not promised by its docs stands in PRIVATE and PRIVATE_INSTANCE, which `contract.require` checks.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from mitmproxy.addons.proxyserver import Proxyserver, Servers
from mitmproxy.proxy.mode_servers import AsyncioServerInstance, ServerInstance

from chaosllm.adapters.proxy.workers import ports

#: (owner, names): checked at start and by a contract test.
PRIVATE: tuple[tuple[Any, tuple[str, ...]], ...] = (
    (AsyncioServerInstance, ("listen",)),
    (ServerInstance, ("handle_stream",)),
)
#: Attributes that exist on instances only, by the class whose `__init__` or annotations must name them.
PRIVATE_INSTANCE: tuple[tuple[Any, tuple[str, ...]], ...] = ((Servers, ("changed",)),)


class SharedPorts:
    """An addon that has each listener bind with SO_REUSEPORT, from before its first start."""

    def __init__(self, proxyserver: Proxyserver) -> None:
        self._proxyserver = proxyserver
        # mitmproxy tells of new listeners before it starts them, to whom it holds by a weak reference only.
        proxyserver.servers.changed.connect(self.told)

    def told(self) -> None:
        """There may be new listeners."""
        for instance in self._proxyserver.servers:
            if isinstance(instance, AsyncioServerInstance):
                # Of this one listener; nothing is patched for others.
                instance.listen = partial(_listen, instance)  # type: ignore[method-assign,assignment]  # as meant


async def _listen(instance: AsyncioServerInstance[Any], host: str, port: int) -> list[asyncio.Server]:
    return [await asyncio.start_server(instance.handle_stream, sock=ports.shared(host, port))]
