"""What went wrong, whose fault it is, and which exit code says so."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Exit(enum.IntEnum):
    """Exit codes of the command line (DESIGN section 5, contract)."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    COULD_NOT_RUN = 3
    INCONCLUSIVE = 4
    STOPPED = 5
    INTERRUPTED = 130


#: With several causes the first that applies wins (DESIGN section 5).
EXIT_PRECEDENCE: tuple[Exit, ...] = (
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.COULD_NOT_RUN,
    Exit.STOPPED,
    Exit.FAIL,
    Exit.INCONCLUSIVE,
    Exit.PASS,
)


def worst(codes: list[Exit]) -> Exit:
    """The code that a run of several scenarios ends with; `PASS` for none."""
    return next((code for code in EXIT_PRECEDENCE if code in codes), Exit.PASS)


class Blame(enum.StrEnum):
    """Whose mistake it was: never mixed (DESIGN law 9)."""

    SCENARIO = "scenario"  # the author's
    TARGET = "target"  # the app's
    TOOL = "tool"  # ours
    UPSTREAM = "upstream"  # a real provider error


#: Who the sentence is about: errors with these two to blame begin with a verb.
_SUBJECTS = {Blame.TARGET: "the app ", Blame.UPSTREAM: "the provider "}


class Level(enum.StrEnum):
    """How bad a problem is: a warning leaves the exit code alone."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Where:
    """A place in a file; lines and columns count from 1, 0 means unknown."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what the user gave us: where, what was found, what would work."""

    where: Where
    what: str
    hint: str = ""
    level: Level = Level.ERROR

    def __str__(self) -> str:
        return f"{self.where}: {self.level}: {self.what}" + (f" ({self.hint})" if self.hint else "")


class ChaosError(Exception):
    """An error with someone to blame; the command line prints it in one sentence, with no traceback."""

    def __init__(
        self, what: str, *, hint: str = "", blame: Blame = Blame.TOOL, exit_code: Exit = Exit.COULD_NOT_RUN
    ) -> None:
        super().__init__(what)
        self.what = what
        self.hint = hint
        self.blame = blame
        self.exit_code = exit_code

    @property
    def sentence(self) -> str:
        """What went wrong, with whom it is about: "the app ended by itself"."""
        return f"{_SUBJECTS.get(self.blame, '')}{self.what}"


class ScenarioError(ChaosError):
    """A scenario that cannot be run, with every problem found in it (at least one)."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(
            "\n".join(str(problem) for problem in problems),
            blame=Blame.SCENARIO,
            exit_code=Exit.USAGE,
        )
        self.problems = problems
