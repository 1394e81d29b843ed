"""The story of each operation that a finding rests on: what its user got, and every call that led there."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chaosllm.record import OUTCOMES, Did, Ended, Event, Origin
from chaosllm.renderers import Step, Story
from chaosllm.renderers import _words as words
from chaosllm.sources import UNSEEN

if TYPE_CHECKING:
    from chaosllm.join import Run

#: Because a page stays under 2 MB: an app in a retry storm makes hundreds of calls for one operation.
MOST_PER_FINDING = 5
MOST_STORIES = 60
MOST_STEPS = 15

_ENDED: Mapping[Ended, str] = {
    Ended.WHOLE: "whole",
    Ended.CUT: "cut",
    Ended.BROKEN: "connection broken",
    Ended.CLIENT_LEFT: "the app left",
    Ended.NO_ANSWER: "no answer",
    Ended.IN_FLIGHT: "still open at the end",
}


def stories(run: Run, findings: Iterable[Mapping[str, Any]]) -> dict[str, Story]:
    """By "op-17", in order of time: the first few operations of each finding's evidence."""
    wanted = _wanted(findings)
    rows = np.flatnonzero(np.isin(run.samples.operation, list(wanted)))
    told = [_story(run, int(row)) for row in rows]
    named = {f"op-{story.operation}": story for story in told} | _by_call(run, findings)
    return dict(sorted(named.items(), key=lambda item: (item[1].due, item[1].operation)))


def _by_call(run: Run, findings: Iterable[Mapping[str, Any]]) -> dict[str, Story]:
    """The same by "call-88", where no reference tells whose a call is: of the calls that are known to go with it."""
    if run.driven:
        return {}
    side = run.calls_side
    rows = {event.call: int(row) for event, row in zip(side.events, side.row_of, strict=True) if row >= 0}
    found: dict[str, Story] = {}
    told: set[int] = set()
    for finding in findings:
        of_one = 0
        for name in map(str, finding.get("evidence", ())):
            if (row := rows.get(name, -1)) >= 0 and row not in told and of_one < MOST_PER_FINDING:
                told.add(row)
                of_one += 1
                found[name] = _story(side, row)
    return dict([*found.items()][:MOST_STORIES])


def _wanted(findings: Iterable[Mapping[str, Any]]) -> set[int]:
    """Operations to tell of: each finding's first before any finding's second, because all of them need one."""
    of_each: list[list[int]] = []
    for finding in findings:
        of_one: dict[int, None] = {}
        for name in finding.get("evidence", ()):
            number = str(name).split("/")[0].removeprefix("op-")
            if number.isdigit():
                of_one[int(number)] = None
        of_each.append(list(of_one)[:MOST_PER_FINDING])
    in_turn = [one[place] for place in range(MOST_PER_FINDING) for one in of_each if place < len(one)]
    return set(list(dict.fromkeys(in_turn))[:MOST_STORIES])


def _story(run: Run, row: int) -> Story:
    samples, calls = run.samples, run.attempts_of(row)
    due, end = float(samples.t_due[row]), float(samples.t_end[row])
    return Story(
        operation=int(samples.operation[row]),
        phase=run.phase_of_row(row),
        due=due,
        outcome="unseen" if int(samples.outcome[row]) == UNSEEN else OUTCOMES[int(samples.outcome[row])].value,
        status=int(samples.status[row]),
        error=words.clean(samples.error[row]) if len(samples.error) else "",
        seconds=None if math.isnan(end) else end - due,
        steps=tuple(_step(event, due) for event in calls[:MOST_STEPS]),
        more=max(0, len(calls) - MOST_STEPS),
        sent=_since(samples.t_sent[row], due),
        first=_since(samples.t_first[row], due),
    )


def _since(at: float, due: float) -> float | None:
    return None if math.isnan(at) else float(at) - due


def _step(event: Event, due: float) -> Step:
    ended = _ENDED[event.ended] + (f" ({event.shape})" if event.shape else "")
    return Step(
        call=event.call,
        at=event.t - due,
        seconds=None if event.t_end is None else event.t_end - event.t,
        provider=event.provider,
        did=_did(event),
        status=event.status,
        ended=ended,
        injected=_played(event),
        model=event.model,
        # Tokens tell, because an answer that was slowed or cut is the provider's, and recorded as ours.
        reached=not _played(event)
        or event.tokens_out > 0
        or (event.status is not None and event.origin is Origin.UPSTREAM),
        retry_after=event.retry_after,
    )


def _played(event: Event) -> bool:
    """Whether a rule was played on the call, or still was when the run ended."""
    held = event.did is Did.SKIPPED and event.ended is Ended.IN_FLIGHT and any(part.fired for part in event.rules)
    return event.did is Did.INJECTED or held


def _did(event: Event) -> str:
    """What was done to the call, in words."""
    if event.did is Did.PASSED:
        return event.reason or "untouched"
    if not _played(event):
        return f"{event.did}: {event.why}"
    said = [event.reason or ", ".join(dict.fromkeys(part.fault for part in event.rules if part.fired))]
    if event.retry_after is not None:
        said.append(f"asked to wait {words.seconds(event.retry_after)}")
    if event.retryable is False:
        said.append("trying again cannot help")
    said += [f"{name} of {words.seconds(length)}" for name, length in event.asked.items()]
    if event.withheld or event.shape:
        said.append("text withheld" if event.withheld else "nothing known to be withheld")
    return ", ".join(part for part in said if part)
