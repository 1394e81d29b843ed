"""Objectives: what was asked for, what was measured, and between which bounds the truth lies."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import prose, say, table, word
from chaosllm.renderers._page.metrics import LABELS

_BOUND = re.compile(r"(\w+)(?:\(([^()]*)\))?\s*(<=|>=|==|!=|<|>)\s*(.+)", re.DOTALL)
_TIMES = re.compile(r"([\d.]+)\s*\*\s*(\w+)\(([^()]*)\)")
_MARKS = {"pass": "\N{CHECK MARK}", "fail": "\N{BALLOT X}"}
_SIGNS = {"<=": "at most", ">=": "at least", "==": "exactly", "!=": "anything but", "<": "under", ">": "over"}


def objectives(found: Sequence[Mapping[str, Any]], phases: Collection[str] = ()) -> str:
    """A row for each, in the scenario's order."""
    if not found:
        return "<p>The scenario sets no objective, so the verdict rests on findings and validity alone.</p>"
    rows = [_row(one, phases) for one in found]
    shown = table(
        ("verdict", "objective", "measured", "90% interval", "operations"),
        rows,
        numbers=(2, 3, 4),
        label="Objectives",
        stack=True,
    )
    legend = (
        '<p class="dim small">90% interval: where the true value lies, as far as the sample can tell. An objective '
        "has one bad side, so that each end is 95% sure; the 95% intervals of phases are wider. It fails when its "
        "whole interval is on the bad side of the bound, and it is undecided when the bound lies inside.</p>"
    )
    return shown + legend


def plainly(one: Mapping[str, Any]) -> str:
    """An objective without its grammar: "good answers in phase `storm`: 53%, at least 80% asked for"."""
    found = _BOUND.fullmatch(str(one.get("text", "")).strip())
    unit = str(one.get("unit") or words.unit_of(str(one.get("text", ""))))
    value = "not measured" if words.number(one.get("value")) is None else _value(one["value"], unit)
    if found is None:
        return f"{words.clean(one.get('text'))}: {value}"
    name, phase, sign, bound = found.groups()
    where = f" in phase {words.named(phase)}" if phase else ""
    label = LABELS.get(name, name.replace("_", " "))
    asked = "none allowed" if (sign, bound.strip()) == ("==", "0") else f"{_SIGNS[sign]} {_bound(bound)} asked for"
    return words.clean(f"{label}{where}: {value}, {asked}")


def _value(value: object, unit: str) -> str:
    """A value that stands in a sentence: a count without its noun would be a bare number."""
    return words.counted(value, "time") if unit == "count" else words.measured(value, unit)


def _bound(text: str) -> str:
    """Such as "95%", and "2 times the latency p95 in `baseline`" for `2 * latency_p95(baseline)`."""
    found = _TIMES.fullmatch(text.strip())
    if found is None:
        return text
    factor, name, phase = found.groups()
    return f"{factor} times the {LABELS.get(name, name.replace('_', ' '))} in phase {words.named(phase)}"


def marked(one: Mapping[str, Any]) -> str:
    """As `plainly`, after the sign of its verdict."""
    return f"{_MARKS.get(str(one.get('verdict')), '?')} {plainly(one)}"


def _row(one: Mapping[str, Any], phases: Collection[str]) -> tuple[str, ...]:
    verdict, text = word(one.get("verdict"))
    unit = str(one.get("unit") or words.unit_of(str(one.get("text", ""))))
    why = "; ".join(str(one[key]) for key in ("why", "note") if one.get(key))
    return (
        f'<span class="word {verdict}">{text}</span>',
        f"<code>{say(one.get('text'))}</code>"
        + (f'<span class="dim small">{prose(why, phases)}</span>' if why else ""),
        say(words.measured(one.get("value"), unit)),
        say(words.interval(one, unit).strip(" ()") or words.NONE),
        words.count(one.get("n")),
    )
