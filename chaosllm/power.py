"""How much a sample can show: the operations that a bound or a drop needs, and the least drop that so many show.

Closed forms alone, so that the reader can warn before anything runs. Laws:
1. `alpha` is the error of one decision, one-sided; objectives are decided with it (METHOD section 3).
2. `power` is the chance to see an effect that is there.
3. Operations are taken as independent; failures that come in bursts show less.
"""

from __future__ import annotations

import math
from statistics import NormalDist

#: The usual pair (METHOD section 3).
ALPHA, POWER = 0.05, 0.8


def z_value(confidence: float, sides: int = 2) -> float:
    """The normal quantile of a confidence."""
    return NormalDist().inv_cdf(0.5 + confidence / 2 if sides == 2 else confidence)


def score_interval(share: float, n: float, z: float) -> tuple[float, float]:
    """Wilson's score interval for a share seen in `n` (Wilson 1927); fractions, as of an effective n, are fine."""
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(max(0.0, share * (1 - share) / n + z * z / (4 * n * n)))
    scale = 1 + z * z / n
    return (centre - spread) / scale, (centre + spread) / scale


def needed(share: float, bound: float, confidence: float = 1 - 2 * ALPHA) -> int | None:
    """How many operations decide a bound, if the share stays what it is; None when it lies on the bound.

    Solves the score test that Wilson's interval inverts.
    """
    if share == bound:
        return None
    z = z_value(confidence)
    return max(1, math.ceil(z * z * bound * (1 - bound) / (share - bound) ** 2))


def deciding(bound: float, alpha: float = ALPHA) -> int | None:
    """The operations below which a share cannot be told from a bound: not even all good, or none good.

    None for a bound of 0 or 1, which no sample shows and each operation can break.
    """
    if not 0 < bound < 1:
        return None
    return max(needed(share, bound, 1 - 2 * alpha) or 1 for share in (0.0, 1.0))


def per_phase(share: float, drop: float, alpha: float = ALPHA, power: float = POWER) -> int:
    """The operations that each of two phases needs to show a drop from `share`, such as 0.05 for 5 points.

    The two-proportion formula with the variance at `share`: about, because after a drop it is larger.
    """
    return math.ceil(2 * _reach(alpha, power) ** 2 * share * (1 - share) / drop**2)


def least_drop(share: float, before: float, after: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The smallest drop from `share` that so many operations in two phases show; None when not even to 0."""
    if not before or not after:
        return None
    drop = _reach(alpha, power) * math.sqrt(share * (1 - share) * (1 / before + 1 / after))
    return drop if drop < share else None


def passing_from(bound: float, n: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The least true share that `n` operations show, with that power, to be above a bound; None: not even 1 is."""
    if not n:
        return None
    seen = bound + z_value(1 - alpha, 1) * math.sqrt(bound * (1 - bound) / n)
    return score_interval(seen, n, z_value(power, 1))[1] if seen < 1 else None


def failing_to(bound: float, n: float, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The largest true share that `n` operations show, with that power, to be below a bound; None: not even 0 is."""
    other = passing_from(1 - bound, n, alpha, power)
    return 1 - other if other is not None else None


def _reach(alpha: float, power: float) -> float:
    """How many standard errors an effect must span to be shown."""
    return z_value(1 - alpha, 1) + z_value(power, 1)
