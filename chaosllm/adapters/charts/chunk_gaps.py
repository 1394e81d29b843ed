"""How smoothly answers were written: the gaps between their pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.distribution import plot
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group
from chaosllm.series.curves import of_classes, pooled
from chaosllm.series.groups import Group, groups

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "Gaps between the pieces of an answer"


def draw(run: Run) -> Drawing:
    """The share of inter-chunk gaps that were at most so long, by phase; all gaps of a phase together."""
    found = groups(run)
    longest = {group.name: _longest(run, group) for group in found}
    counts = [
        (group, pooled(run.samples.gaps, np.intersect1d(group.rows(run), run.with_gaps).tolist())) for group in found
    ]
    curves = [
        (group, curve) for group, count in counts if (curve := of_classes(count, longest[group.name])) is not None
    ]
    if not curves:
        return nothing(TITLE, "No answer of a judged phase came in more than one piece, so there is no gap to plot.")
    figure, axes = style.figure()
    plot(axes, found, curves)
    axes.set_xlabel("time between two pieces of an answer")
    axes.set_ylabel("gaps that were at most so long")
    style.legend(axes)
    half, tail = (by_group([(group, curve.at(share)) for group, curve in curves]) for share in (0.5, 0.95))
    ends = by_group([(group, longest[group.name]) for group, _ in curves])
    says = f"Half of the gaps were at most {half}, 95% at most {tail}; the longest: {ends}."
    shows = "The share of gaps between pieces of an answer that were at most so long, by phase."
    return Drawing(figure, TITLE, shows, says)


def _longest(run: Run, group: Group) -> float:
    """Seconds; infinity where no gap was recorded."""
    gaps = np.asarray(run.samples.gap_max, dtype=np.float64)[group.rows(run)]
    found = float(gaps[np.isfinite(gaps)].max(initial=0.0))
    return found or np.inf
