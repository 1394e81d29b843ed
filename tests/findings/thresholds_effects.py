"""Thresholds of side effects that run twice."""

from __future__ import annotations

from dataclasses import dataclass

import run_factory as made
from run_factory import Operation, Try, only_in_storm, refused
from thresholds import Threshold

from chaosllm.join import Run
from chaosllm.record import Effect, Event, Sample


def sent(id: int, *, arguments: int = 1, result: int | None = None, tool: str = "send_email") -> Effect:
    """A run of the tool; each has a result of its own unless said otherwise."""
    return Effect(tool, arguments, id, 100 + id if result is None else result)


@dataclass(frozen=True)
class Turn:
    """A call of an agent: the runs whose results it brings, whether the fault refuses it, which distinct call it is."""

    brings: tuple[Effect, ...] = ()
    refused: bool = False
    index: int = 0

    def attempt(self, at: float) -> Try:
        made_of = refused(at, retry_after=None, index=self.index) if self.refused else Try(at, index=self.index)
        made_of.fields = made_of.fields | {"effects": list(self.brings)}
        return made_of


def agent(*turns: Turn) -> Operation:
    """An operation of these calls, one after the other."""
    tries = [turn.attempt(0.2 * place) for place, turn in enumerate(turns)]
    return Operation(seconds=0.2 * len(turns), tries=tries)


ASKS = Turn()
#: Well: the tool runs, its result is told, the model answers.
WELL = (ASKS, Turn((sent(1),), index=1))
#: The result is told in vain, and the app begins again: the model gives another id, and the tool runs again.
AGAIN = (ASKS, Turn((sent(1),), refused=True, index=1), ASKS, Turn((sent(2),), index=2))


def effects(*turns: Turn, hits: int = 400, calm: tuple[Turn, ...] = WELL, calm_often: float = 1.0) -> Run:
    """So many operations of the storm go so; the others, and a share of those elsewhere, go as `calm`."""
    stormy = only_in_storm(lambda number: agent(*turns) if number - 500 < hits else agent(*WELL))

    def conduct(number, due, phase):
        if phase.name == "storm":
            return stormy(number, due, phase)
        return agent(*(calm if number % 1000 < 1000 * calm_often else WELL))

    return made.run(conduct)


def _calm_everywhere() -> Run:
    """The app repeats itself, and no call meets a fault."""
    without = (ASKS, Turn((sent(1),), index=1), ASKS, Turn((sent(2),), index=2))
    return effects(*without)


def _unknown_operations() -> Run:
    """The same as AGAIN, but no call is known to belong to an operation."""

    def forget(samples: list[Sample], events: list[Event]) -> None:
        for event in events:
            event.operation = None

    return made.run(only_in_storm(lambda number: agent(*AGAIN)), change=forget)


def _again(*brings: Effect, index: int = 2, more: tuple[Turn, ...] = ()) -> Run:
    """The result of the first run is told in vain, then these runs."""
    return effects(*AGAIN[:2], *more, Turn(brings, index=index))


_TWICE_IN_ONE_TURN = (ASKS, Turn((sent(1), sent(2)), refused=True, index=1), Turn((sent(1), sent(2)), index=1))
_MODEL_ASKS_AGAIN = Turn((sent(1),), index=1)

THRESHOLDS = (
    Threshold("duplicate_side_effect", "one is enough", lambda: effects(hits=0), lambda: effects(*AGAIN, hits=1)),
    Threshold("duplicate_side_effect", "a fault was met", _calm_everywhere, lambda: effects(*AGAIN)),
    Threshold(
        "duplicate_side_effect", "the same arguments",
        lambda: _again(sent(2, arguments=2), more=(ASKS,)), lambda: _again(sent(2), more=(ASKS,)),
    ),
    Threshold(
        "duplicate_side_effect", "the same tool",
        lambda: _again(sent(2, tool="charge"), more=(ASKS,)), lambda: _again(sent(2), more=(ASKS,)),
    ),
    Threshold(
        "duplicate_side_effect", "another call of the model's",
        lambda: _again(sent(1), index=1), lambda: _again(sent(2), more=(ASKS,)),
    ),
    Threshold(
        "duplicate_side_effect", "an answer asked for each run",
        lambda: _again(sent(2)), lambda: _again(sent(2), more=(ASKS,)),
    ),
    Threshold(
        "duplicate_side_effect", "not of one turn", lambda: effects(*_TWICE_IN_ONE_TURN), lambda: effects(*AGAIN)
    ),
    Threshold(
        "duplicate_side_effect", "the fault comes before the second run",
        lambda: effects(
            ASKS, Turn((sent(1),), index=1), ASKS, Turn((sent(2),), refused=True, index=2), Turn((sent(2),), index=2)
        ),
        lambda: effects(*AGAIN),
    ),
    Threshold(
        "duplicate_side_effect", "run in this operation, not in an earlier turn",
        lambda: effects(Turn((sent(1),)), Turn((sent(1),), refused=True, index=1), ASKS, Turn((sent(2),), index=2)),
        lambda: effects(*AGAIN),
    ),
    Threshold(
        "duplicate_side_effect", "what knows of the first run follows a call that was not asked again as it was",
        lambda: _again(sent(1), sent(2), more=(_MODEL_ASKS_AGAIN,)),
        lambda: _again(sent(1), sent(2), index=3, more=(Turn((sent(1),), index=2),)),
    ),
    Threshold(
        "duplicate_side_effect", "not the app's way when nothing fails, in more than 1% of operations",
        lambda: effects(*AGAIN, calm=(ASKS, WELL[1], ASKS, Turn((sent(2),), index=2)), calm_often=0.02),
        lambda: effects(*AGAIN, calm=(ASKS, WELL[1], ASKS, Turn((sent(2),), index=2)), calm_often=0.005),
    ),
    Threshold(
        "duplicate_side_effect", "calls are known to belong to one operation",
        _unknown_operations, lambda: effects(*AGAIN),
    ),
)  # fmt: skip
