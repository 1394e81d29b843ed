"""Injection proof: what each rule planned and what it really did (no injection, no praise)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say, table

_COUNTS = ("eligible", "planned", "fired", "delivered", "capped", "in_flight")
_LEGEND = (
    '<p class="dim small">Eligible: calls that matched while the rule was on. Planned: the draw said yes. '
    "Fired: planned, less what a limit held back (capped). Delivered: played to the end, or until the client left. "
    "In flight: still open when the run ended. Whole: delivered, capped and in flight add up to planned.</p>"
)


def injection(summary: Mapping[str, Any]) -> str:
    """The counts of every rule, and whether they add up."""
    found: Sequence[Mapping[str, Any]] = summary.get("injection", ())
    strange = words.unrecognised(summary)
    note = f"<p>{say(strange)}.</p>" if strange else ""
    if not found:
        return f"<p>The scenario has no rule: nothing was planned and nothing was injected.</p>{note}"
    said = words.injected(found)
    head = ("rule", "fault", *(name.replace("_", " ") for name in _COUNTS), "proof")
    proof = table(head, [_row(row) for row in found], numbers=range(2, 8), label="Injection", stack=True)
    return f"<p>{said[0].upper()}{said[1:]}.</p>{note}{proof}{_LEGEND}"


def _row(row: Mapping[str, Any]) -> tuple[str, ...]:
    total = words.totals([row])
    whole = total["delivered"] + total["in_flight"] == total["fired"] and (
        total["fired"] + total["capped"] == total["planned"]
    )
    state, text = ("pass", "✓ whole") if whole else ("fail", "✗ short")
    text = text if total["planned"] else "nothing planned"
    why = row.get("why")
    whys = (
        ", ".join(f"{words.count(n)} {words.clean(name)}" for name, n in why.items())
        if isinstance(why, Mapping)
        else ""
    )
    return (
        f"<code>{say(row.get('rule'))}</code>",
        f"<code>{say(row.get('fault'))}</code>",
        *(words.count(row.get(name)) for name in _COUNTS),
        f'<span class="word {state if total["planned"] else "dim"}">{text}</span>'
        + (f'<span class="dim small">{say(whys)}</span>' if whys else ""),
    )
