"""What a benchmark says: tables to read, and figures with a bar that they hold or do not."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.contestants import Ground


@dataclass(frozen=True)
class Figure:
    """One number against its bar; `most` and `least` are the bar's sides, None where it has none."""

    what: str
    value: float
    unit: str = ""
    most: float | None = None
    least: float | None = None
    digits: int = 2

    @property
    def holds(self) -> bool:
        """Whether the number is on the right side of the bar."""
        return (self.most is None or self.value <= self.most) and (self.least is None or self.value >= self.least)

    @property
    def shown(self) -> str:
        """The number with its unit."""
        return f"{self.value:.{self.digits}f}{self.unit}"

    @property
    def bar(self) -> str:
        """The bar with its unit."""
        sides = ((self.least, ">="), (self.most, "<="))
        return " and ".join(f"{sign} {side:g}{self.unit}" for side, sign in sides if side is not None)


@dataclass
class Section:
    """One benchmark: what was done, a table, figures, and what could not be measured."""

    title: str
    method: str
    columns: Sequence[str] = ()
    rows: list[Sequence[str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Run:
    """One go: the ground it stands on, how long it may take, and where it says how far it is."""

    ground: Ground
    quick: bool
    say: Callable[[str], None]

    def tried[T](self, section: Section, what: str, work: Callable[[], T]) -> T | None:
        """What the work gives; when it cannot be had the section says so, and the run goes on."""
        try:
            return work()
        except (RuntimeError, OSError, ValueError, KeyError, AssertionError) as error:
            section.missing.append(f"{what}: {error}")
            self.say(f"  {what} could not be measured: {error}")
            return None


def median(of: Iterable[Mapping[str, Any]], key: str) -> float:
    """The median over rounds of one number of their answers. Raises ValueError where no round has it."""
    values = [one[key] for one in of if one.get(key) is not None]
    if not values:
        raise ValueError(f"no round measured {key}")
    return float(statistics.median(values))


def microseconds(seconds: float) -> str:
    """Processor time of one call or event."""
    return f"{seconds * 1e6:.1f}"


def milliseconds(seconds: float) -> str:
    """Wall time."""
    return f"{seconds * 1e3:.2f}"
