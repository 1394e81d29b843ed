"""HTTP: a page that has to answer, such as a health check."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import ConfigDict, Field

from chaosllm.probes import Answer, Ask, Judged
from chaosllm.probes._fields import Headers, Pattern, Place, Positive, Statuses, shown
from chaosllm.units import format_duration


@dataclass(frozen=True)
class HttpProbe:
    """A page is asked with GET, and has to answer with this status, with this text in it, within this time.

    No answer at all is a failure too: nobody listens there, or nothing came within `timeout`.
    A redirect is an answer, and is not followed: the page that it leads to is another.
    """

    name: ClassVar[str] = "http"
    summary: ClassVar[str] = "a page that has to answer, such as a health check"
    about: ClassVar[Mapping[str, str]] = {
        "http": "a URL, or a path on the app under test",
        "status": "the status that is well, or a list of them",
        "text": "a regular expression found in the first 64 kB of the body",
        "max_latency": "an answer that takes longer is a failure",
        "headers": "sent with it; values may hold ${env:NAME}",
    }
    example: ClassVar[str] = "{http: /healthz, status: 200, every: 1s, timeout: 2s, failures: 3}"
    every: ClassVar[float] = 1.0
    failures: ClassVar[int] = 3
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid", validate_by_name=False, validate_by_alias=True
    )

    url: Annotated[Place, Field(alias="http")]
    status: Statuses = (200,)
    text: Pattern | None = None
    max_latency: Positive | None = None
    headers: Headers = field(default_factory=dict)

    def says(self) -> str:
        """What a failure is, in words."""
        wanted = " or ".join(str(one) for one in self.status)
        parts = [f"does not answer {wanted}"]
        parts += [f"lacks /{self.text}/"] if self.text else []
        parts += [f"takes over {format_duration(self.max_latency)}"] if self.max_latency else []
        return f"{shown(self.url)} {' or '.join(parts)}"

    def ask(self, base: str) -> Ask:
        """The page."""
        url = base.rstrip("/") + self.url if self.url.startswith("/") else self.url
        return Ask(url, headers=self.headers)

    def judge(self, answer: Answer) -> Judged:
        """Well or not; never unknown, because no answer is what a page that is down gives."""
        if answer.error:
            return Judged(False, answer.error)
        took = format_duration(answer.took)
        if answer.status not in self.status:
            return Judged(False, f"{answer.status} after {took}", answer.took)
        if self.max_latency is not None and answer.took > self.max_latency:
            return Judged(False, f"{answer.status}, but only after {took}", answer.took)
        if self.text is not None and not re.search(self.text, answer.text):
            return Judged(False, f"{answer.status}, but without /{self.text}/", answer.took)
        return Judged(True, f"{answer.status} after {took}", answer.took)


MEMBER = HttpProbe
