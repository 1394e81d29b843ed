"""Metrics: one number of one phase, with its interval. One file each (METHOD section 2).

A metric is a pure function of a Run. It says None, with the reason, where there is nothing to
measure; it never guesses. A new one: `metrics/<name>.py` with a class that satisfies `Metric`,
and `MEMBER = TheClass()`. A file may give several names, such as the percentiles of one thing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from chaosllm.join import Run
from chaosllm.sources import Sees
from chaosllm.stats import Floats

type Unit = Literal["share", "seconds", "ratio", "per_second", "count", "usd"]
#: Which way is good; "" where neither is.
type Better = Literal["higher", "lower", ""]


@dataclass(frozen=True)
class Estimate:
    """What was measured: the value, the bounds of its interval, and of how many operations.

    `value` None: nothing to measure, `why` says why. An infinite bound: the sample cannot bound that
    side. `exact`: no chance in it, the bounds are those of its resolution. `repeats` are bootstrap
    repeats, for ratios of two estimates.
    """

    value: float | None
    low: float = -math.inf
    high: float = math.inf
    n: int = 0
    why: str = ""
    exact: bool = False
    repeats: Floats | None = field(default=None, compare=False, repr=False)

    @classmethod
    def none(cls, why: str, n: int = 0) -> Estimate:
        """Nothing could be measured."""
        return cls(None, n=n, why=why)

    @classmethod
    def of(cls, value: float, n: int) -> Estimate:
        """A value without chance in it."""
        return cls(value, value, value, n, exact=True)

    def to_json(self) -> dict[str, Any]:
        """Value and bounds; null for what is not known."""
        return {"value": self.value, "low": finite(self.low), "high": finite(self.high)}


def finite(number: float | None) -> float | None:
    """The number, or None for an infinite one or NaN, which JSON lacks."""
    return number if number is not None and math.isfinite(number) else None


class Metric(Protocol):
    """One measure; `names` are those of the scenario language."""

    names: ClassVar[tuple[str, ...]]
    summary: ClassVar[str]
    unit: ClassVar[Unit]
    needs: ClassVar[Mapping[str, int]]  # by name: the least operations on which a verdict may rest
    better: ClassVar[Better] = ""
    sees: ClassVar[Sees] = "answers"  # what of a run it needs, at least: see `sources`
    joined: ClassVar[bool] = False  # whether calls must be matched to operations
    total: ClassVar[bool] = False  # whether it grows with the length of its phase, as a sum does
    whole_run: ClassVar[bool] = False  # whether it is written without a phase
    over_baseline: ClassVar[bool] = False  # whether it is a ratio to the baseline, which then needs as many operations

    def value(self, run: Run, phase: str | None, *, name: str = "", confidence: float = 0.95) -> Estimate:
        """The metric in a phase; `name` picks one of several names, by default the first."""
