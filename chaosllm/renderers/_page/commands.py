"""What was commanded while the run was on: when, by whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _steered as told
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say, table


def commands(summary: Mapping[str, Any]) -> str:
    """The table of live commands, those that were refused too; "" where there were none."""
    rows = [tuple(map(say, row)) for row in told.rows(summary)]
    if not rows:
        return ""
    left = told.left_out(summary)
    more = f"<p>{words.count(left)} more are in <code>log.jsonl</code>.</p>" if left else ""
    return (
        "<p>Time is that of the run. What changed the run is marked in the charts by its number.</p>"
        + table(told.HEAD, rows, label="Commands", stack=True)
        + more
    )
