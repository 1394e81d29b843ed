"""What happened during a run, as events; and the state, which is their fold.

Laws:
1. The state is a function of the events: whoever has the state at one event and all later ones has the state of now.
2. An event changes the state as a whole or, when one of its paths leads nowhere, not at all.
3. Nobody who listens can hold a run up: a queue that is full is emptied, and its owner told to begin from the state.
4. Memory is bounded, however long the run: of long lists the newest items are kept, in the ring the newest events.
"""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

#: List -> most items kept of it. The page holds the same table (assets/fold.js), and a test both together.
KEPT: Mapping[str, int] = {
    "run.series": 7200,  # two hours of seconds
    "said": 200,
    "commands": 2000,  # all are in log.jsonl
    "notes": 2000,
    "findings": 2000,
}
#: Events kept for those who come back: a minute of 50 commands a second, and some.
RING = 4096
#: Events that wait for one subscriber before it is told to begin anew.
QUEUE = 1024
#: Type -> the list of the state that holds the events of this type.
_LISTED: Mapping[str, str] = {"command": "commands", "note": "notes", "say": "said", "warning": "said"}


class PathError(ValueError):
    """An event wanted to change what the state does not have: a mistake of ours."""


def blank(kind: str = "run", name: str = "") -> dict[str, Any]:
    """The state before anything happened."""
    return {
        "schema": 1, "seq": 0, "kind": kind, "name": name, "status": "starting", "stop": None, "day": None, "run": None,
        "over": None, "findings": [], "commands": [], "notes": [], "said": [],
    }  # fmt: skip


def fold(state: dict[str, Any], event: Mapping[str, Any]) -> None:
    """Apply an event to the state in place: first what it sets, then what it adds; or raises PathError.

    Paths are keys and places in lists joined by dots: `run.rules.0.on`. What is put in is a copy.
    """
    undo: list[Callable[[], object]] = []
    try:
        for path, value in (event.get("set") or {}).items():
            _set(state, path, _copy(value), undo)
        for path, item in (event.get("add") or {}).items():
            _add(state, path, _copy(item), undo)
    except PathError:
        for step in reversed(undo):
            step()
        raise
    state["seq"] = event["seq"]


class Hub:
    """Takes events in, keeps the state and the newest events, and hands each on; of one event loop, without locks.

    `heard` is called with each event as it is published, before anyone else sees it: for the log on disk.
    """

    def __init__(
        self,
        state: dict[str, Any] | None = None,
        *,
        heard: Callable[[dict[str, Any]], None] | None = None,
        clock: Callable[[], float] = time.time,
        ring: int = RING,
        queue: int = QUEUE,
    ) -> None:
        self.state = blank() if state is None else state
        self.closed = False
        self._heard, self._clock, self._most = heard, clock, queue
        self._ring: deque[dict[str, Any]] = deque(maxlen=ring)
        self._queues: set[asyncio.Queue[dict[str, Any]]] = set()

    def publish(
        self,
        type: str,
        *,
        who: str = "chaosllm",
        t: float | None = None,
        set: Mapping[str, Any] | None = None,
        add: Mapping[str, Any] | None = None,
        **payload: Any,
    ) -> dict[str, Any]:
        """Make an event, apply it and hand it on; raises PathError, and then nothing happened.

        What an event changes in any case is added to it: a command, a note, what is said and a step that has a text go
        to their lists, the verdict of `over` is kept, a run and a finding are told when they began and were found.
        """
        event: dict[str, Any] = {"seq": self.state["seq"] + 1, "at": round(self._clock(), 3), "t": t, "type": type}
        event |= {"who": who, **payload}
        sets, adds = _filled(event, dict(set or {}), dict(add or {}))
        event |= {name: what for name, what in (("set", sets), ("add", adds)) if what}
        event = _copy(event)
        fold(self.state, event)
        self._ring.append(event)
        if self._heard is not None:
            self._heard(event)
        for queue in self._queues:
            self._hand(queue, event)
        return event

    def since(self, seq: int) -> list[dict[str, Any]] | None:
        """The events after `seq`, oldest first; None when they are no longer all kept, or `seq` is yet to come."""
        now = self.state["seq"]
        if seq == now:
            return []
        if seq > now or not self._ring or self._ring[0]["seq"] > seq + 1:
            return None
        return [event for event in self._ring if event["seq"] > seq]

    @asynccontextmanager
    async def subscribe(self) -> AsyncIterator[asyncio.Queue[dict[str, Any]]]:
        """Each event from now on. The type "state" says that some were lost, "end" that no more come."""
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        if self.closed:
            queue.put_nowait({"type": "end", "seq": self.state["seq"]})
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    def close(self) -> None:
        """Tell all who listen that no more events come."""
        self.closed = True
        for queue in self._queues:
            queue.put_nowait({"type": "end", "seq": self.state["seq"]})

    def _hand(self, queue: asyncio.Queue[dict[str, Any]], event: dict[str, Any]) -> None:
        if queue.qsize() >= self._most:
            while not queue.empty():
                queue.get_nowait()
            queue.put_nowait({"type": "state", "seq": event["seq"]})
            return
        queue.put_nowait(event)


def _filled(
    event: Mapping[str, Any], sets: dict[str, Any], adds: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an event sets and adds, with what follows from its type."""
    kind, at = event["type"], event["at"]
    if kind in _LISTED or (kind == "step" and event.get("text")):
        adds.setdefault(_LISTED.get(kind, "said"), {**event})
    if kind == "over":
        sets.setdefault("over", {"verdict": event.get("verdict"), "exit": event.get("exit")})
    if isinstance(run := sets.get("run"), Mapping):
        sets["run"] = {"began": at, **run}  # by which a page tells this run's marks from those of an earlier step
    if isinstance(found := adds.get("findings"), Mapping):
        adds["findings"] = {"at": at, **found}
    return sets, adds


def _copy(value: Any) -> Any:
    """As JSON has it, and shared with nobody; what JSON cannot say is null."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
    except ValueError:
        text = json.dumps(_finite(value), allow_nan=False, ensure_ascii=False)
    return json.loads(text.encode(errors="replace"))  # half a surrogate pair is no text, and no file or page takes it


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _holder(state: dict[str, Any], path: str) -> tuple[Any, str | int]:
    """What holds the end of the path, and under which key."""
    *before, last = path.split(".")
    found: Any = state
    for key in before:
        found = _at(found, key, path)
    if isinstance(found, list):
        return found, _place(found, last, path)
    if isinstance(found, dict) and last:
        return found, last
    raise PathError(f"the state has no {path}")


def _at(found: Any, key: str, path: str) -> Any:
    if isinstance(found, list):
        return found[_place(found, key, path)]
    if isinstance(found, dict) and key in found:
        return found[key]
    raise PathError(f"the state has no {path}")


def _place(found: list[Any], key: str, path: str) -> int:
    if key.isascii() and key.isdigit() and int(key) < len(found):
        return int(key)
    raise PathError(f"the state has no {path}")


def _set(state: dict[str, Any], path: str, value: Any, undo: list[Callable[[], object]]) -> None:
    holder, key = _holder(state, path)
    if isinstance(holder, dict) and key not in holder:
        undo.append(lambda: holder.pop(key))
    else:
        before = holder[key]
        undo.append(lambda: holder.__setitem__(key, before))
    holder[key] = value


def _add(state: dict[str, Any], path: str, item: Any, undo: list[Callable[[], object]]) -> None:
    holder, key = _holder(state, path)
    found = holder.get(key) if isinstance(holder, dict) else holder[key]
    if not isinstance(found, list):
        raise PathError(f"the state has no list {path}")
    found.append(item)
    undo.append(found.pop)
    most = KEPT.get(path)
    if most is not None and len(found) > most:
        dropped = found.pop(0)
        undo.append(lambda: found.insert(0, dropped))
