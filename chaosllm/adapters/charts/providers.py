"""Where the calls went: calls for one operation, by phase and provider."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group, compared, name
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.calls import by_provider
from chaosllm.series.groups import Group, groups

if TYPE_CHECKING:
    from chaosllm.columns import Floats
    from chaosllm.join import Run

TITLE = "Where the calls went"
MOST_PHASES = 14
#: Providers with a look of their own; what the others got is one part of the bar.
_COLOURS = (style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY)


def draw(run: Run) -> Drawing:
    """A bar for each phase, in parts by provider."""
    found = groups(run, most=MOST_PHASES)
    providers, rate = by_provider(run, found)
    there = [at for at, group in enumerate(found) if np.isfinite(rate[at]).any()]
    if not providers or not there:
        return nothing(TITLE, "The proxy saw no call to an LLM in a judged phase.")
    found, rate = [found[at] for at in there], rate[there]
    shown = providers[: len(_COLOURS)] if len(providers) <= len(_COLOURS) else providers[: len(_COLOURS) - 1]
    parts = [(style.label(provider, 16), rate[:, at]) for at, provider in enumerate(shown)]
    if len(shown) < len(providers):
        parts.append((f"{len(providers) - len(shown)} others", rate[:, len(shown) :].sum(axis=1)))
    figure, axes = style.figure(1.25 + 0.3 * max(len(found), 2))
    places, left = np.arange(len(found)), np.zeros(len(found))
    for at, (label, width) in enumerate(parts):
        axes.barh(places, width, 0.66, left=left, facecolor=_COLOURS[at], edgecolor=style.INK, linewidth=0.4,
                  hatch=style.HATCHES[at], label=label)  # fmt: skip
        left = left + width
    for place, value in zip(places, left, strict=True):
        axes.annotate(words.plain(float(value)), (value, place), (4, 0), textcoords="offset points", va="center")
    axes.set_yticks(places, [style.label(group.name, 18) for group in found])
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    axes.set_xlim(0, max(float(left.max()) * 1.15, 1.0))
    axes.set_xlabel("calls for one operation (mean)")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    style.legend(axes)
    says = _says(list(zip(found, rate, strict=True)), providers, left)
    return Drawing(figure, TITLE, "Mean calls for one operation by phase, in parts by provider.", says)


def _says(rows: list[tuple[Group, Floats]], providers: list[str], total: Floats) -> str:
    """Whether a second provider took over under a fault, else how many calls there were."""
    if len(providers) > 1:
        share = [(group, 1 - float(mine[0] / mine.sum())) for group, mine in rows if mine.sum()]
        faults = [one for one in share if one[0].role is Role.FAULT]
        if faults:
            group, most = max(faults, key=lambda one: one[1])
            rest = words.clean(providers[1], 30) if len(providers) == 2 else "others"
            main = words.clean(providers[0], 30)
            return f"{rest} got at most {words.share(most)} of the calls (in {name(group)}); {main} the rest."
    values = [(group, float(value)) for (group, _), value in zip(rows, total, strict=True)]
    to = f"All calls went to {words.clean(providers[0], 30)}"
    if (pair := compared(values)) is None or len(values) <= 3:
        return f"{to}: for one operation {by_group(values, words.plain)}."
    (before, was), (fault, now) = pair
    return f"{to}: for one operation {words.plain(was)} in {name(before)}, at most {words.plain(now)} in {name(fault)}."
