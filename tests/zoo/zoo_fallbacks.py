"""Apps that differ in what serves the user when the primary does not."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import ClassVar

from starlette.responses import Response
from zoo_app import BadAnswerError, Expected, Right, honest
from zoo_retries import AFTER, SPARSE, everywhere

BROKEN = ("untold", "told", "spent", "away", "wrong", *SPARSE, "down", "held")


class Fallback(Right):
    """Asks the second provider as soon as the first has failed, and the default after it."""

    tries = 1

    async def failed(self, text: str, error: Exception) -> Response:
        try:
            return self.told(await self.ask_second(text))
        except Exception as another:
            return await super().failed(text, another)


class StuckOnFallback(Fallback):
    """Changes to the second provider at the first failure, and never comes back."""

    must: ClassVar[Expected] = everywhere({"stuck_on_fallback"}, *AFTER)
    left = False

    async def ask(self, text: str) -> str:
        return await (self.ask_second if self.left else super().ask)(text)

    async def failed(self, text: str, error: Exception) -> Response:
        self.left = True
        return await super().failed(text, error)


class SlowFallback(Fallback):
    """Waits for 2.6 s before it asks the second provider."""

    must: ClassVar[Expected] = everywhere({"slow_fallback"}, "untold", "told", "spent", "away", "down", "held")
    may: ClassVar[Expected] = everywhere({"slow_fallback"}, "wrong", *SPARSE) | {"held": {"hang"}}
    deadline = 3.6

    async def failed(self, text: str, error: Exception) -> Response:
        await asyncio.sleep(2.6)
        return await super().failed(text, error)


class SilentFailure(Right):
    """Says 200 and nothing when all tries have failed."""

    must: ClassVar[Expected] = {"down": {"silent_failure"}, "spent": {"silent_failure"}, "held": {"silent_failure"}}
    may: ClassVar[Expected] = everywhere({"silent_failure", "no_fallback", "gave_up_early"}, *BROKEN) | everywhere(
        {"silent_failure", "malformed_accepted"}, "blank", "page"
    )  # nothing said of nothing got

    async def failed(self, text: str, error: Exception) -> Response:
        from starlette.responses import JSONResponse

        return JSONResponse({"answer": ""})


class OpenError(Exception):
    """The breaker is open."""


class Breaker(Right):
    """Opens after five failures in a row, for a second; one trial then. The default serves users meanwhile."""

    stays_open = 1.0

    def __init__(self) -> None:
        super().__init__()
        self.failures, self.until = 0, 0.0

    async def ask(self, text: str) -> str:
        now = monotonic()
        if self.failures >= 5:
            if now < self.until:
                raise OpenError
            self.until = now + self.stays_open
        try:
            said = await super().ask(text)
        except BadAnswerError:
            raise
        except Exception:
            self.failures += 1
            if self.failures == 5:
                self.until = now + self.stays_open
            raise
        self.failures = 0
        return said

    def retryable(self, error: Exception) -> bool:
        return not isinstance(error, OpenError) and super().retryable(error)


class SlowRecovery(Breaker):
    """Its breaker asks again only each 5 s, and users get errors for as long."""

    stays_open = 5.0
    must: ClassVar[Expected] = {"down:after": {"slow_recovery"}}
    may: ClassVar[Expected] = everywhere({"no_fallback", "gave_up_early", "no_retry"}, *BROKEN) | everywhere(
        {"slow_recovery"}, *AFTER
    )

    async def failed(self, text: str, error: Exception) -> Response:
        return honest()


class StaysDown(SlowRecovery):
    """Its breaker opens for a minute: the outage goes on when the provider's is over."""

    stays_open = 60.0
    must: ClassVar[Expected] = everywhere({"metastable"}, "down:after", "held:after")
