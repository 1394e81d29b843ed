"""Latency over time: the middle, the slow and the slowest, against the user's deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group, compared, name, times
from chaosllm.renderers import _words as words
from chaosllm.series.groups import Group, groups
from chaosllm.series.timeline import LEAST, Percentiles, percentiles, windows
from chaosllm.stats import quantile

if TYPE_CHECKING:
    from chaosllm.columns import Floats
    from chaosllm.join import Run

TITLE = "Latency over time"
_COLOURS = {"p50": style.BLUE, "p95": style.VERMILLION, "p99": style.PURPLE, "slowest": style.PURPLE}


def draw(run: Run) -> Drawing:
    """p50, p95 and p99 by window; the slowest one instead of a p99 that so few operations cannot bear."""
    into = windows(run, least=1.5 * LEAST[95])
    found = percentiles(run, np.minimum(run.latency, run.timeout), into)
    lines = _lines(found)
    if not any(np.isfinite(row).any() for _, row in lines):
        return nothing(TITLE, "Too few operations ended for a percentile in any window.")
    figure, axes = style.figure()
    for place, (label, row) in enumerate(lines):
        axes.plot(into.middles, row, color=_COLOURS[label], linestyle=style.DASHES[place], label=label,
                  marker=("o", "s", "^")[place], markersize=2.6)  # fmt: skip
    bottom, top = style.finite_span([row for _, row in lines])
    deadline = run.timeout
    if top > deadline / 4:
        axes.axhline(deadline, color=style.INK, alpha=0.7, linewidth=1.2, linestyle=style.DASHES[3], label="deadline")
        top = max(top, deadline)
    style.seconds_axis(axes, bottom, top)
    axes.set_ylabel("from when it was due")
    style.bands(axes, run)
    style.legend(axes)
    told = ", ".join(label for label, _ in lines)
    shows = f"Latency of answers and errors as {told} in windows of {words.seconds(into.step)}."
    return Drawing(figure, TITLE, shows, _says(run))


def _lines(found: Percentiles) -> list[tuple[str, Floats]]:
    """p50 and p95, and p99 where most windows hold enough operations for one."""
    windows_used = found.n > 0
    third = "p99" if windows_used.any() and (found.n[windows_used] >= LEAST[99]).mean() > 0.5 else "slowest"
    rows = [("p50", found.of[50]), ("p95", found.of[95])]
    rows.append((third, found.of[99] if third == "p99" else found.slowest))
    return [(label, row) for label, row in rows if np.isfinite(row).any()]


def _fast(run: Run, before: Group) -> str:
    """Where most were done much sooner than before, because they failed: to a user that is no gain."""
    latency = run.latency
    middles = {group: quantile(found[np.isfinite(found)], 0.5) for group in groups(run, most=1000)
               if len(found := latency[group.rows(run)])}  # fmt: skip
    usual = middles.get(before, float("nan"))
    quick = [group for group, middle in middles.items()
             if middle < 0.8 * usual and not run.good[group.rows(run)].all()]  # fmt: skip
    if not quick:
        return ""
    least = min(quick, key=middles.__getitem__)
    within = words.seconds(middles[least])
    return f" Errors count too, and come fast: in {name(least)} half had ended within {within}."


def _says(run: Run) -> str:
    values = []
    for group in groups(run, most=1000):
        latency = run.latency[group.rows(run)]
        values.append((group, quantile(latency[np.isfinite(latency)], 0.95)))
    pair = compared(values)
    if pair is None:
        told = by_group(values)
        return f"The slowest 5% waited at least {told}." if told else "No judged phase has a latency."
    (before, was), (fault, now) = pair
    ratio = now / was if was else float("nan")
    if ratio > 1.2:
        late = ", which is the deadline or more" if now >= run.timeout else ""
        return (
            f"p95 went from {words.seconds(was)} in {name(before)} to {words.seconds(now)} in {name(fault)}, "
            f"{times(ratio)} as long{late}."
        )
    fast = _fast(run, before)
    most = f"at most {words.seconds(now)} under a fault"
    return f"p95 did not rise: {words.seconds(was)} in {name(before)}, {most}.{fast}"
