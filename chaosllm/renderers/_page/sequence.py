"""An operation as a sequence diagram: user, app, proxy and provider, with times, pauses and the fault marked.

It is an ordered list that reads well aloud, and that the style sheet draws as arrows between four lanes; so its text
wraps on a phone, and needs no second telling for those who cannot see it.

     user      app      proxy    provider
      | asks -> |         |         |
      |         | call-0 -|-------> |
      |         |     [ fault ]     |
      |         | <- 429 -|         |
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaosllm.renderers import Step, Story
from chaosllm.renderers import _words as words
from chaosllm.renderers._page.markup import say

LANES = ("user", "app", "proxy", "provider")
USER, APP, PROXY, PROVIDER = range(4)

#: A wait that is shorter than asked for by no more than this is none (METHOD metric 12).
SLACK = 0.05
#: Below this a pause is the machine's, not the app's.
LEAST_PAUSE = 0.001

GOT = {
    "good": "a good answer",
    "degraded": "a declared fallback",
    "wrong": "a wrong answer",
    "error": "an error",
    "hang": "nothing within the deadline",
    "dropped": "nothing, because it was never sent",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the diagram: an arrow from lane to lane, or a note on one lane where both are the same."""

    at: float  # seconds since the operation was due; infinite for what was open when the run ended
    start: int
    end: int
    text: str  # foreign text may be in it
    kind: Literal["", "fault", "bad", "good"] = ""


def rows(story: Story) -> list[Row]:
    """Every line of an operation in order of time."""
    found = [Row(story.sent or 0.0, USER, APP, "asks" if not story.sent or story.sent < SLACK else "asks, sent late")]
    if story.outcome == "unseen":  # an attached run: nobody saw the user ask, nor what came of it
        found = []
    if story.sent is None and not story.steps:
        return [Row(0.0, USER, USER, "never sent: too many operations were in flight", "bad")]
    for place, step in enumerate(story.steps):
        found += _pause(story.steps[place - 1], step) if place else []
        found += _call(step)
    if story.more:
        last = story.steps[-1]
        found.append(
            Row(last.at + (last.seconds or 0.0), APP, APP, f"{words.counted(story.more, 'more call')}, left out")
        )
    if story.first is not None and story.seconds is not None and story.seconds - story.first > SLACK:
        found.append(Row(story.first, APP, USER, "first text"))
    end = [] if story.outcome == "unseen" else [_end(story, found)]
    return sorted([*found, *end], key=lambda row: row.at)


def _call(step: Step) -> Iterator[Row]:
    name = step.call.rpartition("/")[2]
    whom = f"{step.provider}, {step.model}" if step.model else step.provider
    over = step.at + (math.inf if step.seconds is None else step.seconds)
    yield Row(step.at, APP, PROVIDER if step.reached else PROXY, f"{name} to {whom}")
    if step.injected:
        yield Row(step.at, PROXY, PROXY, f"Fault: {step.did}", "fault")
    elif step.did != "untouched":
        yield Row(step.at, PROXY, PROXY, step.did, "fault" if step.did.startswith("failed") else "")
    took = f" after {words.seconds(step.seconds)}" if step.seconds is not None else ""
    if step.status is None or step.ended.startswith(("no answer", "the app left", "still open")):
        yield Row(over, APP, APP, f"{name}: {step.ended}{took}", "bad")
        return
    start = PROVIDER if step.reached and not step.injected else PROXY
    fine = step.status < 400 and step.ended == "whole"
    how = "" if step.ended == "whole" else f", {step.ended}"
    yield Row(over, start, APP, f"{step.status}{how}{took}", "" if fine else "bad")


def _pause(before: Step, after: Step) -> Iterator[Row]:
    if before.seconds is None or (gap := after.at - before.at - before.seconds) < LEAST_PAUSE:
        return
    short = before.retry_after is not None and gap < before.retry_after - SLACK
    asked = f", though asked to wait {words.seconds(before.retry_after)}" if short else ""
    yield Row(after.at - gap, APP, APP, f"pauses {words.seconds(gap)}{asked}", "bad" if short else "")


def _end(story: Story, found: list[Row]) -> Row:
    at = max(row.at for row in found) if story.seconds is None else story.seconds
    kind: Literal["bad", "good"] = "good" if story.outcome in ("good", "degraded") else "bad"
    if story.outcome in ("hang", "dropped"):
        return Row(at, USER, USER, _got(story), kind)
    return Row(at, APP, USER, _got(story), kind)


def _got(story: Story) -> str:
    status = f", HTTP {story.status}" if story.status and story.outcome != "hang" else ""
    # Of a hang the error only says once more that it was one.
    error = f", {story.error}" if story.error and story.outcome != "hang" and story.error not in status else ""
    took = f" after {words.seconds(story.seconds)}" if story.seconds is not None else ""
    return f"{GOT.get(story.outcome, story.outcome)}{status}{error}{took}"


def headline(story: Story) -> str:
    """What the user got, in a line."""
    if story.outcome == "unseen":
        return f"what the user got is not known; {words.counted(len(story.steps) + story.more, 'call')}"
    return f"the user got {_got(story)}; {words.counted(len(story.steps) + story.more, 'call')}"


def diagram(story: Story, name: str) -> str:
    """The list; `name` is its label."""
    lanes = "".join(f"<span>{lane}</span>" for lane in LANES)
    lines = "".join(_line(row) for row in rows(story))
    return (
        f'<div class="seq"><div class="lanes" aria-hidden="true"><b>time</b><div>{lanes}</div></div>'
        f'<ol aria-label="{say(name)}, step by step">{lines}</ol></div>'
    )


def _line(row: Row) -> str:
    low, wide = min(row.start, row.end), abs(row.end - row.start)
    who = f"{LANES[row.start]} to {LANES[row.end]}" if wide else LANES[row.start]
    sign = {
        "fault": "\N{HIGH VOLTAGE SIGN}\N{VARIATION SELECTOR-15} ",
        "bad": "\N{BALLOT X} ",
        "good": "\N{CHECK MARK} ",
    }
    mark = f'<span aria-hidden="true">{sign[row.kind]}</span>' if row.kind else ""
    arrow = f'<i class="{"go" if row.end > row.start else "back"}"></i>' if wide else ""
    kind = f"{row.kind} " if row.kind else ""
    return (
        f'<li class="{kind}{"arrow" if wide else "note"}" style="--a:{low};--w:{wide}">'
        f'<span class="t">{"end" if math.isinf(row.at) else f"+{words.seconds(row.at)}"}</span>'
        f'<div><p><span class="unseen">{who}: </span>{mark}{say(row.text)}</p>{arrow}</div></li>'
    )
