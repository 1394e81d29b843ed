"""How large a report is: a page that anybody can open, however long the run was."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import chart_factory
import run_factory as made

from chaosllm import verdict
from chaosllm.adapters.charts import charts
from chaosllm.adapters.rendering import material
from chaosllm.renderers import html

#: Of the run factory's scenario.
SECONDS = 75.0


@cache
def sizes(operations: int) -> tuple[int, dict[str, int]]:
    """(bytes of the page, bytes of each drawing) of a streaming app's run with so many operations."""
    run = made.run(chart_factory.streaming(), rate=operations / SECONDS)
    drawn = charts(run)
    page = html.MEMBER.render(material(Path("nowhere"), run, verdict.judge(run), drawn))
    return len(page.encode()), {name: len(chart.svg) for name, chart in drawn.items()}


def test_a_page_of_many_operations_stays_below_two_megabytes() -> None:
    """The bar of a report: 2 MB, which a pull request and a mail still take."""
    page, drawn = sizes(20_000)
    assert page < 2_000_000
    assert sum(size > 0 for size in drawn.values()) >= 10, "nearly every chart has something to show"


def test_it_does_not_grow_with_the_operations() -> None:
    """Ten times as many give no drawing twice as large: points are binned or thinned.

    Not nothing more, because a percentile is drawn only in windows with enough operations to bear it.
    """
    (less, few), (more, many) = sizes(2_000), sizes(20_000)
    grown = {name: (few[name], many[name]) for name in few if many[name] > 2 * few[name]}
    assert not grown
    assert more < 1.25 * less
