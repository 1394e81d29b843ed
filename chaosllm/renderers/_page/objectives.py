"""Objectives: what was asked for, what was measured, and between which bounds the truth lies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say, table, word
from chaosllm.renderers._page.metrics import LABELS

_BOUND = re.compile(r"(\w+)(?:\(([^()]*)\))?\s*(<=|>=|==|!=|<|>)\s*(.+)", re.DOTALL)
_SIGNS = {"<=": "at most", ">=": "at least", "==": "exactly", "!=": "anything but", "<": "under", ">": "over"}


def objectives(found: Sequence[Mapping[str, Any]]) -> str:
    """A row for each, in the scenario's order."""
    if not found:
        return "<p>The scenario sets no objective, so the verdict rests on findings and validity alone.</p>"
    rows = [_row(one) for one in found]
    shown = table(
        ("verdict", "objective", "measured", "interval", "operations"),
        rows,
        numbers=(2, 3, 4),
        label="Objectives",
        stack=True,
    )
    legend = (
        '<p class="dim small">Interval: where the true value lies, as far as the sample can tell (95%, corrected '
        "where there are several). An objective fails when its whole interval is on the bad side of the bound, and it "
        "is undecided when the bound lies inside.</p>"
    )
    return shown + legend


def plainly(one: Mapping[str, Any]) -> str:
    """An objective without its grammar: "good answers in storm: 53%, at least 80% asked for"."""
    found = _BOUND.fullmatch(str(one.get("text", "")).strip())
    unit = str(one.get("unit") or words.unit_of(str(one.get("text", ""))))
    value = words.measured(one.get("value"), unit)
    if found is None:
        return f"{words.clean(one.get('text'))}: measured {value}"
    name, phase, sign, bound = found.groups()
    where = f" in {phase}" if phase else ""
    return words.clean(f"{LABELS.get(name, name.replace('_', ' '))}{where}: {value}, {_SIGNS[sign]} {bound} asked for")


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    verdict, text = word(one.get("verdict"))
    unit = str(one.get("unit") or words.unit_of(str(one.get("text", ""))))
    why = "; ".join(str(one[key]) for key in ("why", "note") if one.get(key))
    return (
        f'<span class="word {verdict}">{text}</span>',
        f"<code>{say(one.get('text'))}</code>" + (f'<span class="dim small">{say(why)}</span>' if why else ""),
        say(words.measured(one.get("value"), unit)),
        say(words.interval(one, unit).strip(" ()") or words.NONE),
        words.count(one.get("n")),
    )
