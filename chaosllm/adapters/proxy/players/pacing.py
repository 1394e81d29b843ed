"""When text may leave: a rate in tokens a second with jitter, on an absolute schedule; and how late it left."""

from __future__ import annotations

from bisect import bisect_left
from random import Random

from chaosllm.adapters.proxy.players.actions import Notes
from chaosllm.record import LATE
from chaosllm.script import Pace, Script


class Pacing:
    """The slowest pace of a script, with its widest jitter; without a pace, text may leave at once."""

    def __init__(self, script: Script) -> None:
        self.steps = [step for step in script if isinstance(step, Pace)]
        self._rate = min((step.tokens_per_second for step in self.steps), default=None)
        self._jitter = max((step.jitter for step in self.steps), default=0.0)
        self._random = Random(self.steps[0].seed if self.steps else 0)  # noqa: S311  # seeded on purpose
        self.next = 0.0  # when the next text may leave
        self._first: tuple[float, float] | None = None  # when the first text was due, when it left

    def due(self, tokens: int) -> float:
        """When an event of so many tokens may leave, at the earliest; 0 for none, and where there is no pace."""
        return self.next if tokens else 0.0

    def left(self, tokens: int, due: float, now: float, notes: Notes) -> None:
        """Count an event that left `now` and was `due` then."""
        if self._rate is None or not tokens:
            return
        if self._first is None:
            self._first = (due, now)
            notes.late = [0] * (len(LATE) + 1)
        notes.asked["pace"] = due - self._first[0]
        notes.done["pace"] = now - self._first[1]
        late = now - due
        notes.late[bisect_left(LATE, late)] += 1
        notes.late_max = max(notes.late_max, late)
        gap = tokens / self._rate
        if self._jitter:
            gap *= 1 + self._jitter * (2 * self._random.random() - 1)
        self.next = due + gap
