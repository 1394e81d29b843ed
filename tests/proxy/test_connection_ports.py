"""A port that refused opens again, whatever goes wrong on the way."""

import asyncio
from types import SimpleNamespace

import pytest

from chaosllm.adapters.proxy.doors import Doors
from chaosllm.adapters.proxy.layers import connections
from chaosllm.call import Call
from chaosllm.script import Decision, Unreachable

STEP = Unreachable("refused")


def test_a_port_that_could_not_be_opened_is_tried_again(monkeypatch):
    """Somebody had taken it for a moment: our failure is told, and the next look opens it."""
    opened = []

    async def close_port(*_):
        return SimpleNamespace(close=lambda: None)

    async def open_port(_, port, __):
        opened.append(port)
        if len(opened) == 1:
            raise OSError("address in use")

    monkeypatch.setattr(connections, "close_port", close_port)
    monkeypatch.setattr(connections, "open_port", open_port)
    on = ["storm.0"]
    decision = Decision(Call("port-openai-0", "openai", "connection", "", stream=False), "storm", (STEP,))
    plan = SimpleNamespace(
        connecting=lambda *_, **__: tuple(on),
        second=int,
        accept=lambda *_, **__: decision if on else None,
        asked=lambda _: False,
    )
    targets = SimpleNamespace(listeners={4711: "openai"}, origins=["openai"])
    clock = SimpleNamespace(t=lambda now: now)
    doors = Doors(plan, targets, None, clock, lambda: None, lambda *_: None, lambda _: None)

    async def looks():
        await doors.look(0.5)
        on.clear()
        with pytest.raises(OSError, match="in use"):
            await doors.look(1.0)
        await doors.look(1.05)
        await doors.look(1.1)

    asyncio.run(looks())
    assert opened == [4711, 4711]
