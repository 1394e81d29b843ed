"""Requests of a log as a run's samples: on the run's clock, in its time, with what they tell of each user.

Laws:
1. Good is a status below 400 within the user's deadline: a log cannot tell more.
2. A clock that differs is put right only where ids show by how much; else both are taken for one, and that is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chaosllm.access_log import Entry, Log
from chaosllm.chains import over
from chaosllm.record import Ended, Event, Outcome, Sample
from chaosllm.scenario import Scenario
from chaosllm.trace_ids import hashed, trace_id

#: Seconds by which two clocks of well-kept machines, and the ends of one request seen in two places, may differ.
_AGREE = 0.05
#: Pairs of request and calls from which a difference is told.
_LEAST_PAIRS = 5
#: nginx's status for a request whose client left.
CLIENT_LEFT = 499


@dataclass(frozen=True, slots=True)
class Imported:
    """Samples of a run; `ids` are the hashes of each, `skew` is None where nothing tells it."""

    samples: list[Sample]
    ids: list[tuple[str, ...]]
    skew: float | None
    outside: int  # requests before or after the run, or that reach past its end
    elsewhere: Counter[str]  # by path, requests that are none of the scenario's operations
    span: tuple[float, float] | None  # UNIX seconds from the first to the last request, as the log has them


def imported(
    log: Log, scenario: Scenario, events: Sequence[Event], t0: float, *, end: float, offset: float = 0.0
) -> Imported:
    """The samples; `t0` is the run's start in UNIX seconds, `offset` what is added to the log's times first.

    A request that reaches past the run's `end` met a proxy that was gone: no fault of the app's.
    """
    asked = {operation.path.split("?", 1)[0] for operation in scenario.target.operations}
    control = {path.split("?", 1)[0] for path in scenario.target.control}
    elsewhere = Counter(entry.path for entry in log.entries if not _wanted(entry.path, asked, control))
    entries = [entry for entry in log.entries if _wanted(entry.path, asked, control)]
    ids = _unique([hashed([one for each in entry.ids if (one := trace_id(each))], scenario.seed) for entry in entries])
    skew = _skew(entries, ids, events, t0 - offset, coarse=log.coarse)
    shift = offset - t0 - (skew or 0.0)
    order = sorted(range(len(entries)), key=lambda at: (entries[at].start, entries[at].line))
    timeout = scenario.target.timeout
    inside = []
    for at in order:
        began = entries[at].start + shift
        # One that the run's end cut off says nothing, unless its deadline was over by then.
        if began >= 0 and (began + entries[at].seconds <= end or began + timeout <= end):
            inside.append(at)
    samples = [_sample(number, entries[at], shift, timeout) for number, at in enumerate(inside)]
    starts = [entry.start + offset for entry in entries]
    span = (min(starts), max(starts)) if starts else None
    return Imported(samples, [ids[at] for at in inside], skew, len(entries) - len(inside), elsewhere, span)


def _wanted(path: str, asked: set[str], control: set[str]) -> bool:
    """Whether a request is one of a user's: of the scenario's operations, where it names any and the log has paths."""
    return not path or (path not in control and (not asked or path in asked or any("{" in one for one in asked)))


def _unique(ids: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The ids that one request alone bears."""
    counts = Counter(one for each in ids for one in set(each))
    return [tuple(one for one in each if counts[one] == 1) for each in ids]


def _sample(number: int, entry: Entry, shift: float, timeout: float) -> Sample:
    start = entry.start + shift
    outcome, error = _outcome(entry, timeout)
    return Sample(number, start, start, None, None, start + entry.seconds, outcome, entry.status, error=error)


def _outcome(entry: Entry, timeout: float) -> tuple[Outcome, str]:
    failed = entry.status == 0 or entry.status >= 400
    error = f"HTTP {entry.status}" if entry.status >= 400 else "no status" if failed else ""
    error = "the user left (499)" if entry.status == CLIENT_LEFT else error
    if entry.outcome:
        return Outcome(entry.outcome), error
    if entry.seconds >= timeout:
        return Outcome.HANG, error or "past the deadline"
    return (Outcome.ERROR if failed else Outcome.GOOD), error


def _skew(
    entries: Sequence[Entry], ids: Sequence[tuple[str, ...]], events: Sequence[Event], t0: float, *, coarse: bool
) -> float | None:
    """Seconds by which the log's clock is ahead of the run's; 0.0 where they agree, None where nothing tells.

    A request begins before its first call and ends after its last: start - skew <= first call, last call's end <=
    end - skew. What breaks either is skew.
    """
    row = {one: at for at, each in enumerate(ids) for one in each}
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for event in events:
        at = next((row[one] for one in event.traces if one in row), None)
        if at is None or event.endpoint == "connection":
            continue
        first[at] = min(first.get(at, event.t), event.t)
        if event.ended is Ended.WHOLE:
            last[at] = max(last.get(at, over(event)), over(event))
    if len(first) < _LEAST_PAIRS:
        return None
    slack = _AGREE + (1.0 if coarse else 0.0)
    least = float(np.quantile([entries[at].start - t0 - t for at, t in first.items()], 0.95))
    most = float(
        np.quantile([entries[at].start + entries[at].seconds - t0 - t for at, t in last.items()] or [np.inf], 0.05)
    )
    return 0.0 if least <= slack and most >= -slack else least


def summary(found: Imported, log: Log, name: str) -> Mapping[str, object]:
    """What meta.json says of the log."""
    return {
        "file": name,
        "lines": log.lines,
        "used": len(found.samples),
        "bad": log.bad,
        "outside": found.outside,
        "elsewhere": sum(found.elsewhere.values()),
        "skew": None if found.skew is None else round(found.skew, 3),
        "flags": log.flags,
        "time_is": "start" if log.starts else "end",
    }
