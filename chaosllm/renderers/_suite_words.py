"""What a suite came to in words: the sentences that its page, its comment and its screen share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chaosllm.renderers import _words as words

#: Names in a row that a reader still reads.
MOST_NAMES = 4
#: State -> its class in the style sheet, its sign, its word.
STATES: Mapping[str, tuple[str, str, str]] = {
    "passed": ("pass", "\N{CHECK MARK}", "PASS"),
    "failed": ("fail", "\N{BALLOT X}", "FAIL"),
    "inconclusive": ("inconclusive", "?", "INCONCLUSIVE"),
    "stopped": ("fail", "\N{BALLOT X}", "STOPPED"),
    "not_run": ("fail", "!", "NOT RUN"),
    "damaged": ("fail", "!", "DAMAGED"),
    "interrupted": ("inconclusive", "?", "INTERRUPTED"),
    "unfinished": ("inconclusive", "?", "NOT FINISHED"),
    "not_begun": ("dim", "\N{EN DASH}", "NOT BEGUN"),
}
#: States without a verdict.
UNJUDGED = ("not_run", "damaged", "interrupted", "unfinished", "inconclusive", "not_begun")
#: State of what was cut short -> how its scenarios are named.
_CUT: Mapping[str, str] = {"unfinished": "Begun, and never finished", "not_begun": "Never begun"}


def means(summary: Mapping[str, Any]) -> str:
    """The verdict in a sentence or two, for somebody who knows nothing of the runs."""
    counts = summary["counts"]
    unjudged = sum(counts[state] for state in UNJUDGED)
    rest = f" {_of(unjudged, counts)} came to no verdict." if unjudged else ""
    match summary.get("verdict"):
        case "fail":
            failed = sum(row.get("verdict") == "fail" for row in summary["runs"])
            return f"The app did not hold up in {_of(failed, counts)}.{rest}"
        case "pass" if not summary["matrix"]:
            return "No fault was injected, so this shows only how the app does on a good day."
        case "pass":
            return f"The app held up in {'every scenario' if counts['runs'] > 1 else 'the one scenario'}."
        case _ if not counts["runs"]:
            return "Nothing was run, so this proves nothing."
        case _:
            return f"This proves nothing yet:{rest.lower() if unjudged == counts['runs'] else rest}"


def _of(number: int, counts: Mapping[str, int]) -> str:
    return f"{words.count(number)} of {words.counted(counts['runs'], 'scenario')}"


def cut_short(summary: Mapping[str, Any]) -> Iterator[str]:
    """Which scenarios never came to their end, or to their beginning: all of them, because nobody else says it."""
    for state, said in _CUT.items():
        if found := [row["name"] for row in summary["runs"] if row["state"] == state]:
            yield f"{said}: {', '.join(words.clean(name, 60) for name in found)}."


def facts(summary: Mapping[str, Any]) -> list[str]:
    """How many scenarios, which app, how long, and when."""
    found = [words.counted(summary["counts"]["runs"], "scenario")]
    if summary.get("apps"):
        found.append(f"app {', '.join(words.clean(app, 80) for app in summary['apps'][:MOST_NAMES])}")
    if summary.get("seconds"):
        found.append(f"{words.seconds(summary['seconds'])} under load")
    if summary.get("started"):
        started = words.clean(summary["started"], 40)
        day, zone = started[:16].replace("T", " "), started[19:]
        found.append(f"{day} {'UTC' if zone in ('+00:00', 'Z') else zone}")
    return found


def names(found: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(found) - MOST_NAMES} more" if len(found) > MOST_NAMES else ""
    return ", ".join(words.clean(name, 60) for name in found[:MOST_NAMES]) + more


def untested(summary: Mapping[str, Any]) -> list[str]:
    """The classes of faults that no run tested."""
    return [str(row["class"]) for row in summary["coverage"] if not row["tested_by"]]
