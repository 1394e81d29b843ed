"""Two proxies take turns at the same ports: no client is refused, no answer is lost, each knows whose turn it is."""

import socket
import threading
import time

import pytest
from proxy_rig import EVENTS, ProxyChild, RawClient, scenario
from steady import Steady

from chaosllm.adapters.proxy.workers import ports

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def held():
    """The ports of an explicit and a reverse listener, held as a day holds them."""
    sockets = ports.reserve("127.0.0.1", 0, 2)
    yield [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()


@pytest.fixture
def proxies(held, upstream, tmp_path):
    """A standing proxy, and one of a step that has two workers; both listen."""
    children = [
        ProxyChild(tmp_path / name, scenario(), {"openai": upstream.url}, phase=None, ports=held, **more)
        for name, more in (("standing", {}), ("step", {"workers": 2}))
    ]
    yield children
    for child in children:
        child.process.kill()
        child.process.wait()


def switch(comes, goes):
    """One takes the ports and the other leaves them; how many calls that one cut."""
    comes.tell({"do": "take"})
    comes.next("taken")
    goes.tell({"do": "yield"})
    return goes.next("yielded")["cut"]


def test_proxies_take_turns(proxies, held, upstream):
    """Under two clients that ask all the time: every call is answered, and by whose turn it is.

    A stream that was under way is whole, an answer that begins later says that its connection ends, an idle
    connection is closed, and a port without its proxy refuses.
    """
    standing, step = proxies
    step.tell({"do": "yield"})
    assert step.next("yielded")["cut"] == 0
    idle, streaming, slow = (RawClient(f"http://127.0.0.1:{held[1]}/v1") for _ in range(3))
    whole, late = [], []
    reading = threading.Thread(target=lambda: whole.append(streaming.ask("long", "gap=0.04")))
    waiting = threading.Thread(target=lambda: late.append(slow.ask("slow", "think=1", stream=False)))
    idle.ask("idle", stream=False)
    clients = Steady(held[1])
    reading.start()
    waiting.start()
    time.sleep(0.3)
    counted = []
    for comes, goes in ((step, standing), (standing, step), (step, standing)):
        assert switch(comes, goes) == 0
        before = goes.status()["calls"], comes.status()["calls"]
        time.sleep(0.3)
        counted.append((goes.status()["calls"] - before[0], comes.status()["calls"] - before[1]))
    clients.stop()
    reading.join()
    waiting.join()
    assert clients.lost_but_one_reset() == []
    assert {what for *_, what in clients.calls if isinstance(what, int)} == {200}
    assert all(gone == 0 and here > 0 for gone, here in counted), counted
    assert whole[0].end == "proper", whole
    assert whole[0].body.count(b"data:") == len(EVENTS)
    assert (late[0].status, late[0].headers["connection"], late[0].end) == (200, "close", "proper")
    assert idle.socket.recv(1) == b""  # closed, not reset
    step.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", held[1]), 2)
