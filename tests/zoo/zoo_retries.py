"""Apps that differ in how they try again."""

from __future__ import annotations

import random
from typing import ClassVar

import openai
from starlette.responses import Response
from zoo_app import Expected, Right, honest, retry_after

ERRORS = ("untold", "told", "away", "down")
AFTER = ("down:after", "held:after", "medley:after")
SPARSE = ("cut", "snapped", "blank", "page")  # a broken answer that reaches nobody; the retry mends most of them


def everywhere(codes: set[str], *phases: str) -> dict[str, set[str]]:
    return dict.fromkeys(phases, codes)


class NoRetry(Right):
    """Asks once, and tells its users of each failure. Nothing serves them in its place."""

    tries = 1
    must: ClassVar[Expected] = everywhere({"no_retry", "no_fallback"}, *ERRORS) | everywhere(
        {"no_fallback"}, "spent", "held"
    )
    may: ClassVar[Expected] = everywhere({"no_fallback"}, *SPARSE)

    async def failed(self, text: str, error: Exception) -> Response:
        return honest()


class InstantRetries(Right):
    """Asks again at once, but for a Retry-After."""

    must: ClassVar[Expected] = everywhere({"no_backoff"}, "untold", "away", "down")

    def pause(self, error: Exception, attempt: int) -> float:
        return retry_after(error)


class FixedPause(Right):
    """Always waits 300 ms before it asks again."""

    must: ClassVar[Expected] = everywhere({"no_jitter"}, "untold", "away", "down")

    def pause(self, error: Exception, attempt: int) -> float:
        return max(0.3, retry_after(error))


class EqualJitter(Right):
    """Waits half of the pause for certain and half by chance: jitter enough."""

    def pause(self, error: Exception, attempt: int) -> float:
        return retry_after(error) + 0.2 * 2**attempt + random.uniform(0, 0.2 * 2**attempt)


class RetryAfterIgnored(Right):
    """Backs off with jitter, and never looks at Retry-After."""

    must: ClassVar[Expected] = {"told": {"retry_after_ignored"}}

    def pause(self, error: Exception, attempt: int) -> float:
        return random.uniform(0.05, 0.4 * 2**attempt)


class QuotaRetried(Right):
    """Takes each 429 for a rate limit, the exhausted quota too."""

    must: ClassVar[Expected] = {"spent": {"quota_retried"}}

    def retryable(self, error: Exception) -> bool:
        return isinstance(error, openai.RateLimitError) or super().retryable(error)


class BadRequestRetried(Right):
    """Takes each error for one that passes, but for the quota's."""

    must: ClassVar[Expected] = {"wrong": {"non_retryable_retried"}}

    def retryable(self, error: Exception) -> bool:
        return isinstance(error, openai.BadRequestError) or super().retryable(error)


class RetryStorm(Right):
    """Tries twelve times, with a short pause and jitter."""

    tries = 12
    must: ClassVar[Expected] = {"down": {"retry_storm"}}
    may: ClassVar[Expected] = everywhere({"retry_storm"}, "untold", "away")

    def pause(self, error: Exception, attempt: int) -> float:
        return retry_after(error) + random.uniform(0.05, 0.15)


class GivesUpEarly(Right):
    """Tries three times within 300 ms and then tells the user, who would have waited for 4 s."""

    must: ClassVar[Expected] = {"down": {"gave_up_early", "no_fallback"}}
    may: ClassVar[Expected] = everywhere({"gave_up_early", "no_fallback"}, *ERRORS, *SPARSE) | {
        "spent": {"no_fallback"}, "held": {"no_fallback"},
    }  # fmt: skip

    def pause(self, error: Exception, attempt: int) -> float:
        return retry_after(error) + random.uniform(0.06, 0.15)

    async def failed(self, text: str, error: Exception) -> Response:
        return honest()


class SpreadTries(Right):
    """Three tries spread over the deadline, and an honest error; nothing else could serve the user."""

    deadline = 3.6

    must: ClassVar[Expected] = {"down": {"no_fallback"}}
    may: ClassVar[Expected] = everywhere({"no_fallback"}, *ERRORS, *SPARSE, "spent", "held")

    def pause(self, error: Exception, attempt: int) -> float:
        return max(retry_after(error), random.uniform(1.1, 1.35))

    async def failed(self, text: str, error: Exception) -> Response:
        return honest()


class Hedging(Right):
    """Asks a second time when the first call takes 400 ms, and takes what comes first."""

    async def ask(self, text: str) -> str:
        import asyncio

        calls = {asyncio.create_task(super().ask(text))}
        done, _ = await asyncio.wait(calls, timeout=0.4)
        if not done:
            calls.add(asyncio.create_task(super().ask(text)))
        try:
            waiting = calls
            while True:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                good = [one for one in done if not one.exception()]
                if good or not waiting:
                    return (good or list(done))[0].result()
        finally:
            for call in calls:
                call.cancel()
