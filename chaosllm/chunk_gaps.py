"""Classes that the gaps between pieces of an answer are counted in, so that a run keeps their whole distribution.

A class is 10 % wider than the one before it, so that its middle is at most 5 % off; class 0 is all below 1 ms.
"""

from __future__ import annotations

import math

_FIRST, _RATIO = 0.001, 1.1
_LOG = math.log(_RATIO)
#: The last class: gaps of some days.
MOST = 200


def place(seconds: float) -> int:
    """The class of a gap."""
    if seconds < _FIRST:
        return 0
    return min(MOST, 1 + math.floor(math.log(seconds / _FIRST) / _LOG))


def middle(at: int) -> float:
    """What a gap of that class is taken for, in seconds: the geometric middle."""
    return _FIRST / 2 if at == 0 else float(_FIRST * _RATIO ** (at - 0.5))
