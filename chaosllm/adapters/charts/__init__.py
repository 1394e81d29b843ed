"""Draws a run with matplotlib, one file for each chart: figures without pyplot, the same bytes for the same run.

Laws:
1. A chart computes nothing: its numbers are those of `chaosllm.series`, and tested there.
2. A chart with nothing to plot is a sentence that says why, and no picture.
3. Names come from strangers: they are cleaned, cut to length, and never read as mathematics.
4. Each says in one sentence what a reader should see in this run, with its numbers.

A new one: a file with `TITLE` and `draw(run) -> Drawing`, and its row in `CHARTS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from chaosllm.adapters.charts import (
    amplification,
    calls,
    chunk_gaps,
    cost,
    distribution,
    first_token,
    goodput,
    latency,
    outcomes,
    providers,
    recovery,
    retry_gaps,
)
from chaosllm.adapters.charts.drawing import Maker, chart
from chaosllm.adapters.charts.style import styled
from chaosllm.renderers import Chart
from chaosllm.sources import blind

if TYPE_CHECKING:
    from chaosllm.join import Run

#: Name of the chart and of its files -> who draws it, in the order of the page.
CHARTS: Mapping[str, Maker] = {
    "outcomes": outcomes.draw,
    "goodput": goodput.draw,
    "latency": latency.draw,
    "recovery": recovery.draw,
    "distribution": distribution.draw,
    "first_token": first_token.draw,
    "chunk_gaps": chunk_gaps.draw,
    "amplification": amplification.draw,
    "calls": calls.draw,
    "providers": providers.draw,
    "retry_gaps": retry_gaps.draw,
    "cost": cost.draw,
}


#: What a chart must see of a run that we did not drive; those that are not here need the answers.
SEES: Mapping[str, str] = {
    **dict.fromkeys(("outcomes", "goodput", "latency", "recovery", "distribution", "amplification", "cost"), "status"),
    **dict.fromkeys(("calls", "providers", "retry_gaps"), "calls"),
}


def charts(run: Run) -> dict[str, Chart]:
    """Every chart of a run by name, ready for a page."""
    return {name: shown for name, shown, _ in _drawn(run, files=False)}


def draw(run: Run) -> list[tuple[str, Chart, dict[str, bytes]]]:
    """(name, chart, its files by name as SVG and PNG), in the order in which a page shows them."""
    return list(_drawn(run, files=True))


def _drawn(run: Run, *, files: bool) -> Iterator[tuple[str, Chart, dict[str, bytes]]]:
    with styled():
        for name, maker in CHARTS.items():
            if not run.driven and blind(run.meta, SEES.get(name, "answers")):
                continue  # one sentence says it for all: see `timeline`
            side = run.calls_side if SEES.get(name) == "calls" else run  # as the metrics of the table beside it
            yield name, *chart(name, maker(side), files=files)
