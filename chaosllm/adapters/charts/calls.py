"""How often the app called LLMs for one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group, name
from chaosllm.join import is_call
from chaosllm.renderers import _words as words
from chaosllm.series.calls import BINS, histogram
from chaosllm.series.groups import groups

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "How often the app tried"


def withheld(run: Run, title: str) -> Drawing | None:
    """Why calls cannot be told by operation, and so nothing is drawn; None when they can (METHOD section 1)."""
    if not run.events or not len(run.samples):
        return nothing(title, "The proxy saw no call to an LLM, so there is nothing to count.")
    if not run.joined:
        found = words.share(run.match_rate or 0.0)
        return nothing(title, f"Withheld: only {found} of the calls could be matched to an operation.")
    return None


def draw(run: Run) -> Drawing:
    """The share of operations by their number of calls, by phase."""
    if (why := withheld(run, TITLE)) is not None:
        return why
    found = groups(run)
    rows = [(group, made) for group in found if (made := histogram(run, group)) is not None]
    if not rows:
        return nothing(TITLE, "No operation was sent in a judged phase.")
    look = dict(zip([group.name for group in found], style.looks(found), strict=True))
    used = np.flatnonzero(np.any([made.shares > 0 for _, made in rows], axis=0))
    bins = np.arange(used[0], used[-1] + 1)
    figure, axes = style.figure()
    width = 0.82 / len(rows)
    for at, (group, made) in enumerate(rows):
        mine = look[group.name]
        axes.bar(
            np.arange(len(bins)) + (at - (len(rows) - 1) / 2) * width, made.shares[bins], width * 0.92,
            facecolor=mine.colour, edgecolor=style.INK, linewidth=0.4, hatch=mine.hatch,
            label=f"{style.label(group.name)} (n = {words.count(made.n)})",
        )  # fmt: skip
    axes.set_xticks(np.arange(len(bins)), [BINS[at] for at in bins])
    axes.set_xlim(-0.6, max(len(bins) - 0.4, 1.6))
    axes.set_ylim(0, 1.02)
    style.share_axis(axes.yaxis)
    axes.set_xlabel("calls to LLMs for one operation")
    axes.set_ylabel("operations of the phase")
    style.legend(axes)
    mean = by_group([(group, made.mean) for group, made in rows], words.plain)
    group, most = max(rows, key=lambda one: one[1].most)
    # The table's `attempt_peak` knows only retries in a row at one provider: a fallback is one more call here.
    several = len({event.provider for event in run.events if is_call(event)}) > 1
    of = "the most, all providers together, was" if several else "the most was"
    says = f"Calls for one operation on average: {mean}; {of} {words.count(most.most)} in {name(group)}."
    return Drawing(figure, TITLE, "The share of operations by the number of their calls, by phase.", says)
