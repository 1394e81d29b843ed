"""Rate limit: refuse with "wait and try again", by chance or from live buckets."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._retrying import ABOUT_RETRYING, RetryAfter, refuse, retry_needs
from chaosllm.faults._words import coming_back
from chaosllm.limiter import Bucket, Full, Limiter
from chaosllm.prices import cost
from chaosllm.providers import Budget, Provider, Refusal, Usage
from chaosllm.script import Reply, Script
from chaosllm.units import format_duration, parse_spend

#: What an SDK is told when the scenario does not say: short, so that a well-behaved client recovers.
DEFAULT_WAIT = 1.0
_MINUTE, _DAY = 60.0, 86_400.0
#: Field -> (bucket, seconds in which it refills).
_BUCKETS = {
    "rpm": ("requests", _MINUTE),
    "tpm": ("tokens", _MINUTE),
    "itpm": ("input_tokens", _MINUTE),
    "otpm": ("output_tokens", _MINUTE),
    "rpd": ("day", _DAY),
    "tpd": ("tokens_day", _DAY),
}
#: The refusals that may stand for a full bucket, the closest first; every provider with limits has the last.
_DETAILS = {
    "too_large": ("too_large", "tokens", "requests"),
    "requests": ("requests",),
    "tokens": ("tokens", "requests"),
    "input_tokens": ("input_tokens", "tokens", "requests"),
    "output_tokens": ("output_tokens", "tokens", "requests"),
    "day": ("day", "requests"),
    "tokens_day": ("tokens_day", "day", "tokens", "requests"),
    "concurrency": ("concurrency", "requests"),
}
_OF_TOKENS = ("tokens", "input_tokens", "output_tokens", "tokens_day")
#: Spending is known only after the answer: a call is let in while at least this much, in USD, is left.
_LEAST_USD = 1e-6

#: What a refusal says is reached, and what live limits count, in words.
_SAID = {
    "requests": "requests a minute", "tokens": "tokens a minute", "output_tokens": "output tokens a minute",
    "day": "requests a day", "tokens_day": "tokens a day", "concurrency": "calls at once",
    "too_large": "tokens in one request",
}  # fmt: skip
_KEPT = {
    "rpm": "requests a minute", "tpm": "tokens a minute", "itpm": "input tokens a minute",
    "otpm": "output tokens a minute", "rpd": "requests a day", "tpd": "tokens a day", "concurrency": "calls at once",
}  # fmt: skip

type Count = Annotated[int, Field(ge=1, strict=True)]
type Spend = Annotated[
    Any,  # (USD, seconds); Any, because pydantic would validate it a second time
    BeforeValidator(parse_spend),
    WithJsonSchema({"type": "string", "examples": ["2 USD/h", "10 USD/day"]}),
]


@dataclass(frozen=True)
class Buckets:
    """Live limits for each API key and model, refilled continuously.

    `rpm`, `tpm`: requests and tokens a minute; `itpm`, `otpm`: tokens of input and of output apart;
    `rpd`, `tpd`: a day; `concurrency`: calls at once; `spend`: money over time at list prices, refused
    as the provider's spend limit.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    rpm: Count | None = None
    tpm: Count | None = None
    itpm: Count | None = None
    otpm: Count | None = None
    rpd: Count | None = None
    tpd: Count | None = None
    concurrency: Count | None = None
    spend: Spend | None = None

    def __post_init__(self) -> None:
        names = [field.name for field in fields(self)]
        if all(getattr(self, name) is None for name in names):
            raise ValueError(f"expected at least one of {', '.join(names)}")

    def fill(self, limiter: Limiter) -> None:
        """Put full buckets into a limiter that has none yet."""
        if limiter.buckets or limiter.places is not None:
            return
        for name, (bucket, period) in _BUCKETS.items():
            if (capacity := getattr(self, name)) is not None:
                limiter.buckets[bucket] = Bucket(capacity, period)
        if self.spend is not None:
            limiter.buckets["money"] = Bucket(*self.spend)
        limiter.places = self.concurrency

    def needs(self) -> tuple[str, ...]:
        """What a provider must be able to do for these limits."""
        found = [f"bucket/{bucket}" for name, (bucket, _) in _BUCKETS.items() if getattr(self, name) is not None]
        found += ["bucket/concurrency"] if self.concurrency is not None else []
        found += ["quota/spend"] if self.spend is not None else []
        return tuple(found)


@dataclass(frozen=True)
class RateLimit:
    """The provider refuses: too many requests, wait and try again.

    With `buckets` the limits are kept live, as a provider keeps them, and a client that returns
    too early is refused again; without, `when` says which calls are refused. `headers` says what the
    rate-limit headers tell, of good answers and of refusals: the truth, plenty while a bucket is
    empty (`lie`), or nothing (`none`). `retry_after` is a wait (`2s`), or its form: `date`, `ms`
    (retry-after-ms alone), `none`, `zero`, `negative`, `garbage` (no number), `huge` (86400, a day, as Azure
    sends it), `contradicting` (retry-after 2, retry-after-ms 500, reset headers and words a minute).
    `should_retry` is the x-should-retry header.
    """

    name: ClassVar[str] = "rate_limit"
    summary: ClassVar[str] = "the provider refuses: too many requests, wait and try again"
    about: ClassVar[Mapping[str, str]] = {
        "kind": "the limit that is said to be reached",
        "buckets": "live limits, kept as a provider keeps them; in place of `when`",
        "headers": "what the rate-limit headers tell: the truth, plenty (`lie`, with buckets), or nothing (`none`)",
        **ABOUT_RETRYING,
    }
    example: ClassVar[str] = "{fault: rate_limit, retry_after: 2s, buckets: {rpm: 60, tpm: 20000}}"
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Literal["requests", "tokens", "output_tokens", "day", "tokens_day", "concurrency", "too_large"] = "requests"
    retry_after: RetryAfter | None = None
    should_retry: bool | None = None
    buckets: Buckets | None = None
    headers: Literal[True, "lie", "none"] = True

    def __post_init__(self) -> None:
        if self.headers == "lie" and self.buckets is None:
            raise ValueError("found `headers: lie` without `buckets`, expected live limits to lie about")

    @property
    def live(self) -> bool:
        """Whether the buckets decide."""
        return self.buckets is not None

    def needs(self) -> tuple[str, ...]:
        """The limits that are kept, or the refusal that is asked for; headers to lie with."""
        limits = self.buckets.needs() if self.buckets else (f"rate_limit/{self.kind}",)
        lies = ("limit_headers",) if self.headers == "lie" else ()
        return (*limits, *lies, *retry_needs(self.retry_after, self.should_retry))

    def says(self) -> str:
        """What happens to a call, in words."""
        back = coming_back(self.retry_after, self.should_retry)
        if self.buckets is None:
            return f"the provider refuses, its limit of {_SAID[self.kind]} is reached{back}"
        kept = ", ".join(
            f"{getattr(self.buckets, name)} {words}" for name, words in _KEPT.items() if getattr(self.buckets, name)
        )
        if self.buckets.spend is not None:
            usd, seconds = self.buckets.spend
            kept += f"{', ' if kept else ''}{usd:g} USD every {format_duration(seconds)}"
        return f"the provider refuses what goes over its live limits ({kept} for each API key and model){back}"

    def script(self, context: Context) -> Script | None:
        """A refusal; None when the live buckets have room."""
        if self.buckets is None:
            return (self._refuse(context, Refusal("rate_limit", self.kind, retry_after=DEFAULT_WAIT)),)
        self.buckets.fill(context.limiter)
        full = context.limiter.admit(_needs(context.call), context.t)
        return None if full is None else (self._refuse(context, _refusal(context, full)),)

    def limit_headers(self, context: Context) -> tuple[tuple[str, str | None], ...]:
        """The rate-limit headers of a good answer; None takes one away that the upstream sent."""
        if self.headers == "none":
            return tuple((name, None) for name in _names(context.provider))
        return context.provider.limit_headers(self._budgets(context), now=context.now)

    def settle(self, limiter: Limiter, call: Call, usage: Usage | None, *, t: float) -> None:
        """An admitted call ended: free its place, and replace the estimate by what it used.

        An answer that said no usage and no text used its prompt and nothing more.
        """
        used = usage or Usage(call.prompt_tokens, 0)
        amounts = {
            "tokens": used.input_tokens + used.output_tokens,
            "tokens_day": used.input_tokens + used.output_tokens,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "money": cost(call.model, used).usd,
        }
        taken = _needs(call)
        limiter.settle({name: amount - taken[name] for name, amount in amounts.items()}, t)

    def _budgets(self, context: Context) -> tuple[Budget, ...]:
        """What is left in the buckets, as the headers are to tell it."""
        buckets = [(name, bucket) for name, bucket in context.limiter.buckets.items() if name != "money"]
        if self.headers == "lie":
            return tuple(Budget(name, int(one.capacity), int(one.capacity), 0.0) for name, one in buckets)
        return tuple(Budget(name, int(one.capacity), one.remaining, one.full_in(context.t)) for name, one in buckets)

    def _refuse(self, context: Context, refusal: Refusal) -> Reply:
        budgets = self._budgets(context) if self.live else ()
        reply = refuse(context, refusal, self.retry_after, self.should_retry, budgets)
        if self.headers != "none":
            return reply
        kept = tuple(pair for pair in reply.headers if "ratelimit" not in pair[0].replace("-", ""))
        return replace(reply, headers=kept)


def _needs(call: Call) -> dict[str, float]:
    """What a call takes of each bucket when it is let in.

    Tokens: the prompt's estimate and the most that it may answer, as OpenAI's own throttling example
    (openai-cookbook, api_request_parallel_processor.py) and Azure's documentation ("prompt text and count,
    the max_tokens parameter setting") count them; OpenAI's guide says "the maximum of max_tokens and the estimated
    number of tokens", which differs where the prompt is long. Output apart: nothing at admission, for Anthropic
    counts it "in real time as output tokens are produced" (platform.claude.com/docs/en/api/rate-limits), but
    some must be left. The real usage takes the estimate's place at the end.
    """
    reserved = call.prompt_tokens + (call.max_tokens or 0)
    return {
        "requests": 1,
        "day": 1,
        "tokens": reserved,
        "tokens_day": reserved,
        "input_tokens": call.prompt_tokens,
        "output_tokens": 1,
        "money": _LEAST_USD,
    }


def _refusal(context: Context, full: Full) -> Refusal:
    """The refusal that names the full bucket, with its numbers."""
    limiter = context.limiter
    if full.name == "money":
        return Refusal("quota", "spend")
    if full.wait is None:
        detail = _detail(context.provider, "concurrency")
        return Refusal("rate_limit", detail, retry_after=DEFAULT_WAIT, limit=limiter.places, used=limiter.in_flight)
    bucket = limiter.buckets[full.name]
    limit = int(bucket.capacity)
    requested = math.ceil(_needs(context.call)[full.name]) if full.name in _OF_TOKENS else None
    if full.wait == math.inf:
        detail = _detail(context.provider, "too_large")
        return Refusal("rate_limit", detail, retry_after=bucket.period, limit=limit, requested=requested)
    detail = _detail(context.provider, full.name)
    used = limit - bucket.remaining
    return Refusal("rate_limit", detail, retry_after=full.wait, limit=limit, used=used, requested=requested)


def _detail(provider: Provider, name: str) -> str:
    """The closest refusal that the provider has for a full bucket; where it does not say what it has, the exact one."""
    known: tuple[str, ...] = getattr(provider, "refusals", ())
    exact, *others = _DETAILS[name]
    return next((detail for detail in (exact, *others) if f"rate_limit/{detail}" in known), exact)


def _names(provider: Provider) -> tuple[str, ...]:
    """The names of the provider's rate-limit headers."""
    every = tuple(Budget(name, 1, 1, 1.0) for name, _ in _BUCKETS.values())
    return tuple(dict.fromkeys(name for name, _ in provider.limit_headers(every, now=0.0)))


MEMBER = RateLimit
