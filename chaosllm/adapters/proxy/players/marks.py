"""Where in an answer a step takes hold: positions held against a stream whose length is not known yet.

A share of a live stream is found with a delay line: an event may leave when the share of what has
come so far already covers it, because the whole can only be longer.

    come so far  |====================|         share 50 %
    may leave    |==========|                   the rest waits until more comes, or the end
"""

from __future__ import annotations

from dataclasses import dataclass

from chaosllm.providers import Part
from chaosllm.script import (
    Cut,
    Duplicate,
    Insert,
    Position,
    Reorder,
    Repeat,
    Reset,
    Script,
    Shape,
    Spoil,
    Stall,
    Unit,
)
from chaosllm.units import estimate_tokens

type Marked = Stall | Cut | Reset | Insert | Duplicate | Reorder | Spoil | Repeat

_EPSILON = 1e-9  # 0.3 * 10 is 2.9999999999999996


@dataclass(slots=True)
class Tally:
    """How much of an answer has gone by. Characters and tokens are those of text and of tool arguments."""

    text: int = 0
    tool: int = 0
    tokens: int = 0
    tool_tokens: int = 0
    events: int = 0
    bytes: int = 0
    finished: bool = False  # the finish reason has been said

    def add(self, part: Part) -> None:
        """Count one event."""
        if part.text:
            self.text += len(part.text)
            self.tokens += estimate_tokens(part.text)
        if part.tool:
            tokens = estimate_tokens(part.tool)
            self.tool += len(part.tool)
            self.tool_tokens += tokens
            self.tokens += tokens
        self.events += 1
        self.bytes += len(part.raw)
        self.finished = self.finished or part.finish is not None


@dataclass(frozen=True, slots=True)
class Spot:
    """The mark falls into this event: after `keep` characters, or after `offset` bytes where bytes count."""

    keep: int = 0
    offset: int | None = None


class Hold:
    """Not known yet: the event must wait for more of the answer, or for its end."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A step and its position."""

    step: Marked
    at: Position

    @property
    def in_tool(self) -> bool:
        """Whether only tool arguments count."""
        return isinstance(self.step, Cut) and self.step.shape is Shape.TOOL

    def find(self, part: Part, passed: Tally, come: Tally, *, ended: bool) -> Spot | Hold | None:
        """Where the mark lies against the next event; None when the event is wholly before it.

        `passed` counts the events before this one, `come` all that the upstream has sent, `ended`
        that it has sent everything.
        """
        size = len(part.tool) if self.in_tool else len(part.text) + len(part.tool)
        if self.in_tool and not size:
            return None
        match self.at.unit:
            case Unit.SHARE:
                return self._share(size, passed, come, ended)
            case Unit.TOKENS:
                return self._tokens(part, size, passed)
            case Unit.EVENTS:
                if passed.events < self.at.value:
                    return None
                return Spot(size // 2 if self.in_tool else 0)
            case Unit.BYTES:
                if passed.bytes + len(part.raw) <= self.at.value:
                    return None
                return Spot(size // 2 if self.in_tool else 0, max(0, int(self.at.value) - passed.bytes))
            case Unit.FINISH:
                return Spot() if passed.finished else None

    def _share(self, size: int, passed: Tally, come: Tally, ended: bool) -> Spot | Hold | None:
        before = passed.tool if self.in_tool else passed.text + passed.tool
        total = come.tool if self.in_tool else come.text + come.tool
        place = int(self.at.value * total + _EPSILON)
        if not ended:
            safe = before + size <= place if size else before == 0 or before < place
            return None if safe else Hold()
        if not size:
            return None if before == 0 or before < place else Spot()
        return None if before + size <= place else Spot(max(0, place - before))

    def _tokens(self, part: Part, size: int, passed: Tally) -> Spot | None:
        before = passed.tool_tokens if self.in_tool else passed.tokens
        tokens = estimate_tokens(part.tool) + (0 if self.in_tool else estimate_tokens(part.text))
        if not size:
            return None if before == 0 or before < self.at.value else Spot()
        if before + tokens <= self.at.value:
            return None
        return Spot(int(size * max(0.0, self.at.value - before) / tokens + _EPSILON))


def marks(script: Script) -> list[Mark]:
    """The steps of a script that take hold at a position of the body, in order."""
    return [
        Mark(step, step.at)
        for step in script
        if isinstance(step, Stall | Cut | Insert | Reset | Duplicate | Reorder | Spoil | Repeat)
        and isinstance(step.at, Position)
    ]


#: Why a mark that was met left every event alone.
_LEFT_ALONE = {
    Duplicate: "no event there says anything",
    Reorder: "no other event follows there",
    Spoil: "no event there has what is to be damaged",
}


def why_unreached(mark: Mark, come: Tally) -> str:
    """Why a mark was never met in an answer that is over."""
    if mark.in_tool and not come.tool:
        return "the answer calls no tool"
    if (mark.at.unit is Unit.SHARE and not come.text + come.tool) or (isinstance(mark.step, Repeat) and not come.text):
        return "the answer has no text"
    if mark.at.unit is Unit.FINISH:
        return "nothing follows the finish reason" if come.finished else "the answer says no finish reason"
    met = mark.find(Part(b"."), come, come, ended=True)
    return (_LEFT_ALONE.get(type(mark.step)) if met is not None else None) or (
        f"the answer ended before {mark.at.value:g} {mark.at.unit}"
    )
