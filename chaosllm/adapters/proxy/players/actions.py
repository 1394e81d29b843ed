"""What a player asks for: bytes to send now, and how an answer ends; and the notes it leaves for the log."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import Protocol

from chaosllm.providers import Usage
from chaosllm.script import Breach, Reset, Step


class End(enum.Enum):
    """How an answer ends on the wire."""

    PROPER = "proper"  # terminator, END_STREAM or the declared length: the connection lives on
    BROKEN = "broken"  # FIN without a terminator, RST_STREAM
    RESET = "reset"  # TCP RST
    GOAWAY = "goaway"  # HTTP/2: GOAWAY, then FIN

    @classmethod
    def of(cls, step: Reset) -> End:
        """How an answer ends that a step breaks."""
        return {Breach.RST: cls.RESET, Breach.GOAWAY: cls.GOAWAY}.get(step.how, cls.BROKEN)


@dataclass(frozen=True, slots=True)
class Begin:
    """Send the answer's headers (of a held answer; those of a stream have gone before the player starts)."""


@dataclass(slots=True)  # not frozen, because one is made for every event, and a frozen one takes twice the time
class Send:
    """Send these body bytes now."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Finish:
    """End the answer; what the upstream still sends is not wanted."""

    end: End


type Action = Begin | Send | Finish


@dataclass(slots=True)
class Notes:
    """What became of an answer; times are on the player's clock, text lives here only until the call ends."""

    bytes: int = 0
    events: int = 0  # of a stream, those that reached the app; the last of a cut one may be half
    t_first: float | None = None  # first text or tool arguments to the app
    finish: str | None = None  # that reached the app
    end_seen: bool = False  # reached the app
    usage: Usage | None = None  # as the upstream said, delivered or not
    tokens: int = 0  # received from the upstream, estimated
    complete: bool = False  # the upstream said all it had to say
    delivered: list[str] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)  # of tools, delivered
    withheld: list[str] = field(default_factory=list)
    asked: dict[str, float] = field(default_factory=dict)
    done: dict[str, float] = field(default_factory=dict)
    late: list[int] = field(default_factory=list)  # paced events by how late they left (`record.LATE`)
    late_max: float = 0.0  # seconds
    played: set[Step] = field(default_factory=set)  # steps that took effect to their end
    skipped: dict[Step, str] = field(default_factory=dict)  # steps that could not, and why
    shape: str = ""  # of the cut that was made
    cut: bool = False  # we ended the answer early, properly
    ours: bool = False  # what the app saw differs from what the upstream said

    def bill(self, usage: Usage | None) -> None:
        """Take a count of the upstream's; of several the larger of each number holds (`providers.Part.usage`)."""
        if usage is not None:
            before = self.usage or usage
            self.usage = Usage(
                max(before.input_tokens, usage.input_tokens), max(before.output_tokens, usage.output_tokens)
            )

    def ask(self, kind: str, seconds: float) -> None:
        """Add to the seconds asked for under `kind`."""
        self.asked[kind] = self.asked.get(kind, 0.0) + seconds

    def did(self, kind: str, seconds: float) -> None:
        """Add to the seconds measured under `kind`."""
        self.done[kind] = self.done.get(kind, 0.0) + seconds


class Player(Protocol):
    """Plays a script on one answer, sans-io: `now` comes in, actions go out. Times are monotonic seconds."""

    notes: Notes
    next_wake: float | None  # when `wake` is due, never before; None: not before more bytes come

    @property
    def held(self) -> int:
        """Bytes that wait for their time, so that there is no hurry to read more from the upstream.

        What waits for more bytes (an event that is not whole, a share of an unknown whole) is not counted.
        """

    @property
    def ending(self) -> bool:
        """Whether the answer is cut already, so that the rest of it cannot follow any more."""

    def start(self, now: float) -> list[Action]:
        """The headers were sent."""

    def data(self, data: bytes, now: float) -> list[Action]:
        """Body bytes came from the upstream."""

    def end(self, now: float) -> list[Action]:
        """The upstream's answer is whole."""

    def broken(self, now: float) -> list[Action]:
        """The upstream broke its answer off."""

    def wake(self, now: float) -> list[Action]:
        """`next_wake` has come; before it, nothing happens."""

    def observe(self, now: float) -> None:
        """Read what was sent; called after the sending, so that reading delays nobody."""

    def abandon(self) -> bytes:
        """Give up: all bytes not yet sent, unchanged, for a caller who passes the rest through."""
