"""Apps that leave everything to an official SDK."""

from __future__ import annotations

from typing import Any, ClassVar

import anthropic
import openai
from zoo_app import Expected, Right
from zoo_retries import NoRetry


class OpenaiDefaults(Right):
    """The two retries of OpenAI's SDK. It retries each 429, the exhausted quota's too (SDK-BEHAVIOUR)."""

    tries = 1
    must: ClassVar[Expected] = {"spent": {"quota_retried"}}
    may: ClassVar[Expected] = {"told": {"slow_fallback"}}  # it waits as long as it is told, twice, before it gives up

    def __init__(self) -> None:
        super().__init__()
        self.first = openai.AsyncOpenAI(timeout=0.6)


class AnthropicDefaults(Right):
    """The two retries of Anthropic's SDK; its spend limit comes as a 400, which the SDK does not retry."""

    primary = "anthropic"
    tries = 1
    may: ClassVar[Expected] = {"told": {"slow_fallback"}}

    def __init__(self) -> None:
        super().__init__()
        self.second = anthropic.AsyncAnthropic(timeout=0.6)

    async def ask(self, text: str) -> str:
        return await self.ask_second(text)


class GeminiPlain(NoRetry):
    """google-genai as it comes: it never tries again."""

    primary = "gemini"

    def __init__(self) -> None:
        from google import genai
        from google.genai import types

        self.client = genai.Client(http_options=types.HttpOptions(timeout=800))

    async def ask(self, text: str) -> str:
        said: Any = await self.client.aio.models.generate_content(model="gemini-2.5-flash", contents=text)
        return self.read(said.text, "stop" if said.candidates[0].finish_reason == "STOP" else "length")

    def retryable(self, error: Exception) -> bool:
        return False
