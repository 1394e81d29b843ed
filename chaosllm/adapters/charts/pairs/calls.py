"""How often the app called LLMs for one operation, in two runs, a plot for each role of phases."""

from __future__ import annotations

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.calls import withheld
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.pairs.latency import SPELLED
from chaosllm.adapters.charts.pairs.telling import from_to
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.calls import BINS, Histogram, histogram
from chaosllm.series.pairs import Pair, roles

TITLE = "How often the app tried"


def draw(pair: Pair) -> Drawing:
    """The share of operations by their number of calls: bars of A and B beside each other."""
    for letter, run in pair.sides:
        if (why := withheld(run, TITLE)) is not None:
            return nothing(TITLE, f"{letter}: {why.says}")
    found = [(mine.role, histogram(pair.a, mine), histogram(pair.b, other)) for mine, other in roles(pair)]
    known = [(role, a, b) for role, a, b in found if a is not None and b is not None]
    if not known:
        return nothing(TITLE, "In no phase did both runs send an operation.")
    used = np.flatnonzero(np.any([made.shares > 0 for _, *both in known for made in both], axis=0))
    bins = np.arange(used[0], used[-1] + 1)
    figure, plots = style.several(len(known), 1.0 + 1.15 * len(known))
    for axes, (role, *both) in zip(plots, known, strict=True):
        for at, (letter, made) in enumerate(zip("AB", both, strict=True)):
            look = style.SIDES[letter]
            axes.bar(
                np.arange(len(bins)) + (at - 0.5) * 0.4, made.shares[bins], 0.37, facecolor=look.colour,
                edgecolor=style.INK, linewidth=0.4, hatch=look.hatch, label=letter,
            )  # fmt: skip
        axes.set_title(SPELLED[role], loc="left", fontsize=9)
        axes.set_ylim(0, 1.02)
        axes.set_yticks([0, 0.5, 1])
        style.share_axis(axes.yaxis)
    plots[-1].set_xticks(np.arange(len(bins)), [BINS[at] for at in bins])
    plots[-1].set_xlim(-0.6, max(len(bins) - 0.4, 1.6))
    plots[-1].set_xlabel("calls to LLMs for one operation")
    figure.supylabel("operations", fontsize=9.5)
    style.legend(plots[0])
    return Drawing(figure, TITLE, "The share of operations by the number of their calls, of both runs.", _says(known))


def _says(known: list[tuple[Role, Histogram, Histogram]]) -> str:
    told = [f"{SPELLED[role]} {from_to(words.plain(a.mean), words.plain(b.mean))}" for role, a, b in known]
    most = [max(made.most for made in side) for side in zip(*[both for _, *both in known], strict=True)]
    return f"Calls for one operation on average: {'; '.join(told)}. The most was {from_to(*map(words.count, most))}."
