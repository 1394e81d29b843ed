"""The way back: service from shortly before the fault was taken away until it was as good as before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import phase
from chaosllm.renderers import _words as words
from chaosllm.series.returns import Return, way_back

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chaosllm.join import Run

TITLE = "The way back after the fault"


def draw(run: Run) -> Drawing:
    """The share of good answers and p95 around the end of the fault, each beside the baseline's."""
    found = way_back(run)
    if found is None:
        why = "the run was stopped before" if run.stopped else "no operation was due in a recovery phase after a fault"
        return nothing(TITLE, f"A way back cannot be shown: {why}.")
    figure, above, below = style.two(3.9)
    above.stairs(found.good, found.edges, baseline=None, color=style.GREEN, linewidth=1.8, label="good answers")
    below.stairs(found.p95, found.edges, baseline=None, color=style.VERMILLION, linewidth=1.8,
                 linestyle=style.DASHES[1], label="p95 of latency")  # fmt: skip
    for axes, before in ((above, found.before_good), (below, found.before_p95)):
        if not math.isnan(before):
            axes.axhline(before, color=style.BLUE, linewidth=1.2, linestyle=style.DASHES[2],
                         label="in the baseline" if axes is above else None)  # fmt: skip
        axes.axvspan(found.edges[0], 0, color=style.INK, alpha=0.09, linewidth=0, zorder=0)
        if found.took.value is not None:
            axes.axvline(found.took.value, color=style.INK, linewidth=1.4,
                         label="as good as before" if axes is above else None)  # fmt: skip
    above.set_ylim(-0.03, 1.06)
    style.share_axis(above.yaxis)
    above.set_ylabel("good answers")
    low, high = style.finite_span([found.p95, [found.before_p95]])
    style.seconds_axis(below, low, high)
    below.set_ylabel("p95 of latency")
    below.set_xlim(found.edges[0], found.edges[-1])
    below.xaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 3, 5, 6, 10]))
    below.xaxis.set_major_formatter(FuncFormatter(_signed))
    below.set_xlabel("time since the fault was taken away")
    _name(above, found)
    style.legend(above, below)
    step = words.seconds(found.edges[1] - found.edges[0])
    fault = phase(found.fault)
    shows = f"The share of good answers and p95 of latency around the end of {fault}, in windows of {step}."
    return Drawing(figure, TITLE, shows, _says(found))


def _signed(value: float, _: object) -> str:
    return f"-{words.seconds(-value)}" if value < 0 else words.seconds(value)


def _name(axes: Axes, found: Return) -> None:
    room = int(-found.edges[0] / (found.edges[-1] - found.edges[0]) * style.PLOT / style.LETTER)
    for text, place, bold in (
        (style.label(found.fault, max(room, 6)), found.edges[0] / 2, True),
        ("fault gone", found.edges[-1] / 2, False),
    ):
        axes.annotate(
            text, (place, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points", ha="center",
            va="bottom", annotation_clip=False, fontsize=9.0, fontweight="bold" if bold else "normal",
        )  # fmt: skip


def _says(found: Return) -> str:
    which = f" (the slowest of {found.several} recoveries)" if found.several > 1 else ""
    fault = phase(found.fault)
    if found.took.value is not None:
        at = f"{words.seconds(found.took.value)} after {fault}" if found.took.value else f"at once when {fault} ended"
        return f"Service was as good as in the baseline {at}{which}."
    if found.never:
        return (
            f"Service was not as good as in the baseline within the {words.seconds(found.lasts)} after {fault}{which}."
        )
    after = slice(int(np.searchsorted(found.edges, 0)), None)
    asked = found.n[after].sum()
    got = words.share(np.nansum((found.good * found.n)[after]) / asked) if asked else words.NONE
    usual = "" if math.isnan(found.before_good) else f", {words.share(found.before_good)} in the baseline"
    return (
        f"After {fault} {got} of operations got a good answer{usual}. How soon service was as good as before "
        f"was not measured: {words.clean(found.took.why)}."
    )
