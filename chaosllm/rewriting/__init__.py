"""Rewriting: plays the edits of a script on the events or the body that an upstream sent, before any pace or cut.

Edits apply in the order written, each to what the ones before it left. What comes out looks as if the
provider had said so; a player then paces, stalls and cuts it.
"""

from __future__ import annotations

from collections.abc import Callable

from chaosllm.call import Call
from chaosllm.providers import Provider
from chaosllm.rewriting.numbering import Numbering
from chaosllm.rewriting.stages import NO_ARGUMENTS, WHY, change, stage
from chaosllm.script import Drop, Piece, Replace, Script, Step


class Rewriter:
    """Plays `Drop` and `Replace` on the events of one stream."""

    def __init__(self, call: Call, provider: Provider, script: Script) -> None:
        self._stages = [stage(step, call, provider) for step in script if isinstance(step, Drop | Replace)]
        self._numbering = Numbering(call, provider)
        self._let_out = 0
        self._shows: dict[Step, range] = {}  # numbers, from 0, of the events let out when an edit first changed one

    def __bool__(self) -> bool:
        """Whether the script has such edits."""
        return bool(self._stages)

    def feed(self, raw: bytes) -> list[bytes]:
        """The events in place of this one, none while they are held back."""
        return self._noted(self._through([raw], 0))

    def end(self) -> list[bytes]:
        """What was held back; the stream is over."""
        out: list[bytes] = []
        for number, one in enumerate(self._stages):
            out += self._through(one.end(), number + 1)
        return self._noted(out)

    def held(self) -> bytes:
        """What is held back, as it came to the edit that holds it."""
        return b"".join(one.held() for one in reversed(self._stages))

    def asks(self, number: int) -> bool:
        """Whether `shown` will ask for this event, which has been let out."""
        return any(number in numbers for numbers in self._shows.values())

    @property
    def played(self) -> set[Step]:
        """The edits that changed something."""
        return {one.edit for one in self._stages if one.played}

    def shown(self, sent: Callable[[int], bool]) -> set[Step]:
        """The edits that changed something in events of which all were sent, by their numbers."""
        return {edit for edit in self.played if all(map(sent, self._shows[edit]))}

    @property
    def skipped(self) -> dict[Step, str]:
        """The edits that found nothing to change, and why."""
        return {one.edit: one.why for one in self._stages if not one.played}

    def _noted(self, events: list[bytes]) -> list[bytes]:
        """The events, counted; of one that was left out the next shows that it was."""
        for edit in self.played - self._shows.keys():
            self._shows[edit] = range(self._let_out, self._let_out + (len(events) or 1))
        self._let_out += len(events)
        return [self._numbering.close_up(raw) for raw in events]

    def _through(self, events: list[bytes], first: int) -> list[bytes]:
        for one in self._stages[first:]:
            events = [out for raw in events for out in one.feed(raw)]
        return events


def rewrite(call: Call, provider: Provider, step: Drop | Replace, body: bytes) -> tuple[bytes, str]:
    """A whole answer after one edit, and "" or why it stays as it is."""
    if isinstance(step, Drop) and step.what is Piece.END:
        return body, "a whole answer has no end event"
    view = provider.view(call, body, whole=True)
    if view is not None and change(step)(view.document, view.slots):
        return view.close(), ""
    says_calls = view is not None and step.what is Piece.TOOL and bool(view.slots.tool)
    return body, NO_ARGUMENTS if says_calls else WHY[step.what]
