"""A player around another one's answer: all but what it does otherwise is the inner player's."""

from __future__ import annotations

from chaosllm.adapters.proxy.players.actions import Action, Notes, Player


class Around:
    """Passes everything on to `inner`."""

    def __init__(self, inner: Player) -> None:
        self.inner = inner

    @property
    def notes(self) -> Notes:
        """Those of the answer."""
        return self.inner.notes

    @notes.setter
    def notes(self, notes: Notes) -> None:
        self.inner.notes = notes

    @property
    def next_wake(self) -> float | None:
        """When the inner player wants to be woken."""
        return self.inner.next_wake

    @next_wake.setter
    def next_wake(self, moment: float | None) -> None:
        self.inner.next_wake = moment

    @property
    def held(self) -> int:
        """What the inner player holds."""
        return self.inner.held

    @property
    def ending(self) -> bool:
        """As the answer's player says."""
        return self.inner.ending

    def start(self, now: float) -> list[Action]:
        """As the answer's player says."""
        return self.inner.start(now)

    def data(self, data: bytes, now: float) -> list[Action]:
        """As the answer's player says."""
        return self.inner.data(data, now)

    def end(self, now: float) -> list[Action]:
        """As the answer's player says."""
        return self.inner.end(now)

    def broken(self, now: float) -> list[Action]:
        """As the answer's player says."""
        return self.inner.broken(now)

    def wake(self, now: float) -> list[Action]:
        """As the answer's player says."""
        return self.inner.wake(now)

    def observe(self, now: float) -> None:
        """As the answer's player says."""
        self.inner.observe(now)

    def abandon(self) -> bytes:
        """As the answer's player says."""
        return self.inner.abandon()
