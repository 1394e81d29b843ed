"""Goodput over time, under the load that was offered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import name
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.groups import Group, groups, worst
from chaosllm.series.returns import way_back
from chaosllm.series.timeline import good_in_time, rates, windows

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "Goodput over time"
#: Below this share of the baseline's good fraction goodput has fallen (METHOD metric 2).
HELD = 0.95


def draw(run: Run) -> Drawing:
    """Good answers in time a second, and what was asked."""
    into = windows(run)
    if not len(run.samples) or not len(into):
        return nothing(TITLE, "No operation was recorded, so no goodput can be plotted.")
    found = rates(run, into)
    figure, axes = style.figure()
    axes.stairs(found.offered, into.edges, baseline=None, color=style.INK, alpha=0.7, linewidth=1.1, label="asked",
                linestyle=style.DASHES[2])  # fmt: skip
    axes.stairs(found.goodput, into.edges, baseline=None, color=style.BLUE, linewidth=1.9, label="good and in time")
    axes.stairs(found.goodput, into.edges, fill=True, color=style.BLUE, alpha=0.15, linewidth=0)
    style.rate_axis(axes, float(found.offered.max()), "operations a second")
    style.bands(axes, run)
    style.legend(axes)
    shows = f"Good answers in time and operations asked, a second, in windows of {words.seconds(into.step)}."
    return Drawing(figure, TITLE, shows, _says(run))


def _says(run: Run) -> str:
    """From which rate good answers fell to which, and how long after the fault service was as good as before."""
    served = good_in_time(run)
    found = {group: _rate(run, group, served) for group in groups(run, most=1000)}
    low = worst([(group, share) for group, (_, share) in found.items()])
    before = next((group for group in found if group.role is Role.BASELINE and not np.isnan(found[group][1])), None)
    if low is None or before is None:
        told = [f"{words.rate(rate)} in {name(group)}" for group, (rate, _) in found.items() if not np.isnan(rate)]
        return f"Good answers in time: {', '.join(told)}." if told else "Goodput in warm-up only: no phase is judged."
    (was, of_was), (now, of_now) = found[before], found[low[0]]
    if of_now >= HELD * of_was:
        # Rates alone would look like a loss, because chance brings more users to one phase than to the other.
        return (
            f"Good answers held: {words.share(of_now)} of operations in {name(low[0])} got one in time "
            f"({words.rate(now)}), {words.share(of_was)} in {name(before)} ({words.rate(was)})."
        )
    changed = of_now and of_was and not np.isclose(was / of_was, now / of_now, rtol=0.1)
    asked = f" of {words.rate(now / of_now)} asked" if changed else ""
    return (
        f"Good answers fell from {words.rate(was)} to {words.rate(now)}{asked} in {name(low[0])}{_back(run, low[0])}."
    )


def _rate(run: Run, group: Group, served: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> tuple[float, float]:
    """(good answers in time a second, their share of what was asked)."""
    rows, seconds = group.due(run), sum(run.seconds(phase) for phase in group.phases)
    if not len(rows) or not seconds:
        return float("nan"), float("nan")
    good = int(served[rows].sum())
    return good / seconds, good / len(rows)


def _back(run: Run, fault: Group) -> str:
    """When service was as good as before, where a recovery follows this very fault."""
    found = way_back(run)
    if found is None or found.fault not in fault.phases:
        return ""
    if found.never:
        return " and were not back by the end of the recovery"
    if found.took.value is None:
        return ""
    return f" and were back {words.seconds(found.took.value) + ' after it' if found.took.value else 'at once'}"
