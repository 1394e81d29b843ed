"""What an app did after a failed call: which attempt is a retry of which.

Laws:
1. A retry goes to the same provider and model; a call elsewhere after a failure is fallback (METHOD section 5).
2. A call that began before the failure was over is no answer to it: apps ask several things at once.
3. Nor is the next thing that an agent asks: what it asks when nothing fails says how many things those are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from chaosllm.record import Ended, Event, Origin

type Usual = Mapping[tuple[str, str], int]
type Lines = dict[tuple[tuple[str, str], int], int]  # of (place, index), see `_lines`

#: Clocks of two callbacks in one process differ by less than this.
_SAME_TIME = 0.001
#: An app that gives up hangs up one connection and asks on another, and the proxy may see the second first.
_HANGING_UP = 0.05
#: Calls that an app sends together arrive within this, in seconds: ours, from a gather of ten on a busy core.
_FAN_OUT = 0.05


def failed(event: Event) -> bool:
    """Whether a call brought the app no whole answer: refused, cut, broken, or never answered.

    A call that is still open has not failed yet, and one that the app left counts as failed for it.
    """
    if event.ended is Ended.IN_FLIGHT:
        return False
    return event.status is None or event.status >= 400 or event.ended is not Ended.WHOLE


def over(event: Event) -> float:
    """When a call was over, in seconds of the run."""
    if event.t_end is not None:
        return event.t_end
    return event.t_answer if event.t_answer is not None else event.t


def same_place(one: Event, other: Event) -> bool:
    """Whether two calls went to the same provider and model."""
    return (one.provider, one.model) == (other.provider, other.model)


def later_attempts(attempts: Sequence[Event], at: int) -> list[Event]:
    """The calls to the same provider and model that began once the call at that place was over."""
    one, soonest = attempts[at], _soonest(attempts[at])
    return [other for other in attempts[at + 1 :] if other.t >= soonest and same_place(one, other)]


def reactions(attempts: Sequence[Event], at: int) -> list[Event]:
    """As `later_attempts`, less other calls that were most likely on their way when the call failed."""
    one = attempts[at]
    return [
        other for other in later_attempts(attempts, at) if other.index == one.index or other.t >= over(one) + _FAN_OUT
    ]


def next_attempts(attempts: Sequence[Event], usual: Usual) -> list[Event | None]:
    """Of each call, the attempt that followed it, None where none came.

    The same call once more (same index) where there is one, else the next call of a new index that is
    more than the app usually asks for, because an app may change the body of a retry.
    """
    if len(attempts) < 2:
        return [None] * len(attempts)
    lines = _lines(attempts, usual)
    return [_next(attempts, at, lines) for at in range(len(attempts))]


def _next(attempts: Sequence[Event], at: int, lines: Lines) -> Event | None:
    one, place, new = attempts[at], _place(attempts[at]), None
    soonest = _soonest(one)
    for other in attempts[at + 1 :]:
        if other.t < soonest or _place(other) != place:
            continue
        if other.index == one.index:
            return other
        if new is None and other.index > one.index and lines[place, other.index] == lines[place, one.index]:
            new = other
    return new


def tries(attempts: Sequence[Event], usual: Usual) -> int:
    """The longest chain of attempts at one call in which each follows a failed one."""
    if len(attempts) < 2:
        return len(attempts)
    lines = _lines(attempts, usual)
    longest = 0
    chains: dict[tuple[tuple[str, str], int], tuple[int, Event]] = {}
    for event in attempts:
        line = (_place(event), lines[_called(event)])
        length, before = chains.get(line, (0, event))
        length = length + 1 if length and failed(before) and event.t >= _soonest(before) else 1
        chains[line] = (length, event)
        longest = max(longest, length)
    return longest


def _soonest(before: Event) -> float:
    """From when on a call may be an answer to that one's end."""
    return over(before) - (_HANGING_UP if before.ended is Ended.CLIENT_LEFT else _SAME_TIME)


def _place(event: Event) -> tuple[str, str]:
    return event.provider, event.model


def _called(event: Event) -> tuple[tuple[str, str], int]:
    return _place(event), event.index


def _lines(attempts: Sequence[Event], usual: Usual) -> Lines:
    """Of each distinct call, its number among those to its place; those beyond the usual number share the last.

    Usually 1:  a a' a" are one line, a retry with other bodies.
    Usually 3:  a b c d are three lines, a b (c d): an agent asks three things, and mended one of them.
    """
    found: Lines = {}
    seen: Counter[tuple[str, str]] = Counter()
    otherwise = max(usual.values(), default=1)
    for place, index in sorted({_called(event) for event in attempts}):
        found[place, index] = min(seen[place], usual.get(place, otherwise) - 1)
        seen[place] += 1
    return found


def usual_calls(operations: Iterable[Sequence[Event]]) -> Usual:
    """The most distinct calls to each provider and model that an operation makes when nothing fails."""
    most: dict[tuple[str, str], int] = {}
    for attempts in operations:
        if len(attempts) == 1:  # most are, and a million of these shall not take seconds
            (event,) = attempts
            if not failed(event) and event.origin is not Origin.INJECTED:
                most.setdefault(_place(event), 1)
            continue
        if any(failed(event) or event.origin is Origin.INJECTED for event in attempts):
            continue  # an app may ask once more for an answer of status 200 that it could not read
        for place, count in Counter(place for place, _ in {_called(event) for event in attempts}).items():
            most[place] = max(most.get(place, 1), count)
    return most
