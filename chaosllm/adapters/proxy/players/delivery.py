"""What reaches the app of a stream's events: all of one, what a cut leaves of it, or nothing; with the notes of it."""

from __future__ import annotations

import re

from chaosllm.adapters.proxy.players.actions import Notes
from chaosllm.adapters.proxy.players.marks import Mark, Spot, Tally, why_unreached
from chaosllm.adapters.proxy.players.runaway import Runaway
from chaosllm.call import Call
from chaosllm.providers import Part, Provider
from chaosllm.rewriting import Rewriter
from chaosllm.rewriting.events import again, count_kept, finish_as
from chaosllm.rewriting.numbering import numbered_after
from chaosllm.script import Cut, Repeat, Shape

#: Words that must be withheld to recognise a cut answer: four prints of three words overlap to six, doubled
#: because the first word may be half a word.
_WITHHELD_WORDS = 12
_WORD = re.compile(r"\w+")
#: The most text of one answer that is kept, characters: a hundred times the longest answer of any model.
_KEPT_AT_MOST = 16 << 20


class Delivery:
    """Delivers the events of one stream; each method gives the bytes to send, and notes them as sent."""

    def __init__(self, call: Call, provider: Provider) -> None:
        self.notes = Notes()
        self.passed = Tally()
        self.honest = ""  # what the finish reason of an honestly cut answer says; "" before such a cut
        self.runaway: Runaway | None = None
        self.last_text = b""  # the last event with text
        self.sent: set[int] = set()  # numbers of the events that went out, kept where edits ask for them
        self.keeps = True  # the text that goes out, for a cut that may come
        self._withheld = 0  # characters
        self._last = b""  # the last event that was sent
        self._said_why = False  # the finish reason of an honest cut reached the app
        self._call = call
        self._provider = provider

    def raw(self, events: tuple[bytes, ...] | list[bytes], now: float) -> bytes:
        """Raw events of our own making, whole; numbered after those that were sent, where the stream numbers them."""
        return b"".join(self.emit(self._provider.part(self._call, self._numbered(one)), now) for one in events)

    def emit(self, part: Part, now: float) -> bytes:
        """One event, whole."""
        notes = self.notes
        self.passed.add(part)
        notes.events = self.passed.events
        notes.bytes += len(part.raw)
        notes.finish = part.finish or notes.finish
        self._said_why = self._said_why or (bool(self.honest) and part.finish is not None)
        notes.end_seen = notes.end_seen or part.end
        if part.text:
            if self.keeps:
                notes.delivered.append(part.text)
            self.last_text = part.raw
        if part.tool and self.keeps and self.passed.tool <= _KEPT_AT_MOST:
            notes.arguments.append(part.tool)
        self._last = part.raw or self._last
        if notes.t_first is None and (part.text or part.tool):
            notes.t_first = now
        return part.raw

    def withhold(self, part: Part) -> None:
        """Nothing of it."""
        if part.text and self._withheld < _KEPT_AT_MOST:
            self._withheld += len(part.text)
            self.notes.withheld.append(part.text)

    @property
    def full(self) -> bool:
        """Whether more text went out than is kept of one answer."""
        return self.keeps and self.passed.text > _KEPT_AT_MOST

    @property
    def withheld_enough(self) -> bool:
        """Whether the text withheld so far is enough to recognise the cut by."""
        return len(_WORD.findall("".join(self.notes.withheld))) >= _WITHHELD_WORDS

    def keep_no_more(self) -> None:
        """No cut is to come: forget the text that went out, unless one was made."""
        self.keeps = False
        if not self.notes.shape:
            self.notes.delivered.clear()

    def head(self, shape: Shape, spot: Spot, part: Part, now: float) -> bytes:
        """What the app still gets of the event in which the answer is cut; the rest is withheld."""
        raw = part.raw
        said = part.text or part.tool
        if shape is Shape.EVENT:
            self.withhold(part)
            offset = spot.offset or len(raw) // 2
            return self.emit(Part(raw[:offset]), now)
        if spot.offset is not None and shape is Shape.ABRUPT:
            self.withhold(part)
            return self.emit(Part(raw[: spot.offset]), now) if spot.offset else b""
        if 0 < spot.keep < len(said):
            clipped = self._provider.clip(self._call, raw, spot.keep)
            if part.text:
                self.notes.withheld.append(part.text[spot.keep :])
            return self._cut_event(raw, clipped, now)
        if shape is Shape.HONEST:
            return self.shorten(part, now)
        self.withhold(part)
        return b""

    def _cut_event(self, raw: bytes, clipped: bytes, now: float) -> bytes:
        """The beginning of an event; where it said why the answer ends (Gemini), it says the cut's own reason."""
        cut = self._provider.part(self._call, clipped)
        if cut.finish is not None:
            word = self._provider.words(self._call)[self.honest] if self.honest else None
            return self.raw([finish_as(self._call, self._provider, clipped, word)], now)
        sent = self.emit(cut, now)
        if self.honest and self._provider.part(self._call, raw).finish is not None:
            tail = self._provider.honest_tail(self._call, raw, "".join(self.notes.delivered), self.honest)
            sent += self.raw([again(self._call, self._provider, tail)], now) if tail else b""
        return sent

    def shorten(self, part: Part, now: float) -> bytes:
        """What an honestly cut stream says in place of a later event."""
        self.withhold(part)
        said = self.runaway.said if self.runaway is not None else "".join(self.notes.delivered)
        raw = self._provider.honest_tail(self._call, part.raw, said, self.honest)
        if raw:
            raw = count_kept(self._call, self._provider, raw, said, "".join(self.notes.withheld))
        if raw and self.runaway is not None:
            raw = self.runaway.tail(raw)
        return self.raw([raw], now) if raw else b""

    def make_up(self, rewriter: Rewriter, left: list[Mark], come: Tally, *, whole: bool) -> None:
        """Say what was played and what was not; `whole`: all that the upstream said has gone its way.

        `left` are the marks that were not reached, `come` is all that there was.
        """
        notes, early = self.notes, "the answer was ended before that"
        shown = rewriter.shown(lambda number: number in self.sent or (whole and number >= come.events))
        notes.played.update(shown)
        notes.ours = notes.ours or bool(shown)
        notes.skipped.update(dict.fromkeys(rewriter.played - shown, early))
        notes.skipped.update({step: why if whole else early for step, why in rewriter.skipped.items()})
        notes.skipped.update({mark.step: why_unreached(mark, come) if whole else early for mark in left})
        if self.honest and not self._said_why:
            vain = [
                step
                for step in notes.played
                if isinstance(step, Repeat) or (isinstance(step, Cut) and step.shape is Shape.HONEST)
            ]
            notes.played.difference_update(vain)
            notes.skipped.update(dict.fromkeys(vain, "no finish reason came after that place"))
        for step in notes.played:
            notes.skipped.pop(step, None)  # what an earlier account did not know yet

    def _numbered(self, raw: bytes) -> bytes:
        return numbered_after(self._call, self._provider, raw, self._last)
