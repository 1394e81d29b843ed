"""OpenAI: chat, Responses, embeddings, completions; also the class that OpenAI-compatible providers are made of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from chaosllm.call import Call
from chaosllm.providers import Budget, Completion, Provider, Refusal
from chaosllm.providers._http import Endpoint, HttpProvider
from chaosllm.providers._json import dump
from chaosllm.providers.dialects.openai_chat import Chat
from chaosllm.providers.dialects.openai_completions import Completions
from chaosllm.providers.dialects.openai_embeddings import Embeddings
from chaosllm.providers.dialects.openai_responses import Responses
from chaosllm.providers.refusals import Headers, Template, Wait, go_duration, identifier
from chaosllm.providers.refusals.openai import TEMPLATES

#: Bucket -> the headers of its limit, of what is left and of its reset; "" where there is none.
type LimitNames = Mapping[str, tuple[str, str, str]]
LIMIT_NAMES: LimitNames = {
    kind: (f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}")
    for kind in ("requests", "tokens")
}
#: An account of the first paid tier that no limit touches (names and form captured: wrtnlabs/autobe#136).
UNTOUCHED = (Budget("requests", 500, 499, 0.12), Budget("tokens", 30_000, 29_976, 0.048))
#: What a refusal says when the scenario names no number, and good answers neither: OpenAI's first paid tier.
_LIMITS = {
    "requests": 500, "tokens": 30_000, "day": 10_000, "tokens_day": 200_000, "concurrency": 100, "context": 128_000,
}  # fmt: skip
_PERIODS = {"requests": 60.0, "tokens": 60.0, "day": 86_400.0, "tokens_day": 86_400.0, "concurrency": 60.0}
_OF_TOKENS = ("tokens", "tokens_day")
_LOWER_HEX = "0123456789abcdef"
#: In-band errors, by the refusal whose object they are.
_STREAM_ERRORS = {
    "overload/status": "stream_error/overload",
    "error/server": "stream_error/server",
    "rate_limit/tokens": "stream_error/rate_limit",
    "rate_limit/requests": "stream_error/rate_limit",
}

#: Error text, request ids and key fragments of OpenAI that no end user should see.
LEAKS = (
    r"\bError code: [45]\d\d - ",  # how the SDK prints every status error (openai 3.54: APIStatusError)
    r"\breq_[0-9a-f]{24,}",
    r"\bchatcmpl-[A-Za-z0-9]{10,}",
    r"\borg-[A-Za-z0-9]{16,}",
    r"\bsk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_]{3,}[A-Za-z0-9_*-]*(?:\*{3}|[A-Za-z0-9_]{16})",
    r"(?:Rate limit reached|Request too large) for \S+ in organization",
    r"You exceeded your current quota",
    r"Incorrect API key provided",
    r"maximum context length is \d+ tokens",
    r"does not exist or you do not have access to it",
    r"The server had an error while processing your request",
    r"Our servers are currently overloaded",
    r"\bplatform\.openai\.com\b",
    r"\b(?:insufficient_quota|context_length_exceeded|server_is_overloaded)\b",
    r"\b(?:content_policy_violation|unsupported_country_region_territory|cf_bad_gateway|service_unavailable_error)\b",
    r"""\\?["']param\\?["']: ?(?:null|None), ?\\?["']code\\?["']:""",  # a body, in JSON or as printed
)

ENDPOINTS = (
    Endpoint("chat", re.compile(r"/v1/chat/completions"), Chat()),
    Endpoint("responses", re.compile(r"/v1/responses"), Responses()),
    Endpoint("completions", re.compile(r"/v1/completions"), Completions()),
    Endpoint("embeddings", re.compile(r"/v1/embeddings"), Embeddings()),
)


class OpenAI(HttpProvider):
    """A provider that speaks OpenAI's dialects; another host needs other arguments only.

    `env` and `keys` are the variables of its SDK, `base_path` is what its SDK's base URL ends in.
    `limit_names` are its rate-limit headers and `untouched` what they say of an idle account, `milliseconds`
    whether it sends retry-after-ms, `should_retry` whether x-should-retry. What it can refuse, and which live
    limits it has, follows from `templates`.
    """

    models: tuple[str, ...] = (
        "gpt-4o",
        "gpt-4o-mini",
        "gpt-4.1-mini",
        "text-embedding-3-small",
        "text-embedding-3-large",
    )
    headers_of_good: Headers = (("openai-processing-ms", "412"), ("openai-version", "2020-10-01"))

    def __init__(
        self,
        name: str = "openai",
        title: str = "OpenAI",
        *,
        summary: str = "OpenAI: chat completions, Responses, embeddings",
        hosts: tuple[str, ...] = ("api.openai.com", "*.api.openai.com"),
        env: tuple[tuple[str, str], ...] = (("OPENAI_BASE_URL", "/v1"),),
        keys: tuple[str, ...] = ("OPENAI_API_KEY",),
        base_path: str = "/v1",
        endpoints: tuple[Endpoint, ...] = ENDPOINTS,
        templates: Mapping[str, Template] = TEMPLATES,
        leaks: tuple[str, ...] = LEAKS,
        limit_names: LimitNames = LIMIT_NAMES,
        untouched: tuple[Budget, ...] = UNTOUCHED,
        milliseconds: bool = True,
        should_retry: bool = True,
    ) -> None:
        self.name, self.title, self.summary = name, title, summary
        self.hosts, self.env, self.keys, self.base_path, self.leaks = hosts, env, keys, base_path, leaks
        self.milliseconds = milliseconds
        self._limit_names, self._untouched = limit_names, untouched
        waits = any(template.waits for template in templates.values())
        told = {
            "limit_headers": bool(limit_names), "retry_after/ms": waits and milliseconds, "should_retry": should_retry,
        }  # fmt: skip
        self.skills = frozenset(
            {ability for ability, true in told.items() if true}
            | {error for key, error in _STREAM_ERRORS.items() if key in templates}
        )
        super().__init__(endpoints, templates)

    def limit_headers(self, budgets: tuple[Budget, ...], *, now: float) -> Headers:  # noqa: ARG002  # resets are durations
        """Limit, remaining and reset of each bucket that has headers here; resets are Go durations."""
        return tuple(
            (name, value)
            for budget in budgets
            for name, value in zip(
                self._limit_names.get(budget.name, ()),
                (str(budget.limit), str(budget.remaining), go_duration(budget.reset)),
                strict=False,
            )
            if name
        )

    def stream_error(self, refusal: Refusal, call: Call, *, token: int) -> tuple[bytes, ...]:
        """The raw in-band events; a limit that strikes inside a stream is one of tokens (captured: pi#1458)."""
        if refusal.kind == "rate_limit" and "rate_limit/tokens" in self.refusals:
            refusal = replace(refusal, detail="tokens")
        return super().stream_error(refusal, call, token=token)

    def _spell(
        self, key: str, template: Template, refusal: Refusal, call: Call, wait: Wait, *, now: float, token: int,
        budgets: tuple[Budget, ...],
    ) -> tuple[Headers, bytes]:  # fmt: skip
        headers: Headers = (("content-type", "application/json; charset=utf-8"), *wait.headers)
        if key.startswith("rate_limit/"):
            headers += self.limit_headers(budgets or self._spent(key, refusal, wait.said), now=now)
        headers += self._edge(key, token)
        message = self._message(template, refusal, call, wait.said, token=token)
        return headers, dump(self._body(self._error(template, message), refusal, now + (wait.said or 0.0)))

    def _edge(self, key: str, token: int) -> Headers:
        """The headers that tell one refusal from another."""
        if key == "error/gateway":  # the request never reached OpenAI behind Cloudflare
            return ()
        return (("x-request-id", self._request_id(token)),)

    def _body(self, error: dict[str, Any], refusal: Refusal, until: float) -> dict[str, Any]:  # noqa: ARG002  # for those whose body says more
        """The whole body around an error object; `until` is the UNIX time at which to come back."""
        return {"error": error}

    def _error(self, template: Template, message: str) -> dict[str, Any]:
        code: str | int | None = template.code
        if template.type == "cf_bad_gateway":  # Cloudflare's own JSON: another order, and the code an integer
            return {"code": 502, "message": message, "param": None, "type": template.type}
        return {"message": message, "type": template.type, "param": template.param, "code": code}

    def _message(self, template: Template, refusal: Refusal, call: Call, wait: float | None, *, token: int) -> str:
        text = template.message + (template.again if wait is not None else "") + template.more
        limit, used, requested = self._numbers(refusal, call, wait)
        seconds = math.ceil((wait or 0.0) - 1e-9)
        return text.format(
            model=call.model or "gpt-4o",
            org=f"org-{identifier(token, 24, salt='org')}",
            limit=limit,
            used=used,
            requested=requested,
            wait=go_duration(wait or 0.0),
            seconds=f"{seconds} second" if seconds == 1 else f"{seconds} seconds",
            **self._facts(call, requested),
        )

    def _facts(self, call: Call, requested: int) -> dict[str, str]:  # noqa: ARG002  # for those whose messages say more
        """Further names that a message may hold."""
        return {}

    def _request_id(self, token: int) -> str:
        return f"req_{identifier(token, 32, _LOWER_HEX, salt='request')}"

    @cached_property
    def _limits_untouched(self) -> Headers:
        """Computed once, because they are durations and the same for each answer."""
        return self.limit_headers(self._untouched, now=0.0)

    def _good_headers(self, completion: Completion) -> Headers:
        return (
            *self._limits_untouched,
            ("x-request-id", f"req_{completion.id}"),
            *self.headers_of_good,
        )

    def _spent(self, key: str, refusal: Refusal, wait: float | None) -> tuple[Budget, ...]:
        """The buckets behind a refusal that no live bucket made: the one that is meant is empty."""
        detail = key.partition("/")[2]
        if detail == "concurrency":
            return self._untouched
        empty = detail if detail in self._limit_names else "tokens" if detail == "too_large" else "requests"
        limit = refusal.limit or self._limit(refusal.detail if refusal.detail in _PERIODS else empty)
        left = limit if detail == "too_large" else 0
        spent = Budget(empty, limit, left, 0.0 if left else wait or 1.0)
        return tuple(spent if budget.name == empty else budget for budget in self._untouched)

    def _limit(self, kind: str) -> int:
        """The limit that good answers name, so that a refusal does not contradict them."""
        return next((budget.limit for budget in self._untouched if budget.name == kind), _LIMITS[kind])

    def _numbers(self, refusal: Refusal, call: Call, wait: float | None) -> tuple[int, int, int]:
        """(limit, used, requested) that agree with each other and with the wait."""
        detail = refusal.detail if refusal.kind == "rate_limit" else "requests"
        if refusal.detail == "context_length":
            limit = refusal.limit or _LIMITS["context"]
            return limit, 0, refusal.requested or max(call.prompt_tokens, limit + 1)
        if detail == "too_large":
            limit = refusal.limit or self._limit("tokens")
            return limit, 0, max(refusal.requested or call.prompt_tokens, limit + 1)
        limit = refusal.limit or self._limit(detail)
        counted = call.prompt_tokens + (call.max_tokens or 0) if detail in _OF_TOKENS else 1
        requested = max(1, min(limit, counted) if refusal.requested is None else refusal.requested)
        used = limit
        if detail in _OF_TOKENS and wait is not None:
            # A bucket that refills `limit` a minute has room again after the wait: autobe#136 adds up so.
            used = min(limit, max(0, limit - requested + round(wait * limit / _PERIODS[detail])))
        return limit, refusal.used if refusal.used is not None else used, requested


MEMBER: Provider = OpenAI()
