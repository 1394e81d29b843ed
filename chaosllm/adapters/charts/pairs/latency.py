"""How long users waited, of two runs: the whole distributions over each other, a plot for each role of phases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.distribution import axis, line, span
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.pairs.telling import from_to
from chaosllm.record import Outcome
from chaosllm.renderers import _words as words
from chaosllm.scenario import Role
from chaosllm.series.curves import Curve, cumulative
from chaosllm.series.pairs import Pair, roles

if TYPE_CHECKING:
    from chaosllm.join import Run
    from chaosllm.series.groups import Group

TITLE = "How long users waited"
#: What stands above the plot of each role.
SPELLED = {Role.BASELINE: "baseline", Role.FAULT: "under faults", Role.RECOVERY: "recovery"}


def draw(pair: Pair) -> Drawing:
    """The share of operations that ended within a time, of both runs; a hang never ended for its user."""
    found = [(mine.role, _curve(pair.a, mine), _curve(pair.b, other)) for mine, other in roles(pair)]
    known = [(role, a, b) for role, a, b in found if a is not None and b is not None]
    if not any(len(curve.x) for _, *both in known for curve in both):
        return nothing(TITLE, "In no phase did operations of both runs end, so there is no distribution to compare.")
    made, plots = style.several(len(known), 1.0 + 1.25 * len(known))
    low, high = span([curve for _, *both in known for curve in both])
    for axes, (role, *both) in zip(plots, known, strict=True):
        for letter, curve in zip("AB", both, strict=True):
            line(axes, curve, (low, high), style.SIDES[letter], letter)
        axis(axes, low, high)
        sizes = ", ".join(f"{letter} n = {words.count(curve.n)}" for letter, curve in zip("AB", both, strict=True))
        axes.set_title(f"{SPELLED[role]} ({sizes})", loc="left", fontsize=9)
    plots[-1].set_xlabel("latency from when it was due")
    made.supylabel("operations that ended within", fontsize=9.5)
    style.legend(plots[0])
    shows = "The share of operations that ended within a time, of both runs, by role of phase."
    return Drawing(made, TITLE, shows, _says(known))


def _curve(run: Run, group: Group) -> Curve | None:
    taken = np.where(run.samples.was(Outcome.HANG), np.inf, run.latency)
    return cumulative(taken[group.rows(run)])


def _says(known: list[tuple[Role, Curve, Curve]]) -> str:
    told = []
    for share, who in ((0.5, "Half of the users waited at most"), (0.95, "95% waited at most")):
        parts = [
            f"{SPELLED[role]} {from_to(_within(a, share), _within(b, share))}"
            for role, a, b in known
            if role is Role.FAULT or len(known) == 1
        ]
        told += [f"{who}: {parts[0]}."] if parts else []
    return " ".join(told) or "No fault phase has a latency in both runs."


def _within(curve: Curve, share: float) -> str:
    value = curve.at(share)
    return "past the deadline" if np.isnan(value) else words.seconds(value)
