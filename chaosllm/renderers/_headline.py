"""What became of B in a sentence or two: better, worse, both, or nothing that could be told.

Laws:
1. A headline rests on what users feel and what it costs (`MAIN`), and on changes that hold at a level shared out over
   all of those (Bonferroni): a table of sixty figures always shows some that changed by chance.
2. Good answers come first: an app that fails faster and asks less often is worse.
3. Where nothing is shown, it says how large a change could hide in that.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from chaosllm.against import LATENCY, MARGINS, SHORT, USUAL
from chaosllm.comparison import BETTER, CHANGED, CONFIDENCE, SAME, UNKNOWN, WORSE, Comparison, Row, change_of, kind_of
from chaosllm.noninferiority import Change
from chaosllm.renderers import _words as words
from chaosllm.snapshot import LEVELS, TOKENS

#: Shown even where nothing changed: what users feel, and what it costs; what matters most comes first.
MAIN = ("success_rate", "latency_p95", "latency_p50", "attempts", TOKENS)
#: Changes that a sentence tells before it counts the rest, and rows of a forest plot.
MOST_TOLD, MOST_LINES = 3, 24
RANK = (WORSE, BETTER, CHANGED, SAME, UNKNOWN)
_SPELLED = {
    "success_rate": "good answers",
    "latency_p95": "p95 latency",
    "latency_p50": "median latency",
    "attempts": "calls per operation",
    TOKENS: "tokens per good answer",
}


@dataclass(frozen=True, slots=True)
class Headline:
    """`word` is short enough for a heading; `good`: better (True), worse (False), neither (None)."""

    word: str
    good: bool | None
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a forest plot; `margin` is the change for the worse that a gate lets pass, None where it sets none."""

    name: str
    change: Change
    verdict: str
    margin: float | None


def change(found: Change | None) -> str:
    """Such as "-2.1 points (-4.0 to -0.3)" and "1.23x (1.10 to ?)"; a dash for none."""
    if found is None:
        return words.NONE
    value = f"{100 * found.value:+.1f} points" if found.kind == "difference" else f"{words.plain(found.value)}x"
    low, high = (_bound(one, found.kind) for one in (found.low, found.high))
    return value if found.low == found.high else f"{value} ({low} to {high})"


def _bound(value: float, kind: str) -> str:
    if words.number(value) is None or (kind == "ratio" and value == 0):
        return "?"
    return f"{100 * value:+.1f}" if kind == "difference" else words.plain(value)


def headline(comparison: Comparison) -> Headline:
    """What to say first; that somebody steered a run belongs to it, because no seed repeats that."""
    found = _of_figures(comparison)
    sides = (("A", comparison.before), ("B", comparison.after))
    told = [f"{name} was {words.clean(said)}." for name, one in sides if (said := one.around.get("steered"))]
    if told:
        told.append("Rates and shares are compared, totals of phases that did not last as long are not.")
    return replace(found, sentences=(*found.sentences, *told))


def _of_figures(comparison: Comparison) -> Headline:
    main = _main(comparison)
    sure = certain(main)
    worse, better = ([one for one in sure if one.verdict == word] for word in (WORSE, BETTER))
    answers = {one.verdict for one in sure if one.metric == "success_rate"}
    others = sum(one.verdict in (WORSE, BETTER, CHANGED) for one in comparison.rows) - len(sure)
    if sure:
        # Good answers decide where they changed, because errors are fast and cheap.
        both = len(answers) > 1 or (not answers and bool(worse) and bool(better))
        down = WORSE in answers if answers else bool(worse)
        word = "B is better in some things and worse in others" if both else "B is worse" if down else "B is better"
        first, second = (worse, better) if down else (better, worse)
        fast = down and bool(answers) and any(one.metric.startswith("latency") for one in second)
        return _told(
            word,
            None if both else not down,
            _listed(first, MOST_TOLD),
            _listed(second, 1) + (" Errors count in a latency, and may be fast." if fast else "") if second else "",
        )
    if all(one.change is None and one.verdict == UNKNOWN for one in main):
        whys = Counter(one.why for one in main if one.why).most_common(1)
        why = f"No main figure could be compared: {words.clean(whys[0][0])}." if whys else "The runs share no figure."
        return _told("Nothing can be told", None, why)
    what = "No figure changed by more than chance would explain."
    if others:
        told = sum(one.verdict != UNKNOWN for one in comparison.rows)
        what = (
            f"{others} of {words.counted(told, 'figure')} changed, about {max(1, round(told / 20))} would by chance, "
        )
        what += "and none of the main ones changed for certain."
    return _told("No clear difference" if others else "No difference shown", None, what, hidden(main))


def _told(word: str, good: bool | None, *sentences: str) -> Headline:  # three-valued, of this file alone
    return Headline(word, good, tuple(one for one in sentences if one))


def _main(comparison: Comparison) -> list[Row]:
    """The main figures: those under faults first, and in the order of MAIN."""
    roles = comparison.after.roles
    rows = [one for one in comparison.rows if one.metric in MAIN]
    return sorted(rows, key=lambda one: (roles.get(one.phase) != "fault", MAIN.index(one.metric), -_size(one)))


def _size(row: Row) -> float:
    """How large the change is, either way."""
    if row.change is None:
        return 0.0
    return abs(row.change.value if row.change.kind == "difference" else math.log(row.change.value))


def certain(rows: list[Row]) -> list[Row]:
    """Those that are better or worse at a level that all of `rows` share: of equal runs, one in twenty shows any."""
    told = [one for one in rows if one.verdict != UNKNOWN]
    level = min(1 - (1 - CONFIDENCE) / max(len(told), 1), LEVELS[-1])
    return [one for one in told if one.verdict in (WORSE, BETTER) and _holds(one, level)]


def _holds(row: Row, level: float) -> bool:
    kind = kind_of(row.metric)
    found = change_of(kind, row.before, row.after, level)[0] if kind else None
    return found is not None and not found.low <= found.none <= found.high


def _listed(rows: list[Row], most: int) -> str:
    """Such as "Worse: good answers in storm, 69.2% instead of 90.2% (-21.0 points, 95% interval -26.3 to -15.6)."."""
    parts = [_sentence(one, first=not place) for place, one in enumerate(rows[:most])]
    left = len(rows) - most
    rest = f"; and {left} more" if left > 0 else ""
    return f"{rows[0].verdict.capitalize()}: {'; '.join(parts)}{rest}."


def _sentence(row: Row, *, first: bool) -> str:
    where = f" in {words.clean(row.phase, 60)}" if row.phase else ""
    before, after = (words.measured(one.value, row.unit) for one in (row.before, row.after))
    told = change(row.change).replace(" (", ", 95% interval " if first else ", ").removesuffix(")")
    return f"{_SPELLED[row.metric]}{where}, {after} instead of {before} ({told})"


def hidden(main: list[Row]) -> str:
    """How large a change for the worse the samples leave possible, in good answers; "" where none is bounded."""
    row = next((one for one in main if one.metric == "success_rate" and one.change and one.verdict == SAME), None)
    if row is None or row.change is None:
        return ""
    low, high = (f"{100 * abs(value):.1f} points" for value in (row.change.low, row.change.high))
    where = f" in {words.clean(row.phase, 60)}" if row.phase else ""
    return f"Good answers{where} may still be up to {low} fewer or {high} more (95% interval)."


def lines(comparison: Comparison) -> list[Line]:
    """The rows of a forest plot, in the table's order: what changed and the main figures, as far as there is room."""
    known = [one for one in shown(comparison) if one.change is not None and one.verdict != UNKNOWN]
    ranked = sorted(known, key=lambda one: (one.verdict not in RANK[:3], one.metric not in MAIN))[:MOST_LINES]
    kept = {id(one) for one in ranked}
    return [
        Line(_name(one), one.change, one.verdict, _margin(comparison, one))
        for one in known
        if id(one) in kept and one.change is not None
    ]


def _name(row: Row) -> str:
    return f"{words.clean(row.phase, 12)}: {row.metric}" if row.phase else row.metric


def _margin(comparison: Comparison, row: Row) -> float | None:
    """As `gate --baseline` would have it without --margin."""
    known, kind = comparison.before.figures.get(row.phase, {}).get(USUAL), kind_of(USUAL)
    percentile = USUAL if known is not None and kind is not None and known.n >= kind.needs else SHORT
    if row.metric == "success_rate":
        return -MARGINS["success_rate"]
    return MARGINS.get(LATENCY if row.metric == percentile else row.metric)


def shown(comparison: Comparison, *, every: bool = False) -> list[Row]:
    """The rows to show: all that changed, and the main ones; the worse first in each phase."""
    kept = [one for one in comparison.rows if every or one.verdict in RANK[:3] or one.metric in MAIN]
    places = {phase: at for at, phase in enumerate(dict.fromkeys(one.phase for one in comparison.rows))}
    return sorted(kept, key=lambda one: (places[one.phase], RANK.index(one.verdict)))
