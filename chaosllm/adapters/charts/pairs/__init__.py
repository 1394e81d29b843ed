"""Draws two runs over each other, one file for each picture: A solid and blue, B dashed and vermillion, everywhere.

The laws are those of `chaosllm.adapters.charts`.
A new one: a file with `draw(pair) -> Drawing`, and its row in `PAIRS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from chaosllm.adapters.charts.drawing import Drawing, chart
from chaosllm.adapters.charts.pairs import calls, changes, goodput, latency, outcomes
from chaosllm.adapters.charts.style import styled
from chaosllm.renderers import Chart

if TYPE_CHECKING:
    from chaosllm.comparison import Comparison
    from chaosllm.series.pairs import Pair

#: Name of the picture -> who draws it, in the order of the page.
PAIRS: Mapping[str, Callable[[Pair], Drawing]] = {
    "pair_outcomes": outcomes.draw,
    "pair_goodput": goodput.draw,
    "pair_latency": latency.draw,
    "pair_calls": calls.draw,
}


def overlays(pair: Pair) -> dict[str, Chart]:
    """Every picture of two runs by name, ready for a page."""
    with styled():
        return {name: chart(name, maker(pair), files=False)[0] for name, maker in PAIRS.items()}


def forest(comparison: Comparison) -> dict[str, Chart]:
    """The changes with their intervals, which needs no samples."""
    with styled():
        return {"changes": chart("changes", changes.draw(comparison), files=False)[0]}
