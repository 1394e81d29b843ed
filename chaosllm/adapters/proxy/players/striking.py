"""What a step does at its place of a stream: stall, insert, cut, reset, reorder, double, damage, say again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaosllm.adapters.proxy.players.actions import End
from chaosllm.adapters.proxy.players.delivery import Delivery
from chaosllm.adapters.proxy.players.line import Item, Line
from chaosllm.adapters.proxy.players.marks import Marked, Spot
from chaosllm.adapters.proxy.players.runaway import Runaway
from chaosllm.call import Call
from chaosllm.providers import Part, Provider
from chaosllm.rewriting.events import again, last_words, spoil, swapped
from chaosllm.script import Cut, Duplicate, Insert, Reorder, Repeat, Reset, Shape, Spoil, Stall

#: After a cut, read on until enough is known to be withheld, and no longer than this, seconds.
_READ_ON = 1.0


@dataclass(slots=True)
class Closing:
    """A cut was made; the upstream is read a little further before the answer ends."""

    end: End
    until: float


class Striker:
    """Plays the steps that take hold of the event in front of the line; what follows from them stands here."""

    def __init__(self, call: Call, provider: Provider, delivery: Delivery, line: Line) -> None:
        self.floor = 0.0  # nothing leaves before: the end of a stall, or when the delay line opened
        self.frozen = False  # for ever
        self.stalled: tuple[Stall, float] | None = None  # the stall that waits, and when it began
        self.closing: Closing | None = None
        self.words: Iterator[tuple[float, Part]] = iter(())  # that are said again, each when it is due
        self.notes = delivery.notes
        self._call = call
        self._provider = provider
        self._delivery = delivery
        self._line = line

    def strike(self, step: Marked, spot: Spot, due: float, now: float) -> list[Part] | bytes | None:
        """Play a step on the event in front, which is `due`.

        Gives the bytes to send; or parts to send in place of the event, on its schedule; or None when the
        step needs another event.
        """
        match step:
            case Stall(seconds=seconds):
                return self._stall(step, seconds, due, now)
            case Insert(events=events, end=end):
                self.did(step)
                if end:
                    self._close(End.PROPER, now)
                return self._delivery.raw(events, now)
            case Cut():
                self.notes.played.add(step)
                return self._cut(step, spot, now)
            case Reorder():
                return b"" if self._reorder(step) else None
            case Duplicate() | Spoil():
                raws = self._edited(step, self._line.front.part.raw)
                if not raws:
                    return None
                self.did(step)
                return [self._provider.part(self._call, raw) for raw in raws]
            case Repeat(tokens=tokens):
                return self._run_away(step, tokens, spot, now)
            case Reset():
                self.notes.played.add(step)
                head = self._delivery.head(Shape.ABRUPT, spot, self._line.take().part, now)
                self._close(End.of(step), now)
                return head

    def did(self, step: Marked) -> None:
        """A step took effect, and the app sees it."""
        self.notes.played.add(step)
        self.notes.ours = True

    def _stall(self, step: Stall, seconds: float | None, due: float, now: float) -> bytes:
        self.notes.ours = self.notes.ours or seconds is None
        if seconds is None:
            self.frozen = True
            self.notes.played.add(step)
        else:
            self.stalled = (step, now)
            self.floor = due + seconds
            self.notes.ask("stall", seconds)
        return b""

    def _edited(self, step: Duplicate | Spoil, raw: bytes) -> list[bytes]:
        """What is sent in place of one event; [] where there is nothing in it to edit."""
        if isinstance(step, Spoil):
            return spoil(self._call, self._provider, raw, step.how)
        said = self._provider.payload(self._call, raw)
        return [raw, again(self._call, self._provider, raw)] if said else []

    def _reorder(self, step: Reorder) -> bool:
        """Swap the two events in front; False where that would change nothing."""
        if (two := self._line.two()) is None:
            return False
        first, second = two
        one, other = first.part.raw, second.part.raw
        if one == other or not all(self._provider.payload(self._call, raw) for raw in (one, other)):
            return False
        raws = swapped(self._call, self._provider, one, other)
        self._line.lead(*(
            Item(self._provider.part(self._call, raw), item.at, item.number)
            for raw, item in zip(raws, (second, first), strict=True)
        ))  # fmt: skip
        self.did(step)
        return True

    def _run_away(self, step: Repeat, tokens: int, spot: Spot, now: float) -> bytes | None:
        """Cut honestly here, and say the last words again before the answer ends; None before any word was said."""
        item = self._line.front
        said = "".join(self.notes.delivered) + item.part.text[: spot.keep]
        if not last_words(said):
            return None
        begun = self._line.t_text if self._line.t_text is not None else now
        pace = max(0.0, item.at - begun) / (self._delivery.passed.tokens or 1)
        head = b""
        if spot.keep:
            head = self._delivery.head(Shape.CLEAN, spot, self._line.take().part, now)
            if item.part.finish is not None:  # it comes after the words, with what else the event said
                raw = again(self._call, self._provider, item.part.raw)
                self._line.put_back(Item(self._provider.part(self._call, raw), item.at, item.number))
        self._delivery.honest = "length"
        last = self._delivery.last_text
        self._delivery.runaway = Runaway(self._call, self._provider, said, last, tokens=tokens, pace=pace)
        self.words = self._delivery.runaway.events(now)
        self.did(step)
        return head

    def _cut(self, step: Cut, spot: Spot, now: float) -> bytes:
        shape = step.shape
        self.notes.shape = shape.value
        self._delivery.honest = step.finish if shape is Shape.HONEST else ""
        head = self._delivery.head(shape, spot, self._line.take().part, now)
        if shape is Shape.HONEST:
            self.notes.ours = self.notes.cut = True
        elif shape is Shape.ABRUPT:
            # A body that the connection's end delimits is only broken by RST: a FIN would end it properly.
            self._close(End.RESET if step.body == "close" else End.BROKEN, now)
        else:
            self._close(End.PROPER, now)
        return head

    def _close(self, end: End, now: float) -> None:
        self.notes.ours = True
        self.notes.cut = end is End.PROPER
        self.closing = Closing(end, now + _READ_ON)
