"""Answers that we cut or broke and an app passed on as good ones: known by their prints, without their text.

METHOD metrics 17 and 18.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chaosllm.prints import AT_MOST
from chaosllm.record import Ended, Event

#: By fault the shapes after which an answer of status 200 is none that an app may use; () is any. A type or a field
#: that nobody asked for is no reason to throw a good text away, and a partial refusal is a cut.
_BROKEN: Mapping[str, frozenset[str]] = {
    "malformed": frozenset(
        {"json", "html", "empty", "empty_object", "error_object", "missing_field", "utf8", "tool_arguments"}
    ),
    "tool_call": frozenset({"cut", "invalid", "unknown_tool", "wrong_types"}),
    "refusal": frozenset({"answer"}),
    "empty": frozenset({""}),
}
#: What a user gets who is handed a page or an error body that came in an answer's place.
_PASSED_ON = ("html", "provider_error")


def cut_by_us(event: Event) -> bool:
    """Whether we cut this answer short and the app saw it to that end."""
    return (
        event.ended in (Ended.CUT, Ended.BROKEN)
        and bool(event.shape)
        and any(part.fired and part.delivered for part in event.rules)
    )


def broken_by_us(event: Event, faults: Mapping[str, Any]) -> bool:
    """Whether we broke this answer and the app saw all of it, with a status that says that it is good.

    `faults`: rule -> its fault.
    """
    if event.ended is not Ended.WHOLE or event.status is None or event.status >= 300:
        return False
    return any(
        part.fired and part.delivered and getattr(faults.get(part.rule), "shape", "") in _BROKEN.get(part.fault, ())
        for part in event.rules
    )


def holds_cut(got: Sequence[int], event: Event) -> bool:
    """Whether the user's answer, by its prints, is the text before the cut and nothing of what was withheld."""
    missing = set(event.withheld) - {*event.head, *event.tail}
    if not missing or missing & set(got):
        return False  # the whole answer, or one that prints cannot tell from it
    return _holds(got, event)


def holds_broken(got: Sequence[int], marks: Sequence[str], event: Event) -> bool:
    """Whether the user's answer, by prints and marks, is what a broken answer said: its text, nothing, or a page."""
    if event.head or event.tail:
        return _holds(got, event)
    return not got or any(mark in marks for mark in _PASSED_ON)


def _holds(got: Sequence[int], event: Event) -> bool:
    answer = set(got)
    # The middle of a very long answer leaves no prints, so there only its tail tells where it ended.
    ends = [event.tail] if len(got) >= 2 * AT_MOST else [event.tail, event.head]
    return any(end and 2 * len(answer & set(end)) >= len(set(end)) for end in ends)
