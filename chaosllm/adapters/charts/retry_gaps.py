"""How long the app waited before it tried again, against what Retry-After asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.calls import withheld
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.renderers import _words as words
from chaosllm.series.waits import Row, Waits, waits

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

    from chaosllm.join import Run

TITLE = "Pauses before the next attempt"


def draw(run: Run) -> Drawing:
    """A histogram of pauses for each wait that was asked for, with the asked wait as a line."""
    if (why := withheld(run, TITLE)) is not None:
        return why
    found = waits(run)
    if found is None:
        return nothing(TITLE, "No failed call was tried again, and none asked for a wait: there is no pause to plot.")
    figure, axes = style.figure(1.35 + 0.52 * max(len(found.rows), 2))
    for place, row in enumerate(found.rows):
        _histogram(axes, found, row, place)
    axes.set_yticks([place + 0.4 for place in range(len(found.rows))], [_asked(row) for row in found.rows])
    axes.set_ylim(len(found.rows) - 0.02, -0.12)
    axes.set_xscale("log")
    used = np.flatnonzero(np.sum([row.soon + row.kept for row in found.rows], axis=0))
    wishes = [wish for row in found.rows for wish in (row.low, row.high) if math.isfinite(wish)]
    ends = [found.edges[used[0]], found.edges[used[-1] + 1]] if len(used) else []
    low, high = min([*ends, *wishes]) / 1.3, max([*ends, *wishes]) * 1.3
    axes.set_xlim(low, max(high, low * 10))
    style.log_ticks(axes.xaxis, low, max(high, low * 10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value)))
    axes.set_xlabel("from the failure to the next attempt")
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    _legend(axes, found)
    shows = "How often a failed call was tried again after which pause, by what Retry-After asked for."
    return Drawing(figure, TITLE, shows, _says(found))


def _histogram(axes: Axes, found: Waits, row: Row, place: int) -> None:
    """Bars that grow upwards from the line of the row; the tallest fills it."""
    total = row.soon + row.kept
    scale = 0.78 / max(int(total.max(initial=0)), 1)
    kept_colour = style.GREY if math.isnan(row.low) else style.BLUE
    foot = place + 0.86
    width = np.diff(found.edges)
    for counts, under, colour, hatch in (
        (row.kept, np.zeros(len(total)), kept_colour, ""),
        (row.soon, row.kept, style.VERMILLION, "///"),
    ):
        there = np.flatnonzero(counts)
        axes.bar(found.edges[there], -counts[there] * scale, width[there], bottom=foot - under[there] * scale,
                 align="edge", facecolor=colour, edgecolor=style.INK, linewidth=0.4, hatch=hatch)  # fmt: skip
    if not total.any():
        axes.annotate("none was tried again, so there is no pause", (0.5, place + 0.5),
                      xycoords=axes.get_yaxis_transform(), ha="center", va="center", fontsize=9)  # fmt: skip
    axes.plot([0, 1], [foot, foot], transform=axes.get_yaxis_transform(), color=style.INK, alpha=0.4, linewidth=0.6)
    if math.isfinite(row.low):
        axes.fill_betweenx([foot, place], row.low, row.high, color=style.INK, alpha=0.15, linewidth=0)
        axes.plot([row.low, row.low], [foot, place - 0.02], color=style.INK, linewidth=2.0)
        if row.high > row.low:
            axes.plot([row.high, row.high], [foot, place - 0.02], color=style.INK, linewidth=2.0)


def _asked(row: Row) -> str:
    if math.isnan(row.low):
        asked = "not asked"
    elif row.low == row.high:
        asked = f"asked {words.seconds(row.low)}"
    else:
        asked = f"{words.seconds(row.low)} to {words.seconds(row.high)}"
    over = f"\n{words.count(row.over)} not retried" if row.over else ""
    return f"{asked}\nn = {words.count(row.n)}{over}"


def _legend(axes: Axes, found: Waits) -> None:
    kinds = (
        ("too soon", style.VERMILLION, "///", any(row.soon.any() for row in found.rows)),
        ("long enough", style.BLUE, "", any(row.kept.any() and math.isfinite(row.low) for row in found.rows)),
        ("own pause", style.GREY, "", any(row.kept.any() and math.isnan(row.low) for row in found.rows)),
    )
    parts: list[Artist] = [
        Patch(facecolor=colour, edgecolor=style.INK, linewidth=0.4, hatch=hatch, label=label)
        for label, colour, hatch, there in kinds
        if there
    ]
    if found.asked:
        parts.append(Line2D([], [], color=style.INK, linewidth=2.0, label="Retry-After"))
    axes.figure.legend(
        handles=parts, loc="outside lower center", ncols=style.columns([str(part.get_label()) for part in parts])
    )


def _says(found: Waits) -> str:
    part = f" (of every {found.every}th failed operation)" if found.every > 1 else ""
    if not found.asked:
        row = found.rows[-1]
        again = words.count(row.n - row.over)
        return f"No refusal asked for a wait; of {words.counted(row.n, 'failed call')}, {again} were tried again{part}."
    said = f"Of {words.counted(found.asked, 'refusal')} that asked for a wait{part}"
    if not found.soon:
        return f"{said}, none was tried again too soon."
    return (
        f"{said}, {words.count(found.soon)} ({words.share(found.soon / found.asked)}) were tried again too soon: "
        f"after {words.seconds(found.gap)} where {words.seconds(found.wish)} was asked (medians)."
    )
