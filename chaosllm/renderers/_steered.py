"""What live commands did to a run, in words that page, comment and screen share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chaosllm.live.told import by_hand
from chaosllm.live.words import why_stopped
from chaosllm.renderers import _words as words

HEAD = ("#", "time", "who", "command", "result")


def stopped(summary: Mapping[str, Any]) -> str:
    """Why the run ended before its time, as a sentence; "" when it did not."""
    why = why_stopped(summary.get("stopped"), summary.get("stop"))
    return f"Stopped early: {words.clean(why)}." if why else ""


def steered(summary: Mapping[str, Any]) -> str:
    """That the run is other than its scenario, and by how many commands; "" when it is not."""
    said = words.clean(by_hand(summary))
    if not said or said.startswith("switched"):
        return f"S{said[1:]}." if said else ""
    below = ", see below" if commands(summary) else ""
    return f"S{said[1:]}{below}. Its seed alone does not repeat it."


def commands(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The commands of a run, as summary.json has them."""
    found = summary.get("commands")
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list | tuple) else []


def left_out(summary: Mapping[str, Any]) -> int:
    """Commands that were too many for summary.json."""
    return int(words.number(summary.get("commands_left_out")) or 0)


def rows(summary: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The table of commands; its numbers are those of the marks in the charts."""
    return [
        (
            str(number), words.seconds(one.get("t")), words.clean(one.get("who") or ""),
            words.clean(one.get("what") or one.get("do") or ""), words.clean(one.get("result") or ""),
        )
        for number, one in enumerate(commands(summary), 1)
    ]  # fmt: skip
