"""The safety lever: a file or a URL that, while it is set, refuses every start and stops what runs.

Laws:
1. Set is what is there: a file of that name, whatever it holds; an answer whose first word is not a no.
2. A lever that cannot be read is no lever: nothing starts, and what runs is stopped after FAILURES readings in a row.
"""

from __future__ import annotations

import enum
import errno
from dataclasses import dataclass

from chaosllm.live.stopping import Reading, Stop
from chaosllm.probes import Answer

#: Readings that fail in a row before what runs is stopped: one may be a dropped packet.
FAILURES = 2
#: First words of an answer that say that a lever is not set.
RELEASED = ("", "0", "false", "off", "no", "released")
#: The same of a status, whatever the body: there is nothing.
_NOTHING = (204, 404)


class State(enum.StrEnum):
    """How a lever stands."""

    SET = "set"
    RELEASED = "released"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look at a lever gave; `why` says what kept it from being read."""

    state: State
    why: str = ""


def is_url(lever: str) -> bool:
    """Whether a lever is asked, and not looked for on the disk."""
    return "://" in lever


def of_answer(answer: Answer) -> Seen:
    """A lever that is a URL. The body is compared, and never shown."""
    if answer.error:
        return Seen(State.UNREADABLE, answer.error)
    if answer.status in _NOTHING:
        return Seen(State.RELEASED)
    if not 200 <= answer.status < 300:
        return Seen(State.UNREADABLE, f"it answers {answer.status}")
    word = next(iter(answer.text.split()), "").strip("\"'.,;").lower()
    return Seen(State.RELEASED if word in RELEASED else State.SET)


def of_look(error: int | None, *, folder: bool) -> Seen:
    """A lever that is a file: `error` of looking for it, None when it is there; `folder`: whether its folder is.

    Without its folder nobody could set it, so that a name that is misspelt or a volume that is gone is no lever.
    """
    if error is None:
        return Seen(State.SET)
    if error == errno.ENOENT and folder:
        return Seen(State.RELEASED)
    if error == errno.ENOENT:
        return Seen(State.UNREADABLE, "its folder is not there")
    return Seen(State.UNREADABLE, errno.errorcode.get(error, f"error {error}"))


@dataclass(slots=True)
class LeverWatch:
    """One lever through a run: told what was seen, it says when everything ends."""

    lever: str  # as it is shown, such as "the safety lever /run/chaos-off"
    seen: Seen | None = None
    failed: int = 0  # readings in a row

    def take(self, seen: Seen) -> Stop | None:
        """Take one reading; a Stop when the lever is set, or could not be read FAILURES times in a row."""
        self.seen = seen
        self.failed = self.failed + 1 if seen.state is State.UNREADABLE else 0
        if seen.state is State.SET:
            return Stop("lever", f"{self.lever} is set", "lever")
        if self.failed >= FAILURES:
            return Stop("lever", f"{self.lever} cannot be read: {seen.why}", "lever")
        return None

    def reading(self) -> Reading:
        """Where it stands."""
        state = None if self.seen is None else self.seen.state
        said = "" if self.seen is None else self.seen.why or str(self.seen.state)
        value = None if state is None else float(FAILURES if state is State.SET else self.failed)
        holds = state is State.SET or self.failed >= FAILURES
        return Reading(f"{self.lever} is set", value, float(FAILURES), "count", holds, "lever", said)
