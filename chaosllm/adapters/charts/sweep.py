"""Draws a sweep: the degradation curve with its intervals, the objective, and where it breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, chart, nothing
from chaosllm.levels import Range
from chaosllm.renderers import _words as words
from chaosllm.renderers._sweep import side

NAME = "sweep"
TITLE = "Where it breaks"
#: One mark for each side, because colour alone tells not everyone.
_MARKS = {"holds": "o", "fails": "X", "between": "s"}
_LABELS = {"holds": "holds", "fails": "fails", "between": "cannot tell"}
_COLOURS = {"holds": style.BLUE, "fails": style.VERMILLION, "between": style.GREY}


def draw(made: Mapping[str, Any], span: Range) -> dict[str, bytes]:
    """The picture's files by name, as SVG and PNG; none without a level to draw."""
    with style.styled():
        return chart(NAME, drawing(made, span))[1]


def drawing(made: Mapping[str, Any], span: Range) -> Drawing:
    """The degradation curve: the share of good ones at each level, with what the objective asks."""
    if not made["curve"]:
        return nothing(TITLE, "No level was tried, so there is no curve to plot.")
    path = style.label(made["path"], 40)
    figure, axes = style.figure(3.7)
    _objective(axes, made)
    _breaking(axes, made, span)
    _curve(axes, made)
    if span.by_ratio:
        axes.set_xscale("log")
        axes.set_xlim(span.low / 1.1, span.high * 1.1)
    else:
        room = 0.03 * (span.high - span.low)
        axes.set_xlim(span.low - room, span.high + room)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: span.text(value) if value > 0 else "0"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda _value, _: ""))
    axes.set_xlabel(path)
    style.share_axis(axes.yaxis)
    style.legend(axes)
    shows = f"The degradation curve over {words.clean(made['path'], 60)}, with 95% intervals."
    return Drawing(figure, TITLE, shows, f"{words.clean(made['says']).rstrip('.')}.")


def _objective(axes: Any, made: Mapping[str, Any]) -> None:
    """The bound as a line, where what is drawn is what it bounds."""
    objective = made["objective"]
    if objective["counted"]:
        axes.axhline(
            objective["good"], color=style.INK, alpha=0.7, linewidth=1.2, linestyle=style.DASHES[2],
            label=f"objective: {words.share(objective['good'])}",
        )  # fmt: skip
        axes.set_ylabel("good operations")
    else:
        axes.set_ylabel("runs that met the objective")
    axes.set_ylim(-0.03, 1.03)


def _breaking(axes: Any, made: Mapping[str, Any], span: Range) -> None:
    """The interval of the breaking point as a band, and its value as a line in it."""
    breaking = made["breaking_point"]
    if breaking["kind"] not in ("found", "unknown"):
        return
    low = span.low if breaking["low"] is None else breaking["low"]
    high = span.high if breaking["high"] is None else breaking["high"]
    axes.axvspan(low, high, color=style.VERMILLION, alpha=0.14, linewidth=0, zorder=0, label="breaks in here (95%)")
    if breaking["value"] is not None:
        axes.axvline(
            breaking["value"], color=style.VERMILLION, linewidth=1.2, label=f"likeliest: {breaking['text']['value']}"
        )


def _curve(axes: Any, made: Mapping[str, Any]) -> None:
    points = [point for point in made["curve"] if point["share"] is not None]
    at = np.array([point["value"] for point in points])
    share = np.array([point["share"] for point in points])
    axes.plot(at, share, color=style.GREY, linewidth=0.9, alpha=0.7, zorder=1)
    for kind, mark in _MARKS.items():
        rows = [n for n, point in enumerate(points) if side(point["value"], made) == kind]
        if rows:
            below = [share[n] - points[n]["low"] for n in rows]
            above = [points[n]["high"] - share[n] for n in rows]
            axes.errorbar(
                at[rows], share[rows], yerr=np.clip([below, above], 0, None), fmt=mark, color=_COLOURS[kind],
                markersize=5.5, elinewidth=1.3, capsize=2.5, label=_LABELS[kind], zorder=2,
            )  # fmt: skip
