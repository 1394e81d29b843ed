"""Apps that differ in how they share what all their users need."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, ClassVar

import openai
from starlette.responses import JSONResponse, Response
from zoo_app import MODEL, Expected, Right
from zoo_fallbacks import BROKEN
from zoo_retries import AFTER, everywhere


class UnboundedQueue(Right):
    """Eight places, a start each 75 ms, and a queue without end from which nobody is dropped.

    13 answers a second for 12 users a second: what a hang piles up takes a minute to work off, and by then all who
    wait have left.
    """

    must: ClassVar[Expected] = {"held": {"hang"}, "held:after": {"metastable"}}
    # Each slow phase piles up a little, and the queue carries it into the next ones.
    may: ClassVar[Expected] = everywhere({"hang", "no_fallback"}, *BROKEN, "leaky") | everywhere(
        {"hang", "metastable", "slow_recovery"}, *AFTER
    )
    patience: float | None = None

    def __init__(self) -> None:
        super().__init__()
        self.places, self.starts, self.next = asyncio.Semaphore(8), asyncio.Lock(), 0.0

    async def answer(self, text: str) -> Response:
        asked_at = monotonic()
        async with self.places:
            async with self.starts:
                late = self.patience is not None and monotonic() - asked_at > self.patience
                if not late:
                    await asyncio.sleep(max(0.0, self.next - monotonic()))
                    self.next = monotonic() + 0.075
            if late:
                return await super().failed(text, TimeoutError())
            return await super().answer(text)


class BoundedQueue(UnboundedQueue):
    """As unbounded-queue, but who has waited for 500 ms gets the default."""

    must: ClassVar[Expected] = {}
    may: ClassVar[Expected] = {}
    patience = 0.5


class SharedPool(Right):
    """A synchronous client in a pool of eight threads that also serves the health check."""

    must: ClassVar[Expected] = {"held": {"no_isolation"}}
    # Each slow phase of a medley can fill eight threads for a while.
    may: ClassVar[Expected] = everywhere({"no_isolation"}, *BROKEN, "leaky") | everywhere({"slow_recovery"}, *AFTER)

    def __init__(self) -> None:
        super().__init__()
        self.client = openai.OpenAI(max_retries=0, timeout=2.5)
        self.pool = ThreadPoolExecutor(8)

    def once(self, text: str) -> str:
        asked: Any = [{"role": "user", "content": text}]
        choice = self.client.chat.completions.create(model=MODEL, messages=asked).choices[0]
        return self.read(choice.message.content, choice.finish_reason)

    async def ask(self, text: str) -> str:
        # The task goes on in its thread when the user's deadline is over, as threads do.
        return await asyncio.get_running_loop().run_in_executor(self.pool, self.once, text)

    async def healthz(self) -> Response:
        await asyncio.get_running_loop().run_in_executor(self.pool, int)
        return JSONResponse({"ok": True})
