"""Quota: the account is used up, and trying again cannot help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, WithJsonSchema

from chaosllm.call import Call
from chaosllm.faults import Context
from chaosllm.faults._retrying import ABOUT_RETRYING, RetryAfter, refuse, retry_needs
from chaosllm.faults._words import coming_back
from chaosllm.limiter import Limiter
from chaosllm.prices import cost
from chaosllm.providers import Refusal, Usage
from chaosllm.script import Script
from chaosllm.units import parse_money, parse_tokens


@dataclass(frozen=True, slots=True)
class Dollars:
    """An amount in USD."""

    usd: float


def parse_budget(value: object) -> int | Dollars:
    """Tokens from "50000 tokens", or money from "2 USD"."""
    try:
        return Dollars(parse_money(value)) if str(value).strip().endswith("USD") else parse_tokens(value)
    except ValueError as error:
        raise ValueError(f"{error}, or 50000 tokens" if "USD" in str(value) else f"{error} or 2 USD") from None


type SpendingBudget = Annotated[
    Any,  # int (tokens) | Dollars; Any, because pydantic would validate it a second time
    BeforeValidator(parse_budget),
    WithJsonSchema({"type": "string", "examples": ["50000 tokens", "2 USD"]}),
]


@dataclass(frozen=True)
class Quota:
    """The provider refuses for good: quota, credit or spend cap used up.

    `budget` lets the calls of an API key pass until they have used that many tokens, or that much money at
    list prices (`chaosllm.prices`; a model that is not in the table counts as a middling one); without one the
    account is empty from the start. What was in flight when it ran out is paid for, as providers do.
    """

    name: ClassVar[str] = "quota"
    summary: ClassVar[str] = "the account's quota, credit or spend cap is used up; retrying cannot help"
    about: ClassVar[Mapping[str, str]] = {
        "kind": "what is used up",
        "budget": "what an API key may use before that, in tokens or USD; without it, nothing",
        **ABOUT_RETRYING,
    }
    example: ClassVar[str] = "{fault: quota, kind: credit, budget: 50000 tokens}"
    account: ClassVar[bool] = True
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    kind: Literal["exhausted", "credit", "spend"] = "exhausted"
    budget: SpendingBudget | None = None
    retry_after: RetryAfter | None = None
    should_retry: bool | None = None

    @property
    def live(self) -> bool:
        """Whether a budget decides."""
        return self.budget is not None

    def needs(self) -> tuple[str, ...]:
        """A refusal of this kind."""
        return (f"quota/{self.kind}", *retry_needs(self.retry_after, self.should_retry))

    def says(self) -> str:
        """What happens to a call, in words."""
        what = {"exhausted": "quota", "credit": "credit", "spend": "spending limit"}[self.kind]
        spent = ""
        if self.budget is not None:
            amount = f"{self.budget.usd:g} USD" if isinstance(self.budget, Dollars) else f"{self.budget} tokens"
            spent = f" once an API key has used {amount}"
        back = coming_back(self.retry_after, self.should_retry)
        return f"the account's {what} is used up{spent}: the provider refuses{back}, and retrying cannot help"

    def script(self, context: Context) -> Script | None:
        """A refusal; None while the budget lasts."""
        if self._lasts(context.limiter):
            return None
        return (refuse(context, Refusal("quota", self.kind), self.retry_after, self.should_retry),)

    def settle(self, limiter: Limiter, call: Call, usage: Usage | None, *, t: float) -> None:  # noqa: ARG002  # Metered
        """An admitted call ended: what it used is spent; without a usage its prompt's estimate is."""
        used = usage or Usage(call.prompt_tokens, 0)
        limiter.spent += used.input_tokens + used.output_tokens
        limiter.spent_usd += cost(call.model, used).usd

    def _lasts(self, limiter: Limiter) -> bool:
        if self.budget is None:
            return False
        if isinstance(self.budget, Dollars):
            return limiter.spent_usd < self.budget.usd
        return bool(limiter.spent < self.budget)


MEMBER = Quota
