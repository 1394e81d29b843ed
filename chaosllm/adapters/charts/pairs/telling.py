"""What sentences above pictures of two runs say alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaosllm.renderers import _words as words

if TYPE_CHECKING:
    from chaosllm.series.pairs import Pair


def at_pace(pair: Pair) -> str:
    """That both were laid on one clock, where their phases are not equally long."""
    if pair.scale == 1.0:
        return ""
    axis = "B" if pair.frame is pair.b else "A"
    return f" The phases of B are {words.plain(pair.scale)} times as long; both are drawn on the clock of {axis}."


def stops(pair: Pair) -> str:
    """Which of them was stopped, and when."""
    told = [f"{letter} was stopped after {words.seconds(run.end)}" for letter, run in pair.sides if run.stopped]
    return f" {' and '.join(told)}." if told else ""


def from_to(a: str, b: str) -> str:
    """Such as "1.2s in A and 3.1s in B"."""
    return f"{a} in A and {b} in B"
