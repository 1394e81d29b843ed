"""Latency: the answer begins later, or its tokens come slower."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import ConfigDict

from chaosllm.distribution import DurationDistribution, Empirical, read_empirical
from chaosllm.faults import Context
from chaosllm.script import Pace, Place, Script, Wait
from chaosllm.units import Rate, Share, format_share

_SEEDS = 1 << 32


@dataclass(frozen=True)
class Latency:
    """The answer begins later, or its tokens come slower.

    `first_token` is added before the answer begins; `hold` says what is held back: the whole answer
    with its headers, as providers do, or the body alone. `tokens` is the pace of a stream, with
    `jitter` as a share of each gap.
    """

    name: ClassVar[str] = "latency"
    summary: ClassVar[str] = "the answer begins later, or its tokens come slower"
    about: ClassVar[Mapping[str, str]] = {
        "first_token": "added before the answer begins: a duration or a distribution (uniform, normal, lognormal, "
        "gamma, pareto, exponential, weibull, or empirical with a file of durations or a latency profile)",
        "hold": "whether the headers wait too, as with real providers, or the first token alone",
        "tokens": "the speed of what follows",
        "jitter": "how much the gaps between tokens vary",
    }
    example: ClassVar[str] = "{fault: latency, first_token: {lognormal: {median: 800ms, p95: 3s}}, tokens: 20/s}"
    live: ClassVar[bool] = False
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    first_token: DurationDistribution | None = None
    hold: Literal["headers", "first_token"] = "headers"
    tokens: Rate | None = None
    jitter: Share = 0.0

    def __post_init__(self) -> None:
        if self.first_token is None and self.tokens is None:
            raise ValueError("expected first_token (such as 800ms), tokens (such as 20/s), or both")
        if self.tokens == 0:
            raise ValueError("found tokens 0/s, expected a pace above 0, or the fault `stall`")

    def files(self) -> tuple[str, ...]:
        """The file of an empirical distribution."""
        return (self.first_token.file,) if isinstance(self.first_token, Empirical) else ()

    def with_files(self, texts: dict[str, str]) -> Latency:
        """The same, with the recorded durations read; ValueError when the file holds none."""
        (name,) = self.files()
        return replace(self, first_token=read_empirical(name, texts[name]))

    def says(self) -> str:
        """What happens to a call, in words."""
        late = f"the answer begins later ({self.first_token})" if self.first_token is not None else ""
        vary = f", gaps vary by {format_share(self.jitter)}" if self.jitter else ""
        slow = f"tokens come at {self.tokens:.4g}/s{vary}" if self.tokens is not None else ""
        return ", and ".join(part for part in (late, slow) if part)

    def script(self, context: Context) -> Script:
        """Wait, then pace."""
        steps: list[Wait | Pace] = []
        if self.first_token is not None:
            place = Place.REQUEST if self.hold == "headers" else Place.HEADERS
            steps.append(Wait(self.first_token.sample(context.draw("first_token")), place))
        if self.tokens is not None:
            steps.append(Pace(self.tokens, self.jitter, int(context.draw("jitter") * _SEEDS)))
        return tuple(steps)


MEMBER = Latency
