"""What several runs came to, in one table: which passed, which did not, and why in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from chaosllm.errors import Exit
from chaosllm.renderers._users import score
from chaosllm.renderers._words import clean, holds
from chaosllm.suite_outcome import scored as together

if TYPE_CHECKING:
    from chaosllm.adapters.supervisor.order import Order, Result

_WORDS = {
    Exit.PASS: ("PASS", "green"),
    Exit.FAIL: ("FAIL", "bold red"),
    Exit.INCONCLUSIVE: ("INCONCLUSIVE", "yellow"),
    Exit.STOPPED: ("STOPPED", "bold red"),
    Exit.COULD_NOT_RUN: ("NOT RUN", "bold red"),
    Exit.USAGE: ("NOT RUN", "bold red"),
    Exit.INTERRUPTED: ("INTERRUPTED", "yellow"),
}


def roundup(orders: Sequence[Order], results: Sequence[Result]) -> Table:
    """A row for each order; those that were never begun, after Ctrl-C, say so."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False, header_style="dim")
    table.add_column("verdict", no_wrap=True)
    table.add_column("scenario", overflow="fold")
    table.add_column("why", overflow="fold")
    for at, order in enumerate(orders):
        name = Text(clean(order.scenario.name))
        if at >= len(results):
            table.add_row(Text("NOT BEGUN", "dim"), name, "")
            continue
        word, style = _WORDS[results[at].code]
        word = "READY" if order.dry_run and word == "PASS" else word
        table.add_row(Text(word, style), name, Text(clean(_why(results[at]))))
    return table


def unseen(results: Sequence[Result]) -> str:
    """What was accepted and seen in none of the runs, so that it can be taken off the list; "" for nothing."""
    rows = [row for result in results if result.material for row in result.material.summary.get("accept", ())]
    seen = {row["finding"] for row in rows if row["seen"]}
    left = sorted({f"{row['finding']} ({row['owner']})" for row in rows if row["finding"] not in seen})
    return clean(f"Accepted, and seen in none of these runs: {', '.join(left)}.") if left else ""


def scored(results: Sequence[Result]) -> str:
    """The score of several runs together, each class of faults by its worst run, and the classes that none tested.

    "" of a single run, which has said its own. A run without a result leaves the whole without a grade.
    """
    if len(results) < 2:
        return ""
    found = together([one.material.summary if one.material else None for one in results]).to_json()
    said = score(found, rest=False)
    missing = ", ".join(found["not_tested"])
    return f"{said}. Not tested: {missing}." if said and missing else said


def _why(result: Result) -> str:
    if result.error is not None:
        return result.error.what
    summary = result.material.summary if result.material else {}
    reasons = [str(line) for line in summary.get("reasons", ())]
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    known = ", ".join(str(one.get("code")) for one in summary.get("findings", ()) if holds(one))
    return f"{reasons[0]}{more}" if reasons else f"accepted: {known}" if known else ""
