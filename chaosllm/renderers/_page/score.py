"""The score by class of faults, with what was not tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say, table


def score(found: Mapping[str, Any] | None) -> str:
    """A row for each class that was tested, the worst first; "" for a summary without a score."""
    if not found:
        return ""
    classes: Mapping[str, Mapping[str, Any]] = found.get("classes") or {}
    said = words.score(found) or f"No score: {words.clean(found.get('why') or 'no fault was met often enough')}"
    rows = []
    for name, one in sorted(classes.items(), key=lambda item: words.number(item[1].get("value")) or 0.0):
        value, low, high = (words.number(one.get(key)) for key in ("value", "low", "high"))
        bounds = f"{low:.0f} to {high:.0f}" if low is not None and high is not None and low != high else words.NONE
        filled = min(100.0, max(0.0, value or 0.0))
        meter = f'<span class="meter" aria-hidden="true"><i style="width:{filled:.1f}%"></i></span>'
        rows.append((say(name), meter, words.NONE if value is None else f"{value:.0f}", bounds))
    shown = (
        table(("class of faults", "", "score", "interval"), rows, numbers=(2, 3), label="Score by class of faults")
        if rows
        else ""
    )
    untested = ", ".join(words.clean(name) for name in found.get("not_tested", ()))
    return (
        f"<p>{say(said)}.</p>{shown}"
        + (f"<p><strong>Not tested, and so not in the score:</strong> {say(untested)}.</p>" if untested else "")
        + '<p class="dim small">100 means that under these faults users were served as well as before; 0 that nobody '
        "was. The score is that of the worst class, because an average hides a zero.</p>"
    )
