"""The score by class of faults, with what was not tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.renderers import _users as users
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import Tile, say, table

_NONE = "no fault was met often enough"


def tile(found: Mapping[str, Any] | None, *, untested: bool = True) -> Tile:
    """The score as a figure: what it is the lowest of, and (`untested`) how much of all it leaves out."""
    one = found or {}
    classes, least = one.get("classes") or {}, words.number(one.get("minimum"))
    left = _capital(users.untested(one)) if untested else ""
    if least is None or not classes:
        return "Score", "none", "dim", [_capital(words.clean(one.get("why") or _NONE)), left]
    graded = one.get("grade")
    return (
        f"Score, grade {words.clean(graded)}" if graded else "Score",
        f"{least:.0f} of 100",
        "" if graded else "dim",
        [
            users.worst_class(classes),
            left,
            _capital(users.cap(one)),
            "" if graded else f"No grade: {words.clean(one.get('why'))}",
        ],
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def score(found: Mapping[str, Any] | None) -> str:
    """A row for each class that was tested, the worst first; "" for a summary without a score."""
    if not found:
        return ""
    classes: Mapping[str, Mapping[str, Any]] = found.get("classes") or {}
    said = users.score(found) or f"No score: {words.clean(found.get('why') or _NONE)}"
    rows = []
    for name, one in sorted(classes.items(), key=lambda item: words.number(item[1].get("value")) or 0.0):
        value, low, high = (words.number(one.get(key)) for key in ("value", "low", "high"))
        bounds = f"{low:.0f} to {high:.0f}" if low is not None and high is not None and low != high else words.NONE
        filled = min(100.0, max(0.0, value or 0.0))
        meter = f'<span class="meter" aria-hidden="true"><i style="width:{filled:.1f}%"></i></span>'
        rows.append((say(name), meter, words.NONE if value is None else f"{value:.0f}", bounds))
    shown = (
        table(("class of faults", "", "score", "95% interval"), rows, numbers=(2, 3), label="Score by class of faults")
        if rows
        else ""
    )
    untested = ", ".join(words.clean(name) for name in found.get("not_tested", ()))
    return (
        f"<p>{say(said)}.</p>{shown}"
        + (f"<p><strong>Not tested, and so not in the score:</strong> {say(untested)}.</p>" if untested else "")
        + '<p class="dim small">The score of a class is the good service kept from its fault to the end of the '
        "recovery, of what it was before: 100 means as good as before, 0 that nobody was served. So it is milder than "
        "the good answers of a phase, which do not know what came after it. The score of the run is the lowest of its "
        "classes, because an average hides a zero.</p>"
    )
