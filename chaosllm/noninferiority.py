"""How one run's figure differs from another's, and whether that is shown to stay within a margin.

Laws:
1. A change is what the second run has over the first: a difference of shares, a ratio of all else.
2. Both intervals are closed forms over each run's own interval (MOVER), because a kept baseline holds its
   intervals and not its samples. Each run's own interval already knows bursts (block bootstrap, effective n).
3. Shown to be no worse: the one-sided 95 % bound lies within the margin. Shown to be worse: the other one lies past it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from chaosllm.metrics import Better
from chaosllm.power import ALPHA
from chaosllm.stats import difference

#: (value, low, high) of one run.
type Interval = tuple[float, float, float]

#: Two-sided confidence at which each bound is a one-sided 95 % bound.
ONE_SIDED = 1 - 2 * ALPHA


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a figure, with its interval; an infinite bound is one that the samples cannot give."""

    kind: Literal["difference", "ratio"]
    value: float
    low: float
    high: float

    @property
    def none(self) -> float:
        """The value of no change at all."""
        return 0.0 if self.kind == "difference" else 1.0


def share_change(before: Interval, after: Interval) -> Change:
    """`after - before` of two shares.

    On Wilson's intervals this is Newcombe's hybrid score interval (Newcombe 1998, method 10).
    """
    return Change("difference", after[0] - before[0], *difference(after, before, 1.0))


def ratio_change(before: Interval, after: Interval) -> Change | None:
    """`after / before`: MOVER on the log scale (Zou and Donner 2008); None where one of them is not above 0.

    A bound at 0 or below bounds nothing on a log scale.
    """
    if before[0] <= 0 or after[0] <= 0:
        return None
    low, high = difference(_logs(after), _logs(before), 1.0)
    return Change("ratio", after[0] / before[0], _power(low), _power(high))


def _logs(interval: Interval) -> Interval:
    value, low, high = interval
    return math.log(value), math.log(low) if low > 0 else -math.inf, math.log(high) if high < math.inf else math.inf


def _power(exponent: float) -> float:
    return math.exp(exponent) if exponent < math.log(1e300) else math.inf


def no_worse(change: Change, margin: float, better: Better) -> Literal["pass", "fail", "inconclusive"]:
    """Whether a change stays within a margin on its bad side.

    `change`: at ONE_SIDED for a one-sided 95 % answer. `margin`: the largest change for the worse that may pass: of a
    difference such as 0.02, of a ratio such as 1.5 (also where higher is better: then 1/1.5). Raises ValueError for
    a margin that allows none, and for a figure of which neither way is good.
    """
    if margin <= change.none or not better:
        raise ValueError(f"a margin of {margin:g} for what is better {better or 'neither way'}")
    edge = margin
    low, high = change.low, change.high
    if better == "higher":
        edge = -margin if change.kind == "difference" else 1 / margin
        # Turned round, so that more is worse from here on.
        edge, low, high = -edge, -high, -low
    if high <= edge:
        return "pass"
    return "fail" if low > edge else "inconclusive"
