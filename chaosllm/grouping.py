"""Which calls belong to one request of a user, where no reference tells: by trace id, SDK's count, or body.

Laws:
1. What is not known to belong together is never guessed: such a call is in no group, and the match rate falls.
2. A body says nothing where many users ask the same. It counts together with the number that the SDK gives a retry,
   or by itself where the run shows that after a good answer the same body does not come again.
3. A retry is joined to a call only where that call alone can be what is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from chaosllm.chains import failed, over
from chaosllm.record import Event

#: Seconds after which an SDK tries no more, when nothing asked it to wait: their backoff ends at 8 s, or 60 s with a
#: Retry-After (openai and anthropic, `_calculate_retry_timeout`), which is added.
_LATEST = 30.0
#: Two callbacks of one process, or of two connections, see one instant so far apart at most (as in `chains`).
_SLACK = 0.05
#: Bodies tell calls apart when at most this share comes again though nothing failed, of at least so many calls.
_MOST_REPEATED, _LEAST_CALLS = 0.01, 30


@dataclass(slots=True)
class _Chain:
    """Tries of one call, as far as they came."""

    group: int
    last: Event

    def awaits(self, event: Event) -> bool:
        """Whether the event can be its next try: an SDK's next, or a first of a loop around it."""
        last, number = self.last, self.last.declared
        late = event.t - over(last)
        next_one = not event.declared or (number is not None and number + 1 == event.declared)
        return next_one and failed(last) and -_SLACK <= late <= self.patience

    @property
    def patience(self) -> float:
        """Seconds after which nobody tries again."""
        return _LATEST + (self.last.retry_after or 0.0)


class _Grouping:
    """Takes calls in order of time."""

    def __init__(self, *, bodies_tell: bool) -> None:
        self.count = 0
        self._bodies_tell = bodies_tell
        self._by_trace: dict[str, int] = {}
        self._chains: dict[tuple[str, str, str], list[_Chain]] = {}
        self._indexes: dict[int, dict[str, int]] = {}

    def place(self, event: Event) -> tuple[int, int]:
        """(group, -1 when unknown; index of the call among the distinct ones of its group)."""
        key = (event.provider, event.model, event.body)
        chains = [one for one in self._chains.get(key, ()) if event.t - over(one.last) <= one.patience]
        self._chains[key] = chains
        before = [chain for chain in chains if chain.awaits(event)] if event.body else []
        trace = event.traces[0] if event.traces else ""
        if trace in self._by_trace:
            group = self._by_trace[trace]
        elif len(before) == 1 and (event.declared or self._bodies_tell):
            group = before[0].group  # a new trace too: some tracers make one for each try
        elif trace or (not before and (event.declared == 0 or (event.declared is None and self._bodies_tell))):
            group, self.count = self.count, self.count + 1
        else:
            return -1, 0
        if trace:
            self._by_trace[trace] = group
        mine = next((chain for chain in before if chain.group == group), None)
        if mine is not None:
            mine.last = event
        else:
            chains.append(_Chain(group, event))
        bodies = self._indexes.setdefault(group, {})
        return group, bodies.setdefault(event.body or event.call, len(bodies))


def _bodies_tell(events: Sequence[Event]) -> bool:
    """Whether one body is one call: after an answer it hardly ever comes again."""
    last: dict[tuple[str, str, str], Event] = {}
    calls = repeated = 0
    for event in events:
        if event.body and event.operation is None:
            key = (event.provider, event.model, event.body)
            before = last.get(key)
            repeated += before is not None and not failed(before) and event.t - before.t <= _LATEST
            calls += 1
            last[key] = event
    return calls >= _LEAST_CALLS and repeated <= _MOST_REPEATED * calls


def grouped(events: Sequence[Event]) -> tuple[list[Event], list[int], int]:
    """(the events with their index, the group of each or -1, how many groups); events in order of time.

    A call of a known operation is grouped by it.
    """
    grouping = _Grouping(bodies_tell=_bodies_tell(events))
    found, groups = [], []
    for event in events:
        if event.endpoint == "connection":
            group = -1
        elif event.operation is not None:
            named = f"op-{event.operation}"
            group, index = grouping.place(replace(event, traces=[named], body=event.body or f"{named}/{event.index}"))
        else:
            group, index = grouping.place(event)
            event = replace(event, index=index) if index != event.index else event  # noqa: PLW2901  # the same call
        found.append(event)
        groups.append(group)
    return found, groups, grouping.count


def linked(events: Sequence[Event], rows: Mapping[str, int]) -> list[Event]:
    """The events with the operation that one of their trace ids names; index by body within it."""
    seen: dict[int, dict[str, int]] = {}
    found = []
    for event in events:
        operation = next((rows[one] for one in event.traces if one in rows), None)
        if operation is not None and event.endpoint != "connection":
            bodies = seen.setdefault(operation, {})
            index = bodies.setdefault(event.body or event.call, len(bodies))
            found.append(replace(event, operation=operation, index=index))
        else:
            found.append(event)
    return found
