"""Every change with its interval, beside the margin within which a gate lets it pass: a forest plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.comparison import BETTER, CHANGED, SAME, UNKNOWN, WORSE
from chaosllm.renderers import _words as words
from chaosllm.renderers._headline import Line, lines, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from chaosllm.comparison import Comparison

TITLE = "Every change with its interval"
#: One mark for each verdict, because colour alone tells not everyone.
_MARKS = {WORSE: "X", BETTER: "o", CHANGED: "s", SAME: "d", UNKNOWN: "d"}
_COLOURS = {
    WORSE: style.VERMILLION, BETTER: style.GREEN, CHANGED: style.PURPLE, SAME: style.GREY, UNKNOWN: style.GREY
}  # fmt: skip
#: A change beyond this is drawn at the edge, so that one wild ratio does not flatten all others.
_MOST_RATIO = 20.0
#: Inches for each row, and for what stands around a panel.
_ROW, _AROUND = 0.2, 0.75


def draw(comparison: Comparison) -> Drawing:
    """Ratios above, on a log axis; differences of shares below, in points."""
    found = lines(comparison)
    panels = [rows for kind in ("ratio", "difference") if (rows := [one for one in found if one.change.kind == kind])]
    if not panels:
        return nothing(TITLE, "No figure has a change with an interval, so there is nothing to plot.")
    heights = [_ROW * len(rows) + _AROUND for rows in panels]
    made, plots = style.apart(heights)
    for axes, rows in zip(plots, panels, strict=True):
        _panel(axes, rows)
    _legend(plots[0], found)
    shows = "The change of each figure from A to B with its 95% interval; the upright line is no change."
    return Drawing(made, TITLE, shows, _says(comparison, found))


def _panel(axes: Axes, rows: list[Line]) -> None:
    ratio = rows[0].change.kind == "ratio"
    none = rows[0].change.none
    low, high = _edges(rows, ratio=ratio)
    if ratio:
        axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.axvline(none, color=style.INK, linewidth=1.0)
    for place, one in enumerate(rows):
        colour, change = _COLOURS[one.verdict], one.change
        ends = [min(max(value, low), high) for value in (change.low, change.high)]
        axes.plot(ends, [place, place], color=colour, linewidth=1.6, solid_capstyle="butt")
        for value, end, mark in zip((change.low, change.high), ends, ("<", ">"), strict=True):
            if value != end:  # goes on past the edge
                axes.plot([end], [place], mark, color=colour, markersize=5, clip_on=False)
        axes.plot([min(max(change.value, low), high)], [place], _MARKS[one.verdict], color=colour, markersize=5.5)
        if one.margin is not None and low <= one.margin <= high:
            axes.plot([one.margin] * 2, [place - 0.4, place + 0.4], color=style.INK, linewidth=1.2)
    axes.set_yticks(range(len(rows)), [style.label(one.name, 30) for one in rows], fontsize=8.5)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x")
    if ratio:
        style.log_ticks(axes.xaxis, low, high)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.set_xlabel("B over A")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:+.0f}" if value else "0"))
        axes.set_xlabel("B less A, in points")


def _edges(rows: list[Line], *, ratio: bool) -> tuple[float, float]:
    """The span of the axis: all that is finite, within reason, and no change in it."""
    values = [
        value
        for one in rows
        for value in (one.change.value, one.change.low, one.change.high, one.margin)
        if value is not None and math.isfinite(value) and (value > 0 or not ratio)
    ]
    if ratio:
        inside = [min(max(value, 1 / _MOST_RATIO), _MOST_RATIO) for value in values]
        return min([*inside, 1 / 1.3]) / 1.1, max([*inside, 1.3]) * 1.1
    room = max([abs(value) for value in values] + [0.02]) * 1.08
    return -room, room


def _legend(axes: Any, found: list[Line]) -> None:
    """The marks that are used, in a legend of their own: a row has no label."""
    used = {one.verdict for one in found}
    for verdict, text in ((WORSE, "worse"), (BETTER, "better"), (CHANGED, "changed"), (SAME, "none shown")):
        if verdict in used:
            axes.plot([], [], _MARKS[verdict], color=_COLOURS[verdict], markersize=5.5, label=text)
    if any(one.margin is not None for one in found):
        axes.plot([], [], "|", color=style.INK, markersize=9, label="margin of a gate")
    style.legend(axes)


def _says(comparison: Comparison, found: list[Line]) -> str:
    told = [one.verdict for one in found]
    counts = [f"{told.count(word)} {word}" for word in (WORSE, BETTER, CHANGED) if word in told]
    said = f"Of {words.counted(len(found), 'change')} drawn, {', '.join(counts) or 'none differs from no change'}."
    left = sum(one.change is not None and one.verdict != UNKNOWN for one in shown(comparison)) - len(found)
    return f"{said} {left:,} more stand in the table." if left else said
