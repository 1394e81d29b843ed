"""The inverse of the regularised incomplete gamma function, without SciPy, which a proxy need not load.

Against SciPy it is right to 1e-9 of the value, for shapes from 1e-4 to 1e4 and quantiles from 1e-9 to 1 - 1e-9
(tests/test_distribution.py). Source of series and fraction: Press et al., Numerical Recipes, section 6.2.
"""

from __future__ import annotations

import math
from statistics import NormalDist

_TERMS = 10_000
_STEPS = 200
_EXACT = 1e-15


def lower(shape: float, x: float) -> tuple[float, float]:
    """(P, Q) of the regularised incomplete gamma function: the shares of a gamma variate below and above `x`."""
    if x <= 0:
        return 0.0, 1.0
    scale = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1:
        below = min(1.0, scale * _series(shape, x))
        return below, 1 - below
    above = min(1.0, scale * _fraction(shape, x))
    return 1 - above, above


def inverse(shape: float, u: float) -> float:
    """The quantile `u`, in (0, 1), of a gamma variate with this shape and scale 1; 0 where no float is that small."""
    # For small quantiles P(x) is x^shape / Gamma(shape + 1), less than 1e-16 of it away while x is below 1e-16.
    log_small = (math.log(u) + math.lgamma(shape + 1)) / shape
    if log_small < math.log(1e-16):
        return math.exp(log_small) if log_small > -745 else 0.0
    z = NormalDist().inv_cdf(u)
    guess = shape * (1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3  # Wilson and Hilferty
    low, high = 0.0, math.inf
    x = guess if shape > 1 and guess > 0 else math.exp(min(log_small, math.log(shape + 1 - math.log1p(-u))))
    for _ in range(_STEPS):
        below, above = lower(shape, x)
        # In the upper half the small share above is the one that keeps its digits.
        error = below - u if u < 0.5 else (1 - u) - above
        low, high = (x, high) if error < 0 else (low, x)
        slope = math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape))
        new = x - error / slope if slope > 0 else math.inf
        if not low < new < high:  # Newton's step left what is known: halve it, or double where there is no end yet
            new = (low + high) / 2 if high < math.inf else 2 * x
        if abs(new - x) <= _EXACT * x:
            return new
        x = new
    return x


def _series(shape: float, x: float) -> float:
    """P without its scale, quick below shape + 1."""
    term = total = 1 / shape
    for n in range(1, _TERMS):
        term *= x / (shape + n)
        total += term
        if term < total * _EXACT:
            break
    return total


def _fraction(shape: float, x: float) -> float:
    """Q without its scale, quick above shape + 1; Lentz's way."""
    tiny = 1e-300
    b = x + 1 - shape
    c, d = 1 / tiny, 1 / b
    product = d
    for n in range(1, _TERMS):
        a = -n * (n - shape)
        b += 2
        d = a * d + b
        d = 1 / (d if abs(d) > tiny else tiny)
        c = b + a / c
        c = c if abs(c) > tiny else tiny
        product *= c * d
        if abs(c * d - 1) < _EXACT:
            break
    return product
