"""What users got over time, of two runs above each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.pairs.telling import at_pace, stops
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.pairs import Pair, overlay, roles

if TYPE_CHECKING:
    from chaosllm.join import Run
    from chaosllm.series.groups import Group

TITLE = "What users got over time"


def draw(pair: Pair) -> Drawing:
    """Operations a second by outcome, stacked: A above, B below, on the same axes."""
    found = overlay(pair)
    if not len(found.into) or not all(len(run.samples) for _, run in pair.sides):
        return nothing(TITLE, "One of the runs recorded no operation, so their outcomes cannot be set side by side.")
    made, plots = style.several(2, 4.4)
    top, seen = 0.0, set()
    for axes, (_, rates) in zip(plots, found.sides, strict=True):
        base = np.zeros(len(found.into))
        for outcome, label in words.OUTCOMES.items():
            rate = np.nan_to_num(rates.outcomes[outcome])
            if rate.any():
                axes.stairs(
                    base + rate, found.into.edges, baseline=base, fill=True, linewidth=0, edgecolor=style.INK,
                    facecolor=style.OUTCOME_COLOURS[outcome], hatch=style.OUTCOME_HATCHES[outcome],
                    label="_again" if outcome in seen else label,
                )  # fmt: skip
                seen.add(outcome)
                base = base + rate
        top = max(top, float(base.max()))
    for axes, (letter, _) in zip(plots, found.sides, strict=True):
        style.rate_axis(axes, top, f"{letter}: a second")
        style.bands(axes, pair.frame, names=plots[0])
    plots[0].set_xlabel("")
    style.legend(*plots)
    shows = f"Operations a second by outcome, A above and B below, in windows of {words.seconds(found.into.step)}."
    return Drawing(made, TITLE, shows, f"{_says(pair)}{at_pace(pair)}{stops(pair)}")


def _says(pair: Pair) -> str:
    """How many users of the faults got no good answer, in each run."""
    for mine, other in roles(pair):
        if mine.role is Role.FAULT:
            told = [_bad(run, group) for run, group in ((pair.a, mine), (pair.b, other))]
            if all(told):
                return f"Under faults, no good answer for {told[0]} in A and {told[1]} in B."
    return "No fault was on in both runs while operations came."


def _bad(run: Run, group: Group) -> str:
    rows = group.due(run)
    if not len(rows):
        return ""
    bad = len(rows) - int(run.good[rows].sum())
    return f"{words.count(bad)} of {words.counted(len(rows), 'operation')} ({words.share(bad / len(rows))})"
