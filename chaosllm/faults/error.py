"""Error: any refusal by status or by kind, in the provider's own shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from chaosllm.faults import Context
from chaosllm.faults._retrying import ABOUT_RETRYING, RetryAfter, refuse, retry_needs
from chaosllm.faults._words import coming_back
from chaosllm.providers import Refusal
from chaosllm.script import Script

Kind = Literal[
    "auth", "permission", "model_not_found", "context_length", "content_filter", "too_large", "bad_request",
    "timeout", "server", "gateway", "model", "not_ready", "flex",
]  # fmt: skip


@dataclass(frozen=True)
class Error:
    """The provider answers with an error: by status, or by a kind whose status is the provider's own.

    A status takes the body that this provider has for its meaning (402 of money, 424 of Bedrock's model, 498 of
    Groq's capacity), else that of the nearest error. `shape: html` is the page of a gateway in front of it
    (502, 504, 520 ...), in place of the provider's JSON.
    """

    name: ClassVar[str] = "error"
    summary: ClassVar[str] = "the provider answers with an error status in its own shape"
    about: ClassVar[Mapping[str, str]] = {
        "status": "any status from 400 to 599, in place of kind; 500 unless said otherwise",
        "kind": "what is wrong, by its meaning; the status is the provider's own",
        "shape": "the provider's JSON, or a gateway's HTML page",
        **ABOUT_RETRYING,
    }
    example: ClassVar[str] = "{fault: error, status: 502, shape: html, when: {share: 20%}}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    status: Annotated[int, Field(ge=400, le=599, strict=True)] | None = None
    kind: Kind | None = None
    shape: Literal["json", "html"] = "json"
    retry_after: RetryAfter | None = None
    should_retry: bool | None = None

    def __post_init__(self) -> None:
        if self.status is not None and self.kind is not None:
            raise ValueError("found both status and kind, expected one: the kind has its provider's own status")

    def needs(self) -> tuple[str, ...]:
        """An error of this kind; every status can be sent."""
        kind = (f"error/{self.kind}",) if self.kind else ()
        return (*kind, *retry_needs(self.retry_after, self.should_retry))

    def says(self) -> str:
        """What happens to a call, in words."""
        what = f"the error `{self.kind}`" if self.kind else f"status {self.status or 500}"
        page = " and a gateway's HTML page" if self.shape == "html" else ""
        return f"the provider answers with {what}{page}{coming_back(self.retry_after, self.should_retry)}"

    def script(self, context: Context) -> Script:
        """A refusal; without status and kind a 500."""
        status = None if self.kind else self.status or 500
        refusal = Refusal("error", self.kind or "", status=status, html=self.shape == "html")
        return (refuse(context, refusal, self.retry_after, self.should_retry),)


MEMBER = Error
