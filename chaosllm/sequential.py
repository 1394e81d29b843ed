"""Sequential tests of a share: they may be looked at after every operation, and stop as soon as they can tell.

Laws:
1. Looking often costs nothing: the errors hold wherever one stops (Wald 1945; Ville's inequality).
2. Counts may be fractions, as those of an effective n are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

type Decision = Literal["good", "bad"]


def log_ratio(k: float, n: float, share: float, other: float) -> float:
    """The logarithm of how much likelier k of n good ones are at `share` than at `other`, both inside 0 and 1."""
    return k * math.log(share / other) + (n - k) * math.log((1 - share) / (1 - other))


@dataclass(frozen=True, slots=True)
class Sprt:
    """Wald's test of a share of `good` against one of `bad`.

    `alpha` bounds the chance to call a good one bad, `beta` that to call a bad one good.
    """

    good: float
    bad: float
    alpha: float = 0.05
    beta: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.bad < self.good < 1:
            raise ValueError(f"expected 0 < bad < good < 1, found bad {self.bad:g} and good {self.good:g}")
        if not (0 < self.alpha < 0.5 and 0 < self.beta < 0.5):
            raise ValueError(f"expected errors between 0 and 0.5, found {self.alpha:g} and {self.beta:g}")

    def evidence(self, k: float, n: float) -> float:
        """How much k of n speak for `good` (above 0) or for `bad`, in logarithms of odds."""
        return log_ratio(k, n, self.good, self.bad)

    def decide(self, k: float, n: float) -> Decision | None:
        """What k good ones of n say; None while they cannot tell."""
        evidence = self.evidence(k, n)
        if evidence >= math.log((1 - self.alpha) / self.beta):
            return "good"
        return "bad" if evidence <= math.log(self.alpha / (1 - self.beta)) else None
