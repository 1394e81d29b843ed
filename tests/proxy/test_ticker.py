"""The one timer of all paced streams."""

import asyncio
import time

from chaosllm.adapters.proxy.fast.ticker import Ticker


def test_nothing_is_called_early_nor_forgotten():
    """Each call comes at its moment or after it; one that breaks is told, and its siblings come all the same."""
    came, told = [], []

    async def go():
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        ticker, begun, over = Ticker(), time.monotonic(), loop.create_future()

        def breaks(now):
            raise KeyError("a stream")

        ticker.at(begun + 0.03, lambda now: over.set_result(None))
        for offset in (0.02, 0.005, 0.01):
            ticker.at(begun + offset, breaks)
            ticker.at(begun + offset, lambda now, offset=offset: came.append((offset, now - begun)))
        async with asyncio.timeout(10):
            await over

    asyncio.run(go())
    assert [offset for offset, _ in came] == [0.005, 0.01, 0.02]
    assert all(after >= offset for offset, after in came)
    assert [type(one) for one in told] == [KeyError] * 3
