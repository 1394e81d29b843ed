"""How much more or less of it: what a hint tells to change, in numbers that the scenario's own keys take.

Laws:
1. Numbers are rounded to the sure side: what is raised up, what is lowered down.
2. A run that follows a number literally is silent on the check that named it, if nothing else changes.
"""

from __future__ import annotations

import math

from chaosllm.join import Run
from chaosllm.units import format_duration, format_share

#: Chance leaves more than the mean less so many standard deviations in 999 of 1000 runs (the normal quantile).
_SLACK = 3.1
#: What is further over its limit than a thousand times is so by no load, and no number would help.
_LEAST = 1e-3
#: Significant digits of a number that is told.
_DIGITS = 3


def surely(count: int) -> float:
    """The events to expect on average, so that chance leaves at least `count` in 999 of 1000 runs.

    Solves mean - _SLACK * sqrt(mean) = count: a Poisson count has its mean for a variance, a binomial one less.
    """
    return ((_SLACK + math.sqrt(_SLACK**2 + 4 * count)) / 2) ** 2


def rounded(value: float, *, up: bool) -> str:
    """A number above 0 with three significant digits, without an exponent, not below it (`up`) or not above."""
    places = _DIGITS - 1 - math.floor(math.log10(value))
    step = 10.0**places
    whole = math.ceil(value * step - 1e-6) if up else math.floor(value * step + 1e-6)
    spelt = f"{whole / step:,.{max(0, places)}f}".replace(",", "")
    return spelt.rstrip("0").rstrip(".") if "." in spelt else spelt


def within(limit: float, found: float) -> float:
    """The factor that brings what was found to its limit; 1 where it is within, or no number."""
    return limit / found if found > limit else 1.0


def more(run: Run, factor: float, phase: str = "", share: float | None = None, *, longer: bool = True) -> str:
    """Such as "raise load.rate from 20/s to 60/s, or the duration of storm from 20s to 1m"; `factor` is above 1.

    Without a phase it is the durations of all, and none where a phase that is `longer` gives no more. A `share` is
    named too, where it can be raised as much.
    """
    seconds = run.seconds(phase) if phase else run.scenario.duration
    which = f"the duration of {phase}" if phase else "the phases' durations together"
    found = [_load(run, factor)]
    if longer:
        found.append(f"{which} from {format_duration(seconds)} to {_whole(factor * seconds)}")
    if share and share * factor <= 1:
        found.append(f"the share from {format_share(share)} to {rounded(100 * share * factor, up=True)}%")
    return f"raise {', or '.join(found)}"


def less(run: Run, factor: float) -> str:
    """Such as "lower load.rate from 20/s to 18.5/s"; `factor` is below 1, and no number is named where it is not.

    In proportion, which is sure for what a process uses, and more than sure for how late it is: queues are convex
    in their load (M/M/1: share / (1 - share)), so half of the load waits for half as long or less.
    """
    if not _LEAST < factor < 1:
        return f"lower {run.scenario.load.lever if run.driven else 'the load of the app'}"
    return f"lower {_load(run, factor)}"


def _load(run: Run, factor: float) -> str:
    if not run.driven:  # the load is the app's own
        return f"the app's own load by a factor of {rounded(factor, up=factor > 1)}"
    load, up = run.scenario.load, factor > 1
    if load.closed:
        users = load.users * factor
        return f"load.users from {load.users:,} to {math.ceil(users) if up else max(1, math.floor(users)):,}"
    if load.shape is not None:
        return f"load.shape to {rounded(factor, up=up)} times its rates"
    return f"load.rate from {load.rate:g}/s to {rounded(load.rate * factor, up=up)}/s"


def _whole(seconds: float) -> str:
    """A duration in whole seconds, rounded up."""
    return format_duration(math.ceil(seconds - 1e-6))
