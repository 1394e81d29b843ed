"""Live commands as a record tells them afterwards: what was asked for, by whom, and what came of it.

Laws:
1. Events come from a file that may be damaged or made up: what is not of its kind counts as not there.
2. What is kept is bounded, and what was left out is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from chaosllm.spelling import shorten
from chaosllm.units import format_duration, format_share

#: Commands of one run that are kept: a day with two consoles has some hundred; a script in a loop has no end.
MOST = 500
#: Commands that change nothing of what a rule does: they do not make a run other than its seed says.
_NO_STEERING = ("note", "stop", "approve", "skip")
#: Characters of one value of a command that is shown.
_LONGEST = 500


def commands(events: Iterable[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], int]:
    """(the first commands of a log as rows for summary.json, how many more there were)."""
    found: list[dict[str, Any]] = []
    more = 0
    for event in events:
        if event.get("type") != "command":
            continue
        if len(found) < MOST:
            found.append(command_row(event))
        else:
            more += 1
    return found, more


def command_row(event: Mapping[str, Any]) -> dict[str, Any]:
    """A command's event in plain words. `t` is seconds of the run and `at` a time; None where they are not told."""
    args = event.get("args")
    args = args if isinstance(args, Mapping) else {}
    ok = event.get("ok") is True
    rule = args.get("rule")
    return {
        "t": seconds(event.get("t")),
        "at": seconds(event.get("at")),
        "who": _short(str(event.get("who") or "somebody")),
        "do": _short(str(event.get("do") or "?")),
        "rule": _short(rule) if isinstance(rule, str) and rule else None,
        "what": asked(str(event.get("do") or "?"), args),
        "ok": ok,
        "result": came_of(event.get("result"), ok=ok),
    }


def asked(do: str, args: Mapping[str, Any]) -> str:
    """A command as `chaosllm ctl` spells it: "share storm.0 60%"."""
    parts = [_short(do)]
    for name, value in args.items():
        if value is None or (name == "count" and value == 1):
            continue
        number = seconds(value)
        if number is not None and name in ("share", "by"):
            told = format_share(number) if name == "share" else format_duration(number)
        else:
            told = _short(value) if isinstance(value, str) else shorten(value)
        parts.append(told)
    return " ".join(parts)


def came_of(result: object, *, ok: bool) -> str:
    """What came of a command in words; of one that was refused why, and what would have worked."""
    if ok or not isinstance(result, Mapping):
        return _short(result) if isinstance(result, str) else "done" if ok else "refused"
    what, hint = (_short(str(result.get(name) or "")) for name in ("what", "hint"))
    return f"refused: {what or 'no reason was told'}" + (f" ({hint})" if hint else "")


def steers(row: Mapping[str, Any]) -> bool:
    """Whether a command changed what a run did: it was carried out, and is no note and no stop."""
    return row.get("ok") is True and row.get("do") not in _NO_STEERING


def _short(text: str) -> str:
    """Cut when long; line breaks stay, which each medium shows in its own way."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."


def by_hand(record: Mapping[str, Any]) -> str:
    """How a run came to be other than its scenario: "steered by hand: 4 commands"; "" for one that is not.

    `record` is meta.json or summary.json, with its `commands`.
    """
    rows, steering = record.get("commands"), record.get("steering")
    done = sum(steers(one) for one in rows if isinstance(one, Mapping)) if isinstance(rows, list | tuple) else 0
    more = record.get("commands_left_out")
    if done:
        least = "at least " if more else ""
        return f"steered by hand: {least}{done:,} command{'s' if done > 1 else ''}"
    if not isinstance(steering, Mapping) or not steering:
        return ""
    rules = steering.get("rules")
    switches = (
        {name: one for name, one in rules.items() if isinstance(one, Mapping)} if isinstance(rules, Mapping) else {}
    )
    off = [_short(str(name)) for name, one in switches.items() if one.get("on") is False]
    others = any(one.get("share") is not None or one.get("owed") for one in switches.values())
    if steering.get("paused") or steering.get("durations") or others or not off:
        return "steered by hand: commands that its log does not hold"
    return f"switched off from the start: {', '.join(off)}"


def seconds(value: object) -> float | None:
    """The value as a number that a time can have; None for what is none."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known and abs(value) < 1e12 else None  # type: ignore[arg-type]  # a number by now
