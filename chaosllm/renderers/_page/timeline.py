"""What happened over time: each chart with the sentence that says what to see in it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chaosllm.renderers import Chart
from chaosllm.renderers._page.markup import prose, say


def timeline(charts: Mapping[str, Chart], phases: Collection[str] = ()) -> str:
    """The charts that have something to plot, then a sentence for each that has not."""
    drawn = "".join(_figure(chart, phases) for chart in charts.values() if chart.svg)
    nothing = "".join(
        f"<li><strong>{say(chart.title)}:</strong> {prose(chart.says, phases)}</li>"
        for chart in charts.values()
        if not chart.svg
    )
    left_out = f'<h3>Nothing to plot</h3><ul class="nothing">{nothing}</ul>' if nothing else ""
    return (f'<div class="charts">{drawn}</div>' if drawn else "") + left_out


def _figure(chart: Chart, phases: Collection[str]) -> str:
    # `svg` is our own drawing: adapters/charts escapes the names in it (tested there and here).
    return (
        f"<figure><figcaption><h3>{say(chart.title)}</h3><p>{prose(chart.says, phases)}</p></figcaption>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{say(chart.title)}: chart">'
        f"{chart.svg}</div></figure>"
    )
