"""Breaking a connection that its client has broken already."""

import asyncio
import socket
import struct
from types import SimpleNamespace

import pytest
import uvloop

from chaosllm.adapters.proxy.layers import connections


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_client_that_is_gone_is_no_failure(loop):
    """uvloop has no descriptor left by then, and says so with a ValueError."""

    async def leave() -> bool:
        met = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: met.set_result(writer), "127.0.0.1", 0)
        client = socket.create_connection(server.sockets[0].getsockname())
        writer = await met
        writer.get_extra_info("socket")  # uvloop keeps it, as it does in a connection that serves
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        writer.transport.abort()
        await asyncio.sleep(0.05)
        key = type("Client", (), {"id": "it"})()
        handler = SimpleNamespace(transports={key: SimpleNamespace(writer=writer)})
        found = connections.reset(SimpleNamespace(connections={"it": handler}), key)
        server.close()
        return found

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(leave())  # it was still on our list
