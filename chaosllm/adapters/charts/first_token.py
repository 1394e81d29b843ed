"""How long users looked at nothing: the time to the first piece of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from chaosllm.adapters.charts import style
from chaosllm.adapters.charts.distribution import plot
from chaosllm.adapters.charts.drawing import Drawing, nothing
from chaosllm.adapters.charts.telling import by_group
from chaosllm.series.curves import cumulative
from chaosllm.series.groups import groups

if TYPE_CHECKING:
    from chaosllm.join import Run

TITLE = "Time to the first word"


def draw(run: Run) -> Drawing:
    """The share of operations with text whose first piece came within a time, by phase."""
    found = groups(run)
    waited = run.samples.t_first - run.samples.t_due
    if not np.isfinite(waited).any():
        return nothing(TITLE, "No operation got any text, so there is no time to the first word.")
    if not (np.asarray(run.samples.chunks) > 1).any():
        return nothing(
            TITLE,
            "No answer came in more than one piece: the app does not stream, and the first word came with the last, "
            "as latency shows.",
        )
    curves = [(group, curve) for group in found if (curve := cumulative(waited[group.rows(run)])) is not None]
    if not curves:
        return nothing(TITLE, "No operation of a judged phase got any text.")
    figure, axes = style.figure()
    plot(axes, found, curves)
    axes.set_xlabel("time to the first text, from when it was due")
    axes.set_ylabel("answers that began within")
    style.legend(axes)
    half, tail = (by_group([(group, curve.at(share)) for group, curve in curves]) for share in (0.5, 0.95))
    says = f"Half of the answers began within {half}; 95% within {tail}."
    return Drawing(figure, TITLE, "The share of answers whose first text came within a time, by phase.", says)
