"""The timeline of a scenario, drawn in text: phases on an axis, and a row for each rule, darker where it fires more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chaosllm.expectation import Expectation
from chaosllm.explanation import PhaseStory
from chaosllm.units import format_duration

#: Chance of 0, up to a quarter, a half, three quarters, and above.
SHADES, PLAIN_SHADES = " ░▒▓█", " .:+#"
#: A rule whose chance nobody knows beforehand.
UNKNOWN = "~"
_LONGEST_LABEL = 18


@dataclass(frozen=True, slots=True)
class _Axis:
    """Seconds as columns."""

    seconds: float
    columns: int

    def column(self, t: float) -> int:
        return min(self.columns, round(t / self.seconds * self.columns))


def draw(
    phases: tuple[PhaseStory, ...], expected: Mapping[str, Expectation], *, width: int = 72, plain: bool = False
) -> list[str]:
    """Lines of at most `width` columns; `plain` uses ASCII alone."""
    shades = PLAIN_SHADES if plain else SHADES
    names = [rule.name for phase in phases for rule in phase.rules]
    label = min(_LONGEST_LABEL, max((len(name) for name in names), default=0)) + 1
    axis = _Axis(sum(phase.duration for phase in phases), max(10, width - label - 1))
    margin = " " * label
    lines = [margin + _names(phases, axis), margin + _ruler(phases, axis), margin + _times(phases, axis, label, width)]
    for phase in phases:
        for rule in phase.rules:
            name = rule.name if len(rule.name) < label else rule.name[: label - 2] + "."
            lines.append(f"{name:<{label}}" + _row(phase, expected[rule.name], axis, shades))
    if names:
        a, b, c, d = list(shades)[1:]
        lines.append(f"{margin}chance of a call: {a} to 25%  {b} to 50%  {c} to 75%  {d} above")
    if any(one.mean is None for one in expected.values()):
        lines.append(f"{margin}{UNKNOWN} the traffic decides")
    return [line.rstrip() for line in lines]


def _names(phases: tuple[PhaseStory, ...], axis: _Axis) -> str:
    found = ""
    for phase in phases:
        start, end = axis.column(phase.start), axis.column(phase.start + phase.duration)
        found = found.ljust(start) + phase.name[: max(0, end - start - 1)]
    return found


def _ruler(phases: tuple[PhaseStory, ...], axis: _Axis) -> str:
    found = ["-"] * (axis.columns + 1)
    for t in (*(phase.start for phase in phases), axis.seconds):
        found[axis.column(t)] = "|"
    return "".join(found)


def _times(phases: tuple[PhaseStory, ...], axis: _Axis, label: int, width: int) -> str:
    """When phases begin, as far as there is room, and when the last one ends."""
    end = format_duration(axis.seconds)
    last = min(axis.columns, width - label - len(end))
    found = ""
    for phase in phases:
        at, told = axis.column(phase.start), format_duration(phase.start)
        if (not found or at > len(found)) and at + len(told) < last:
            found = found.ljust(at) + told
    return found.ljust(last) + end


def _row(phase: PhaseStory, one: Expectation, axis: _Axis, shades: str) -> str:
    """The mean chance of the operations due in each column; where none is due, of the nearest one."""
    first, end = axis.column(phase.start), axis.column(phase.start + phase.duration)
    if one.mean is None:
        return " " * first + UNKNOWN * max(1, end - first)
    found = " " * first
    for column in range(first, max(end, first + 1)):
        borders = (column / axis.columns * axis.seconds, (column + 1) / axis.columns * axis.seconds)
        low, high = np.searchsorted(one.times, borders)
        if low == high:
            low, high = max(0, low - 1), min(len(one.times), low + 1)
        chance = float(one.chances[low:high].mean()) if high > low else 0.0
        found += shades[0 if chance <= 0 else min(4, 1 + int(chance * 4 - 1e-9))]
    return found
