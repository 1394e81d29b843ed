"""The end of a run's proxy whose ports somebody else takes over, so that no client of it is left without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chaosllm.adapters.proxy.workers.control import LONGEST
from chaosllm.adapters.supervisor.children import Child, Message
from chaosllm.adapters.supervisor.order import Door
from chaosllm.errors import ChaosError

#: The counts of a proxy at the end of its record, beside what it said: `Child.latest[SEALED]`.
SEALED = "counts"
#: Seconds that the proxy may take to end its record; its workers have 1.5 of them.
_SEAL = 5.0
#: Seconds between two looks at whether anybody still wants to wait.
_LOOK = 0.1


async def hand_over(
    proxy: Child, door: Door, *, ran: bool, note: Callable[[str], None], going_on: Callable[[], bool]
) -> None:
    """Have `door` stand at the ports and the proxy leave them; returns early once `going_on` is false.

    The load is over. The record of a run that `ran` ends first: what is passed on afterwards is nobody's result.
    """
    try:
        if ran and not proxy.gone.done():
            sealed = await proxy.ask({"do": "seal"}, "sealed", timeout=_SEAL)
            proxy.latest[SEALED] = sealed["status"]
            proxy.on("vitals", lambda _: None)  # it has just told them, and tells them again at its end
        await proxy.send({"do": "clean"})  # which lets go whom a fault still holds
        if await _unless(going_on, door.take()) and not proxy.gone.done():
            await give_way(proxy, note, going_on=going_on)
    except ChaosError as error:
        note(f"the proxy's ports could not be handed over: {error.what}")


async def give_way(proxy: Child, note: Callable[[str], None], *, going_on: Callable[[], bool] = lambda: True) -> None:
    """Have a proxy leave its ports, and say how many calls it had to cut; raises ChaosError when it does not."""
    left: Message | None = await _unless(going_on, proxy.ask({"do": "yield"}, "yielded", timeout=LONGEST + _SEAL))
    if left is not None and left["stayed"]:
        raise ChaosError(f"the {proxy.name} could not leave the ports", hint=f"look into {proxy.log}")
    if left is not None and left["cut"]:
        calls = "a call" if left["cut"] == 1 else f"{left['cut']} calls"
        note(f"{calls} that took longer than {LONGEST:g} s to end were cut when the {proxy.name} left the ports")


async def _unless[T](going_on: Callable[[], bool], work: Awaitable[T]) -> T | None:
    """What comes of it; None as soon as nobody wants to wait any more."""
    task = asyncio.ensure_future(work)
    try:
        while not task.done() and going_on():
            await asyncio.wait([task], timeout=_LOOK)
        return await task if task.done() else None
    finally:
        task.cancel()
