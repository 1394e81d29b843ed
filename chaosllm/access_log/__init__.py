"""The app's own access log, read as what users got: lines in, requests and problems out; no file is opened here.

Laws:
1. A line that cannot be used is told with its number, what was found and what would work; the others are kept.
2. A unit is never guessed: it stands in the name of a field, in its value, or in the make of log that is recognised.
3. Nothing of a line is kept but times, status, outcome and ids, and of those only hashes reach a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Problems kept with their words; the rest is counted.
MOST_PROBLEMS = 20
#: Characters of a line; what is longer is no access log's.
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One request of the log; `start` is UNIX seconds by the log's clock, `seconds` how long it took."""

    line: int
    start: float
    seconds: float
    status: int  # 0: none was sent
    outcome: str = ""  # the log's own word, in those of `record.Outcome`
    ids: tuple[str, ...] = ()
    path: str = ""


@dataclass(slots=True)
class Log:
    """What was read; `problems` are (line, what, hint) of the first bad lines, `bad` counts all of them."""

    entries: list[Entry] = field(default_factory=list)
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    bad: int = 0
    lines: int = 0
    flags: bool = False  # whether a line says that its answer was degraded, or what came of it
    naive: bool = False  # whether times came without a zone
    coarse: bool = True  # whether all times are whole seconds
    starts: bool = False  # whether a line's time is when the request began

    def wrong(self, line: int, what: str, hint: str = "") -> None:
        """Note a line that cannot be used."""
        self.bad += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append((line, what, hint))


class UnusableError(ValueError):
    """A value that cannot be used; `hint` is what would work."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(what)
        self.hint = hint
