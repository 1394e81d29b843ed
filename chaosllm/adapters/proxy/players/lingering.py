"""Plays an answer that is whole and does not end: its connection closes some seconds after the last byte."""

from __future__ import annotations

from chaosllm.adapters.proxy.players.actions import Action, End, Finish, Player
from chaosllm.adapters.proxy.players.around import Around
from chaosllm.script import Linger


class LingeringPlayer(Around):
    """Another player's answer, of which only a proper end comes late."""

    def __init__(self, inner: Player, step: Linger) -> None:
        super().__init__(inner)
        self._step = step
        self._end: Finish | None = None  # held back until `_due`
        self._begun = 0.0

    @property
    def next_wake(self) -> float | None:
        """When the connection is to close, once all was said."""
        return self.inner.next_wake if self._end is None else self._begun + self._step.seconds

    @next_wake.setter
    def next_wake(self, moment: float | None) -> None:
        self.inner.next_wake = moment

    def start(self, now: float) -> list[Action]:
        """As the answer's player says."""
        return self._hold(self.inner.start(now), now)

    def data(self, data: bytes, now: float) -> list[Action]:
        """As the answer's player says."""
        return self._hold(self.inner.data(data, now), now)

    def end(self, now: float) -> list[Action]:
        """All but the end."""
        return self._hold(self.inner.end(now), now)

    def wake(self, now: float) -> list[Action]:
        """Close when it is time."""
        if self._end is None:
            return self._hold(self.inner.wake(now), now)
        if now < self._begun + self._step.seconds:
            return []
        self.notes.did("linger", now - self._begun)
        self.notes.played.add(self._step)
        return [self._end]

    def _hold(self, actions: list[Action], now: float) -> list[Action]:
        last = actions[-1] if actions else None
        if isinstance(last, Finish) and last.end is not End.PROPER:
            self.notes.skipped[self._step] = "the answer broke, and so had no end to come late"
        elif isinstance(last, Finish):
            self._end = last
            actions = actions[:-1]
            self._begun = now
            self.notes.ask("linger", self._step.seconds)
            self.notes.ours = True
        return actions
