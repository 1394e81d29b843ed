"""Plays a pace, or a wait, and nothing else on a stream: what `StreamPlayer` would do, in a third of its time.

It keeps no text and looks for no place, so that an endless stream costs no more memory than what is not due yet.
A test plays both side by side.
"""

from __future__ import annotations

from collections import deque

from chaosllm.adapters.proxy.players.actions import Action, End, Finish, Notes, Send
from chaosllm.adapters.proxy.players.pacing import Pacing
from chaosllm.call import Call
from chaosllm.providers import Part, Provider
from chaosllm.providers._reading import EventReader
from chaosllm.script import Pace, Place, Script, Wait
from chaosllm.units import estimate_tokens


class PacedPlayer:
    """Plays the paces and the waits after the headers of a script on one stream."""

    ending = False

    def __init__(self, call: Call, provider: Provider, script: Script) -> None:
        self.notes = Notes()
        self.next_wake: float | None = None
        self.held = 0
        self._reader = EventReader(lambda: provider.splitter(call), lambda raw: provider.part(call, raw))
        # An event, its tokens, when it may leave at the earliest; and all that it says, where that is more than text.
        self._queue: deque[tuple[bytes, int, float, Part | None]] = deque()
        self._pacing = Pacing(script)
        self._waits = [step for step in script if isinstance(step, Wait) and step.place is Place.HEADERS]
        self._shift = sum(step.seconds for step in self._waits)
        self._waiting = bool(self._waits)
        self._started = 0.0
        self.ended = False  # the upstream's answer has come, all of it
        self._broke = False
        self._over = False

    def start(self, now: float) -> list[Action]:
        """Note the wait before the first body byte."""
        self._started = now
        if self._waits:
            self.notes.ask("wait", self._shift)
        return []

    def data(self, data: bytes, now: float) -> list[Action]:
        """Take bytes from the upstream; send what may leave."""
        self._take(self._reader.feed(data), now)
        return self._advance(now)

    def offer(self, data: bytes, now: float) -> bytes:
        """As `data`: what may leave at once, bare."""
        text = self._reader.text(data)
        if text:
            tokens = estimate_tokens(text)
            self.notes.tokens += tokens
            self._queue.append((data, tokens, now + self._shift, None))
            self.held += len(data)
            if (due := self._pacing.next) > now:  # it waits, as nearly every text does
                if self.next_wake is None:
                    self.next_wake = max(due, now + self._shift)
                return b""
        else:
            self._take(self._reader.feed(data), now)
        return self.release(now)

    def end(self, now: float) -> list[Action]:
        """The upstream's answer is whole; what is queued still leaves on its schedule."""
        if not self.ended:
            self._take(self._reader.end(), now)
        self.ended = True
        self.notes.complete = not self._broke
        return self._advance(now)

    def broken(self, now: float) -> list[Action]:
        """The upstream broke off: what came is still sent, then the app sees it break too."""
        self._broke = True
        return self.end(now)

    def wake(self, now: float) -> list[Action]:
        """Send what is due."""
        return self._advance(now)

    def observe(self, now: float) -> None:
        """Nothing to do: every event was read when it came."""

    def abandon(self) -> bytes:
        """All bytes not yet sent, as they came."""
        self._over = True
        return b"".join((*(raw for raw, _, _, _ in self._queue), self._reader.rest()))

    def _take(self, parts: list[Part], now: float) -> None:
        notes, earliest = self.notes, now + self._shift
        for part in parts:
            tokens = estimate_tokens(part.text) + (estimate_tokens(part.tool) if part.tool else 0)
            notes.tokens += tokens
            if part.usage is not None:
                notes.bill(part.usage)
            self._queue.append((part.raw, tokens, earliest, part))
            self.held += len(part.raw)

    def release(self, now: float) -> bytes:
        """What may leave by `now`; sets `next_wake`. After the upstream's end `wake` must be asked instead."""
        self.next_wake = None
        queue, pacing = self._queue, self._pacing
        out: list[bytes] = []
        while queue and not self._over:
            raw, tokens, due, part = queue[0]
            if tokens and pacing.next > due:
                due = pacing.next
            if due > now:
                self.next_wake = due
                break
            queue.popleft()
            if self._waiting:
                self.notes.did("wait", self._shift + (now - due))  # how long the upstream took is no part of it
                self._waited()
            if tokens:
                pacing.left(tokens, due, now, self.notes)
            self._note(part, tokens, now)
            out.append(raw)
        if not out:
            return b""
        sent = out[0] if len(out) == 1 else b"".join(out)
        self.held -= len(sent)
        self.notes.bytes += len(sent)
        return sent

    def _advance(self, now: float) -> list[Action]:
        """Everything that may leave by `now`, and the end when nothing is left."""
        if self._over:
            self.next_wake = None
            return []
        sent = self.release(now)
        actions: list[Action] = [Send(sent)] if sent else []
        if self.ended and not self._queue:
            self._over = True
            if self._waiting:
                self._waited()
            self.notes.played.update(self._pacing.steps)  # every event left when it was due
            actions.append(Finish(End.BROKEN if self._broke else End.PROPER))
        return actions

    def _waited(self) -> None:
        self._waiting = False
        self.notes.played.update(self._waits)

    def _note(self, part: Part | None, tokens: int, now: float) -> None:
        """An event reaches the app; None: it is text and nothing else."""
        notes = self.notes
        notes.events += 1
        if tokens and notes.t_first is None:
            notes.t_first = now
        if part is not None:
            notes.finish = part.finish or notes.finish
            notes.end_seen = notes.end_seen or part.end


def suffices(script: Script) -> bool:
    """Whether the steps of a body are paces and waits alone."""
    return all(isinstance(step, Pace | Wait) for step in script)
