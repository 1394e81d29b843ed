"""Which runs stay and which may go, by number, age and size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaosllm.units import format_duration, format_size


@dataclass(frozen=True, slots=True)
class Stored:
    """A run on disk, or a sweep or a day with all of its runs; `started` in seconds since 1970, `size` in bytes."""

    name: str
    started: float
    size: int


@dataclass(frozen=True, slots=True)
class Retention:
    """What is to stay. None asks nothing.

    The newest `keep` stay whatever else is asked. Of the others those go that are older than `older_than` seconds,
    and then the oldest until all take at most `max_size` bytes. Where neither is asked, all of the others go.
    """

    keep: int | None = None
    older_than: float | None = None
    max_size: int | None = None

    def going(self, runs: Sequence[Stored], now: float) -> dict[str, str]:
        """Name -> why it goes, the newest first; `now` in seconds since 1970."""
        newest = sorted(runs, key=lambda run: (-run.started, run.name))
        if self.keep is None and self.older_than is None and self.max_size is None:
            return {}
        found, total, full = dict[str, str](), 0, False
        for place, run in enumerate(newest):
            stays = place < (self.keep or 0)
            full = full or (not stays and self.max_size is not None and total + run.size > self.max_size)
            if why := "" if stays else self._why(run, now, full=full):
                found[run.name] = why
            else:
                total += run.size
        return found

    def _why(self, run: Stored, now: float, *, full: bool) -> str:
        if self.older_than is None and self.max_size is None:
            return f"not among the newest {self.keep}" if self.keep else "none is to stay"
        if self.older_than is not None and now - run.started > self.older_than:
            return f"older than {format_duration(self.older_than)}"
        return f"beyond {format_size(self.max_size)}" if full and self.max_size is not None else ""
