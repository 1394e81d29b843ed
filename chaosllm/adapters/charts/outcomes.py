"""What users got over time: outcomes stacked, the fault as a band behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import name
from chaosllm.record import OUTCOMES, Outcome
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.groups import Group, first, groups, worst
from chaosllm.series.timeline import rates, windows

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "What users got over time"


def draw(run: Run) -> Drawing:
    """Operations a second by outcome, what is well at the bottom."""
    into = windows(run)
    if not len(run.samples) or not len(into):
        return nothing(TITLE, "No operation was recorded, so there is nothing to plot over time.")
    found = rates(run, into)
    figure, axes = style.figure()
    base = np.zeros(len(into))
    for outcome, label in words.OUTCOMES.items():
        rate = found.outcomes[outcome]
        if rate.any():
            axes.stairs(
                base + rate, into.edges, baseline=base, fill=True, facecolor=style.OUTCOME_COLOURS[outcome],
                edgecolor=style.INK, hatch=style.OUTCOME_HATCHES[outcome], linewidth=0, label=label,
            )  # fmt: skip
            base = base + rate
    style.rate_axis(axes, float(base.max()), "operations a second")
    style.bands(axes, run)
    style.legend(axes)
    shows = f"Operations a second by outcome, stacked, in windows of {words.seconds(into.step)}."
    return Drawing(figure, TITLE, shows, _says(run))


def _says(run: Run) -> str:
    """How many operations of the fault that hit most got no good answer, and what they got instead."""
    found = groups(run, most=1000)
    shares = []
    for group in found:
        rows = group.rows(run)  # as the success rate counts, or the page would give two figures for one thing
        shares.append((group, float(run.good[rows].mean()) if len(rows) else float("nan")))
    low = worst(shares)
    if low is None:
        n = len(run.samples)
        return f"No fault was on while operations came: {words.count(run.good.sum())} of {words.count(n)} were good."
    rows = low[0].rows(run)
    bad = len(rows) - int(run.good[rows].sum())
    faults = [group for group, share in shares if group.role is Role.FAULT and not np.isnan(share)]
    if not bad:
        n = sum(len(group.rows(run)) for group in faults)
        under = f"In {name(faults[0])}" if len(faults) == 1 else f"Under {len(faults)} faults"
        return f"{under}, all of {words.counted(n, 'operation')} got a good answer."
    where = f"In {name(low[0])}{', the phase hit hardest' if len(faults) > 1 else ''}"
    codes = np.asarray(run.samples.outcome)[rows]
    counts = {outcome: int((codes == code).sum()) for code, outcome in enumerate(OUTCOMES)}
    most = max((outcome for outcome in OUTCOMES if outcome is not Outcome.GOOD), key=lambda one: counts[one])
    said = f"{words.count(bad)} of {words.counted(len(rows), 'operation')} got no good answer"
    kind = "all of them" if counts[most] == bad else f"{words.count(counts[most])} of them"
    beside = _beside(first(found, Role.BASELINE), shares)
    return f"{where}, {said} ({words.share(bad / len(rows))}): {kind} {_KINDS[most]}{beside}."


_KINDS = {
    Outcome.DEGRADED: "got a declared fallback",
    Outcome.WRONG: "got a wrong answer",
    Outcome.ERROR: "got an error",
    Outcome.HANG: "got nothing within the deadline",
    Outcome.DROPPED: "were never sent",
}


def _beside(baseline: Group | None, shares: list[tuple[Group, float]]) -> str:
    share = next((value for group, value in shares if group == baseline), float("nan"))
    return "" if np.isnan(share) else f"; in the baseline, {words.share(1 - share)}"
