"""Goodput over time of two runs, over each other, under the load that was offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.pairs.telling import at_pace, from_to, stops
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.pairs import Pair, overlay, roles
from chaosllm.series.timeline import good_in_time

if TYPE_CHECKING:
    from chaosllm.join import Run
    from chaosllm.series.groups import Group

TITLE = "Goodput over time"
_SPELLED = {Role.BASELINE: "in the baseline", Role.FAULT: "under faults", Role.RECOVERY: "in the recovery"}


def draw(pair: Pair) -> Drawing:
    """Good answers in time a second: A solid, B dashed, and what was asked as a thin line."""
    found = overlay(pair)
    if not len(found.into) or not all(len(run.samples) for _, run in pair.sides):
        return nothing(TITLE, "One of the runs recorded no operation, so goodput cannot be compared.")
    made, axes = style.figure(3.4)
    asked = np.nanmax(np.stack([rates.offered for _, rates in found.sides]), axis=0, initial=0.0)
    axes.stairs(asked, found.into.edges, baseline=None, color=style.INK, alpha=0.5, linewidth=0.9,
                linestyle=style.DASHES[2], label="asked, the more of both")  # fmt: skip
    for letter, rates in found.sides:
        look = style.SIDES[letter]
        axes.stairs(
            rates.goodput, found.into.edges, baseline=None, color=look.colour, linestyle=look.dash, linewidth=1.9,
            label=f"{letter}: good and in time",
        )  # fmt: skip
    tops = [float(np.nanmax(rates.goodput, initial=0.0)) for _, rates in found.sides]
    style.rate_axis(axes, max(*tops, float(asked.max(initial=0.0))), "operations a second")
    style.bands(axes, pair.frame)
    style.legend(axes)
    shows = f"Good answers in time a second, of both runs, in windows of {words.seconds(found.into.step)}."
    return Drawing(made, TITLE, shows, f"{_says(pair)}{at_pace(pair)}{stops(pair)}")


def _says(pair: Pair) -> str:
    told = []
    for mine, other in roles(pair):
        a, b = _rate(pair.a, mine), _rate(pair.b, other)
        if a is not None and b is not None:
            told.append(f"{_SPELLED[mine.role]} {from_to(words.rate(a), words.rate(b))}")
    return f"Good answers in time: {'; '.join(told)}." if told else "No phase was judged in both runs."


def _rate(run: Run, group: Group) -> float | None:
    """Good answers in time a second; None where nothing was asked."""
    rows, seconds = group.due(run), sum(run.seconds(phase) for phase in group.phases)
    return float(good_in_time(run)[rows].sum()) / seconds if len(rows) and seconds else None
