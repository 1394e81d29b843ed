"""How long service must stay good before an app counts as recovered, and what a recovery phase can show of it."""

from __future__ import annotations

import math

#: Longest time for which service must stay good (METHOD metric 8).
LONGEST_HOLD = 30.0
#: Operations that a window should hold: fewer say nothing about a share.
PER_WINDOW = 20


def hold(seconds: float) -> float:
    """How long service must stay good in a recovery of so many seconds: a third of it, at most LONGEST_HOLD."""
    return min(LONGEST_HOLD, seconds / 3)


def window(n: int, seconds: float) -> float:
    """The windows in which service is judged: 1 s, or as long as PER_WINDOW operations take."""
    return max(1.0, PER_WINDOW * seconds / n) if n else math.inf


def held(seconds: float, width: float) -> int:
    """How many windows service must stay good."""
    return math.ceil(hold(seconds) / width - 1e-9)


def longest_seen(n: int, seconds: float) -> float:
    """The time after which an app that has not recovered is known not to have; below 0 when nothing is known."""
    width = window(n, seconds)
    if width > hold(seconds):
        return -1.0
    return max(0.0, (math.floor(seconds / width + 1e-9) - held(seconds, width)) * width)
