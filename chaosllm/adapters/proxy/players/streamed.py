"""Plays a script on a streamed answer: bytes in, timed actions out; sans-io, `now` is handed in.

Laws:
1. No byte is lost or invented but where a step says so, and events leave in the order they came. Edits
   come first (`rewriting`): what is said below about events is about those they leave.
2. Every delay is a point on an absolute schedule; a late wake-up never moves the points after it, and nothing
   leaves before its point.
3. A cut of unknown length waits for the answer's end (see marks), never for a guess.
4. Memory is bounded, whatever the upstream sends: a step that would need more is given up with a reason.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from chaosllm.adapters.proxy.players.actions import Action, End, Finish, Send
from chaosllm.adapters.proxy.players.delivery import Delivery
from chaosllm.adapters.proxy.players.line import Item, Line
from chaosllm.adapters.proxy.players.marks import Hold, Mark, Spot, marks
from chaosllm.adapters.proxy.players.pacing import Pacing
from chaosllm.adapters.proxy.players.striking import Striker
from chaosllm.call import Call
from chaosllm.providers import Part, Provider
from chaosllm.providers._reading import EventReader
from chaosllm.rewriting import Rewriter
from chaosllm.script import Cut, Insert, Place, Reorder, Reset, Script, Shape, Stall, Unit, Wait
from chaosllm.units import estimate_tokens

#: The most that is held back to find a share of an answer, bytes: a hundred times the longest answer of any model.
HELD_AT_MOST: Final = 16 << 20
_TOO_LONG = "the answer came to more than 16 MiB before its place was known"
_ENDLESS_EVENT = "an event of more than 16 MiB passed in pieces"


class StreamPlayer:
    """Plays the body steps of a script on one stream."""

    def __init__(self, call: Call, provider: Provider, script: Script) -> None:
        self._delivery = Delivery(call, provider)
        self.notes = self._delivery.notes
        self.next_wake: float | None = None
        self._call = call
        self._provider = provider
        self._reader = EventReader(lambda: provider.splitter(call), lambda raw: provider.part(call, raw))
        self._unread: deque[Part] = deque()  # on their way into the line
        self._line = Line()
        self._striker = Striker(call, provider, self._delivery, self._line)
        self._out = bytearray()  # released, not handed out yet
        self._ended = False
        self._broke = False
        self._over = False
        self._rewriter = Rewriter(call, provider, script)
        self._marks = marks(script)
        self._short = [step for step in script if isinstance(step, Cut) and step.body == "length"]
        self._resets = [step for step in script if isinstance(step, Reset) and step.at is Place.HEADERS]
        self._waits = [step for step in script if isinstance(step, Wait) and step.place is Place.HEADERS]
        self._shift = sum(step.seconds for step in self._waits)
        self._pacing = Pacing(script)
        self._blocked = False  # the event in front waits for more of the answer
        self._word: tuple[float, Part] | None = None  # the next of those that are said again
        self._started = 0.0

    @property
    def held(self) -> int:
        """Bytes that wait for their time."""
        return 0 if self._blocked else self._line.bytes

    @property
    def ending(self) -> bool:
        """A cut was made; one that says again and again what it said may still be let go."""
        return self._striker.closing is not None or bool(self._delivery.honest and self._delivery.runaway is None)

    def start(self, now: float) -> list[Action]:
        """Note the wait before the first body byte; a reset after the headers strikes here."""
        self._started = now
        if self._waits:
            self.notes.ask("wait", self._shift)
        if self._resets:
            self.notes.played.update(self._resets)
            self.notes.ours = True
            return self._finish(End.of(self._resets[0]))
        return []

    def data(self, data: bytes, now: float) -> list[Action]:
        """Take bytes from the upstream."""
        self._take(self._reader.feed(data), now)
        return self._advance(now)

    def end(self, now: float) -> list[Action]:
        """The upstream's answer is whole; what is queued still leaves on its schedule."""
        if not self._ended:
            self._take(self._reader.end(), now)
            for raw in self._rewriter.end():
                self._line.put(self._provider.part(self._call, raw), now)
        self._ended = True
        self.notes.complete = not self._broke
        return self._advance(now)

    def broken(self, now: float) -> list[Action]:
        """The upstream broke off: what came is still played, then the app sees it break too."""
        self._broke = True
        return self.end(now)

    def wake(self, now: float) -> list[Action]:
        """Release what is due."""
        return self._advance(now)

    def observe(self, now: float) -> None:
        """Nothing to do: playing reads every event anyway."""

    def abandon(self) -> bytes:
        """All bytes not yet sent, as they came."""
        self._over = True
        unread = (part.raw for part in self._unread)
        return b"".join((self._out, *self._line.unsent(), self._rewriter.held(), *unread, self._reader.rest()))

    def _take(self, parts: list[Part], now: float) -> None:
        self._unread.extend(parts)
        while self._unread:  # each stays in sight until it is in the line, because an edit may fail
            part = self._unread[0]
            self.notes.tokens += estimate_tokens(part.text) + estimate_tokens(part.tool)
            self.notes.bill(part.usage)
            if not self._rewriter:
                self._line.put(part, now)
            else:
                for one in self._rewriter.feed(part.raw):
                    self._line.put(part if one is part.raw else self._provider.part(self._call, one), now)
            self._unread.popleft()
        if self._delivery.full:
            self._give_up(self._marks, _TOO_LONG)
            self._delivery.keep_no_more()

    def _advance(self, now: float) -> list[Action]:
        """Everything that may leave by `now`; sets `next_wake`."""
        self.next_wake = None
        line, striker = self._line, self._striker
        while not self._over and not striker.frozen and self._say_again(now) and line:
            item = line.front
            if striker.closing is not None:
                self._delivery.withhold(line.take().part)
                continue
            if self._delivery.honest:
                shortened = self._delivery.shorten(line.take().part, now)
                self._went(item, shortened)
                self._out += shortened
                continue
            mark, spot = self._mark(item.part) if self._marks else (None, None)
            if isinstance(spot, Hold):
                if self._gave_up_shares():
                    continue
                self._blocked = True
                break
            if self._blocked:
                self._blocked = False
                striker.floor = max(striker.floor, now)
            due = self._due(item, paced=mark is None or not isinstance(mark.step, Stall | Cut | Reset | Insert))
            if due > now:
                self.next_wake = due
                break
            self._resume(now - due)
            self._release(item, mark, spot, due, now)
        line.gone()
        ending = [] if self._over else self._settle(now)
        sent, self._out = bytes(self._out), bytearray()
        return [*([Send(sent)] if sent else []), *ending]

    def _release(self, item: Item, mark: Mark | None, spot: Spot | None, due: float, now: float) -> None:
        """The event in front is due: send it, or play the step that strikes it."""
        if mark is None or spot is None:
            self._line.take()
            self._out += self._pass([item.part], item, due, now)
            return
        struck = self._striker.strike(mark.step, spot, due, now)
        if struck is None:
            self._line.missed.append(mark)
            return
        self._marks.remove(mark)
        if isinstance(struck, list):
            self._line.take()
            struck = self._pass(struck, item, due, now)
        self._out += struck

    def _mark(self, part: Part) -> tuple[Mark | None, Spot | Hold | None]:
        """The first mark, in the order written, that this event reaches; a Hold when one cannot be told."""
        held: Hold | None = None
        for mark in self._marks:
            if mark in self._line.missed:
                continue
            spot = mark.find(part, self._delivery.passed, self._line.come, ended=self._ended)
            if isinstance(mark.step, Reorder) and spot is not None and self._line.two() is None and not self._ended:
                spot = Hold()
            if isinstance(spot, Spot):
                return mark, spot
            held = spot or held
        return None, held

    def _gave_up_shares(self) -> bool:
        """Whether places were given up, because they cannot be told from all that may be held."""
        shares = [mark for mark in self._marks if mark.at.unit is Unit.SHARE]
        if not shares or self._line.bytes <= HELD_AT_MOST:
            return False
        self._give_up(shares, _TOO_LONG)
        return True

    def _give_up(self, given: list[Mark], why: str) -> None:
        self.notes.skipped.update({mark.step: why for mark in given})
        self._marks = [mark for mark in self._marks if mark not in given]

    def _due(self, item: Item, *, paced: bool) -> float:
        due = max(item.at + self._shift, self._striker.floor)
        return max(due, self._pacing.due(item.tokens)) if paced else due

    def _pass(self, parts: list[Part], item: Item, due: float, now: float) -> bytes:
        """What is sent in place of an event, on the event's own schedule."""
        self._pacing.left(item.tokens, due, now, self.notes)
        sent = b"".join(self._delivery.emit(part, now) for part in parts)
        self._went(item, sent)
        return sent

    def _went(self, item: Item, sent: bytes) -> None:
        """Something of an event went out; after the end event no client reads on, so the accounts are made up."""
        if sent and self._rewriter and self._rewriter.asks(item.number):
            self._delivery.sent.add(item.number)
        if item.part.end:
            self._make_up(whole=True)

    def _say_again(self, now: float) -> bool:
        """Release the words of a runaway answer that are due; False while there are more."""
        while (word := self._word or next(self._striker.words, None)) is not None:
            at, part = self._word = word
            item = Item(part, at)
            due = max(at, self._pacing.due(item.tokens))
            if due > now:
                self.next_wake = due
                return False
            self._word = None
            self._out += self._pass([part], item, due, now)
        return True

    def _resume(self, late: float | None) -> None:
        """The first release after the wait, or after a stall, so many seconds after it was due; None: nothing is left.

        What is measured is our own part: how long the upstream took for that event is none of it.
        """
        if self._waits and "wait" not in self.notes.done:
            if late is not None:
                self.notes.did("wait", self._shift + late)
            self.notes.played.update(self._waits)
        if self._striker.stalled is not None:
            stall, _ = self._striker.stalled
            if late is not None:
                self.notes.did("stall", (stall.seconds or 0.0) + late)
            self.notes.played.add(stall)
            self._striker.stalled = None

    def _settle(self, now: float) -> list[Action]:
        """End the answer when nothing more is to come of it."""
        closing = self._striker.closing
        if closing is not None:
            if self._ended or self._delivery.withheld_enough or now >= closing.until:
                return self._finish(closing.end)
            self.next_wake = closing.until
        elif self._ended and not self._line and self._word is None and not self._striker.frozen:
            self._resume(None)
            for mark in list(self._marks):
                if isinstance(mark.step, Insert) and mark.at.unit is Unit.FINISH and self._delivery.passed.finished:
                    self._striker.did(mark.step)  # the finish reason was the last that was said
                    self._marks.remove(mark)
                    self._out += self._delivery.raw(mark.step.events, now)
            return self._finish(End.BROKEN if self._broke else End.PROPER)
        return []

    def _make_up(self, *, whole: bool) -> None:
        given_up = {step: why for step, why in self.notes.skipped.items() if why == _TOO_LONG}
        self._delivery.make_up(self._rewriter, self._marks, self._line.come, whole=whole)
        if self._reader.spilled:
            unplaced = [mark.step for mark in self._marks] if whole else []
            self.notes.skipped.update(dict.fromkeys(unplaced, _ENDLESS_EVENT))
        self.notes.skipped.update(given_up)

    def _finish(self, end: End) -> list[Action]:
        self._over = True
        self.next_wake = None
        notes = self.notes
        notes.played.update(self._pacing.steps)  # every event left when it was due
        self._make_up(whole=self._ended and self._striker.closing is None)
        if end is End.PROPER and self._short:
            # More bytes were announced than there are: the answer that the cut never reached breaks at its end.
            notes.played.update(self._short)
            notes.skipped = {step: why for step, why in notes.skipped.items() if step not in self._short}
            notes.shape, notes.ours, notes.cut = Shape.ABRUPT.value, True, False
            end = End.BROKEN
        return [Finish(end)]
