"""The app that does right, and the server in which every animal of the zoo lives.

python zoo_app.py NAME PORT    serves POST /chat and GET /healthz with the conduct of that name

An animal is a class that differs from `Right` in one thing, which its docstring says. `must` holds, phase by phase,
the findings that are true of it there; `may` those that chance decides, or that are true beside the point. Whatever
else is raised is a false alarm. `down:after` is the recovery after the phase `down`.
"""

from __future__ import annotations

import asyncio
import html
import random
import re
import sys
from collections.abc import Mapping
from time import monotonic
from typing import Any, ClassVar

import anthropic
import openai
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

type Expected = Mapping[str, set[str]]

MODEL = "gpt-4o-mini"
SORRY = "I cannot answer just now. Please try again in a minute."
SECRET = re.compile(r"sk-[\w-]{8,}")
SPENT = ("insufficient_quota", "enforced_spend_limit_reached")

ANIMALS: dict[str, type[Right]] = {}


class BadAnswerError(Exception):
    """The call went well and what it brought is no whole answer."""


class Right:
    """Three tries within 2.2 s, full jitter, Retry-After honoured, quota and 400 not retried, answers looked at, a
    marked default answer for all that fails. Nothing is to be found."""

    primary: ClassVar[str] = "openai"
    tries = 3
    timeout: float | None = 0.8  # seconds for one call
    deadline = 2.2  # seconds for one user; the driver waits for 4, and a default later than half of that is slow
    must: ClassVar[Expected] = {}
    may: ClassVar[Expected] = {}

    def __init_subclass__(cls) -> None:
        ANIMALS[cls.name()] = cls

    @classmethod
    def name(cls) -> str:
        """Such as `no-retry` for NoRetry."""
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", cls.__name__).lower()

    def __init__(self) -> None:
        self.first = openai.AsyncOpenAI(max_retries=0, timeout=self.timeout)
        self.second = anthropic.AsyncAnthropic(max_retries=0, timeout=0.8)

    async def ask(self, text: str) -> str:
        """One call to the primary."""
        asked: Any = [{"role": "user", "content": text}]
        choice = (await self.first.chat.completions.create(model=MODEL, messages=asked)).choices[0]
        return self.read(choice.message.content, choice.finish_reason)

    async def ask_second(self, text: str) -> str:
        """One call to the second provider."""
        asked: Any = [{"role": "user", "content": text}]
        said = await self.second.messages.create(model="claude-haiku-4-5", max_tokens=1024, messages=asked)
        return self.read("".join(part.text for part in said.content if part.type == "text"), said.stop_reason)

    def read(self, text: str | None, finish: str | None) -> str:
        """The answer, when it is one; raises BadAnswerError."""
        if finish not in ("stop", "end_turn") or not text:
            raise BadAnswerError(finish)
        return text

    def told(self, text: str) -> Response:
        """What the user gets of a good answer."""
        return JSONResponse({"answer": html.escape(SECRET.sub("[removed]", text))})

    def retryable(self, error: Exception) -> bool:
        """Whether another try may help."""
        if isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
            if any(code in str(error.body) for code in SPENT):
                return False
            return error.status_code in (408, 429) or error.status_code >= 500
        return True

    def pause(self, error: Exception, attempt: int) -> float:
        """Seconds before the next try."""
        return retry_after(error) + random.uniform(0, 0.4 * 2**attempt)

    async def answer(self, text: str) -> Response:
        """The answer to one user."""
        until = monotonic() + self.deadline
        for attempt in range(self.tries):
            try:
                return self.told(await asyncio.wait_for(self.ask(text), until - monotonic()))
            # Whatever it is, because a broken answer raises errors of the SDK, of its HTTP library and of Python.
            except Exception as error:
                wait = self.pause(error, attempt) if self.retryable(error) else None
                if wait is None or attempt == self.tries - 1 or monotonic() + wait > until - 0.3:
                    return await self.failed(text, error)
                await asyncio.sleep(wait)
        raise AssertionError(self.tries)

    async def failed(self, text: str, error: Exception) -> Response:
        """What the user gets when the primary gave nothing."""
        return JSONResponse({"answer": SORRY}, headers={"x-degraded": "1"})

    async def healthz(self) -> Response:
        """What a load balancer gets."""
        return JSONResponse({"ok": True})


def retry_after(error: Exception) -> float:
    """Seconds that the provider asked for, else 0."""
    if not isinstance(error, openai.APIStatusError | anthropic.APIStatusError):
        return 0.0
    return float(error.response.headers.get("retry-after", 0))


def honest(status: int = 503) -> Response:
    """An error of the app's own words."""
    return JSONResponse({"error": SORRY}, status, headers={"retry-after": "2"})


ANIMALS[Right.name()] = Right


def every() -> dict[str, type[Right]]:
    """All animals by name."""
    for room in ("zoo_retries", "zoo_fallbacks", "zoo_answers", "zoo_flow", "zoo_agents", "zoo_sdks"):
        __import__(room)
    return ANIMALS


def serve(name: str, port: int) -> None:
    """Serve one animal until the process ends."""
    animal = every()[name]()

    async def chat(request: Request) -> Response:
        return await animal.answer(str((await request.json())["message"]))

    async def healthz(_: Request) -> Response:
        return await animal.healthz()

    app = Starlette(routes=[Route("/chat", chat, methods=["POST"]), Route("/healthz", healthz)])
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    import zoo_app  # the module that the rooms import, and not a second one called __main__

    zoo_app.serve(sys.argv[1], int(sys.argv[2]))
