"""How long users waited: the whole distribution of latency, baseline, fault and recovery over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group
from chaosllm.record import Outcome
from chaosllm.renderers import _words as words
from chaosllm.series.curves import Curve, cumulative
from chaosllm.series.groups import Group, groups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from chaosllm.join import Run

TITLE = "How long users waited"


def draw(run: Run) -> Drawing:
    """The share of operations that ended within a time, by phase; a hang never ended for its user."""
    found = groups(run)
    taken = np.where(run.samples.was(Outcome.HANG), np.inf, run.latency)
    curves = [(group, curve) for group in found if (curve := cumulative(taken[group.rows(run)])) is not None]
    if not any(len(curve.x) for _, curve in curves):
        return nothing(TITLE, "No operation of a judged phase ended, so there is no distribution to plot.")
    figure, axes = style.figure()
    plot(axes, found, curves)
    axes.set_xlabel("latency from when it was due")
    axes.set_ylabel("operations that ended within")
    style.legend(axes)
    half, tail = (by_group([(group, curve.at(share)) for group, curve in curves]) for share in (0.5, 0.95))
    says = (
        f"Half of the operations had an answer or an error within {half}."
        if half
        else "In no phase did half of all end."
    )
    says += f" 95% had within {tail}." if tail else ""
    says += _hung(curves)
    return Drawing(figure, TITLE, "The share of operations that ended within a time, by phase.", says)


def _hung(curves: list[tuple[Group, Curve]]) -> str:
    """Which curves stay below 100%."""
    never = [(group, curve.never) for group, curve in curves if curve.never]
    return f" Never in time: {by_group(never, words.share)}." if never else ""


def plot(axes: Axes, found: list[Group], curves: list[tuple[Group, Curve]]) -> None:
    """Cumulative curves over seconds, each in the look of its group; a curve that ends below 100% goes on flat."""
    look = dict(zip([group.name for group in found], style.looks(found), strict=True))
    low, high = span([curve for _, curve in curves])
    for group, curve in curves:
        line(axes, curve, (low, high), look[group.name], f"{style.label(group.name)} (n = {words.count(curve.n)})")
    axis(axes, low, high)


def span(curves: Sequence[Curve]) -> tuple[float, float]:
    """The shortest and the longest time of all curves, in seconds; one of them must have a point.

    Never less than half as long again, because marks of a lone operation would be so close that they read the same.
    """
    ends = [float(curve.x[place]) for curve in curves if len(curve.x) for place in (0, -1)]
    low = max(min(ends), 0.001)
    return low, max(low * 1.5, *ends)


def line(axes: Axes, curve: Curve, across: tuple[float, float], look: style.Look, label: str) -> None:
    """One curve in its look, from edge to edge of `across` (seconds)."""
    low, high = across
    x = np.concatenate([[low / 1.3], np.maximum(curve.x, low), [high * 1.3]])
    y = np.concatenate([[0.0], curve.share, [1 - curve.never]])
    axes.plot(x, y, color=look.colour, linestyle=look.dash, drawstyle="steps-post", label=label)


def axis(axes: Axes, low: float, high: float) -> None:
    """Seconds along x, spread out where they span more than a factor of eight; shares up."""
    if high / low > 8:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.15, high * 1.15)
        style.log_ticks(axes.xaxis, low / 1.15, high * 1.15)
    else:
        axes.set_xlim(max(0.0, low - (high - low) * 0.05), high + (high - low) * 0.05)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: words.seconds(value)))
    style.share_axis(axes.yaxis)
    axes.set_ylim(-0.02, 1.02)
    axes.grid(visible=True, axis="x")
