"""The sentences that stand above charts: what a reader should see in this run, with its numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence

from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.groups import Group

_COUNTED = re.compile(r"\d+ \w+ phases")


def listed(parts: Sequence[str]) -> str:
    """Such as "a, b and c"."""
    return " and ".join(parts) if len(parts) < 3 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def by_group(values: Iterable[tuple[Group, float]], spell: Callable[[float], str] = words.seconds) -> str:
    """Such as "812ms in baseline, 2.1s in storm and 810ms in recovery"; what was not measured is left out."""
    return listed([f"{spell(value)} in {name(group)}" for group, value in values if not math.isnan(value)])


def name(group: Group) -> str:
    """The group as a sentence names it: marked, because an author's `cut` or `held` reads as a verb."""
    several = len(group.phases) > 1 and _COUNTED.fullmatch(group.name)  # our words, and no name
    return group.name if several else phase(group.name)


def phase(given: str) -> str:
    """A phase as a sentence names it."""
    return words.named(words.clean(given, 40))


def compared(values: Sequence[tuple[Group, float]]) -> tuple[tuple[Group, float], tuple[Group, float]] | None:
    """The baseline's value and the highest of a fault; None when one of them was not measured."""
    known = [(group, value) for group, value in values if not math.isnan(value)]
    before = next((one for one in known if one[0].role is Role.BASELINE), None)
    faults = [one for one in known if one[0].role is Role.FAULT]
    return (before, max(faults, key=lambda one: one[1])) if before and faults else None


def times(ratio: float) -> str:
    """Such as "1.7 times", "12 times"."""
    return f"{ratio:.1f} times" if ratio < 10 else f"{ratio:,.0f} times"
