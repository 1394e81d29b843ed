"""The events of one stream that have come and not gone yet, in their order; and how much has come in all."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from chaosllm.adapters.proxy.players.marks import Mark, Tally
from chaosllm.providers import Part
from chaosllm.units import estimate_tokens


@dataclass(slots=True)
class Item:
    """An event in the line."""

    part: Part
    at: float  # when it came
    number: int = -1  # which event of those that edits left it is, from 0; -1: of our own making
    tokens: int = 0

    def __post_init__(self) -> None:
        """Count its tokens once."""
        self.tokens = estimate_tokens(self.part.text) + (estimate_tokens(self.part.tool) if self.part.tool else 0)


class Line:
    """Holds events; `come` counts all that were ever put, `bytes` those that stand in it now."""

    def __init__(self) -> None:
        self.come = Tally()
        self.bytes = 0
        self.missed: list[Mark] = []  # marks that cannot strike the event in front
        self.t_text: float | None = None  # when the first text came
        self._items: deque[Item] = deque()
        self._taken: Item | None = None  # off the line, not sent yet

    def __len__(self) -> int:
        """How many events stand in it."""
        return len(self._items)

    @property
    def front(self) -> Item:
        """The next event; there must be one."""
        return self._items[0]

    def put(self, part: Part, now: float) -> None:
        """The next event of the upstream's."""
        if part.text and self.t_text is None:
            self.t_text = now
        self._items.append(Item(part, now, self.come.events))
        self.come.add(part)
        self.bytes += len(part.raw)

    def take(self) -> Item:
        """The next event, off the line; kept in sight until it is `gone`, for `unsent`."""
        self._taken = item = self._items.popleft()
        self.bytes -= len(item.part.raw)
        self.missed.clear()
        return item

    def put_back(self, item: Item) -> None:
        """An event that is to be the next again."""
        self._items.appendleft(item)
        self.bytes += len(item.part.raw)

    def lead(self, first: Item, second: Item) -> None:
        """Put these in the places of the two in front."""
        for _ in range(2):
            self.bytes -= len(self._items.popleft().part.raw)
        self.put_back(second)
        self.put_back(first)
        self.missed.clear()

    def two(self) -> tuple[Item, Item] | None:
        """The two in front, where there are two."""
        return (self._items[0], self._items[1]) if len(self._items) > 1 else None

    def gone(self) -> None:
        """What was taken off has been sent."""
        self._taken = None

    def unsent(self) -> Iterator[bytes]:
        """Each event that has come and was not sent."""
        if self._taken is not None:
            yield self._taken.part.raw
        yield from (item.part.raw for item in self._items)
