"""How long a process was ready to run and had no core: the part of its load that its CPU time does not show.

Linux tells it in schedstat, in nanoseconds (Documentation/scheduler/sched-stats.rst).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

#: Threads that are looked at, which cost some 20 us each: those of an app that has more are not all seen.
MOST_THREADS = 500


def waiting() -> Callable[[], float]:
    """Reads the seconds that the main thread has waited for a core; always 0 where the system does not tell."""
    try:
        file = os.open("/proc/self/schedstat", os.O_RDONLY | os.O_CLOEXEC)  # kept: a second opening costs ten readings
    except OSError:
        return lambda: 0.0

    def waited() -> float:
        try:
            return int(os.pread(file, 64, 0).split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    return waited


class Threads:
    """What the threads of another process, and of all that it started, have had of the cores, added up.

    All of them, because in an app that serves by many threads they keep each other waiting for one that has no core.
    What they waited for each other's cores is left out, so far as can be told: as much of their waiting as they all
    together had of the cores.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self._before = dict(self._look())
        self._at = time.monotonic()
        self._cpu = self._wait = 0.0
        self.told = False  # whether the system tells at all

    def cpu(self) -> float:
        """Seconds on a core so far, after a new look."""
        now, at = dict(self._look()), time.monotonic()
        ran = waited = 0.0
        for thread, found in now.items():
            was = self._before.get(thread, (0.0, 0.0))
            ran, waited = ran + max(found[0] - was[0], 0.0), waited + max(found[1] - was[1], 0.0)
        others = 1 - min(ran / (self._cores * max(at - self._at, 1e-3)), 1.0)
        self._cpu, self._wait = self._cpu + ran, self._wait + waited * others
        self._before, self._at, self.told = now, at, self.told or bool(now)
        return self._cpu

    def wait(self) -> float:
        """Seconds ready and without a core that others had, as of the last look."""
        return self._wait

    def _look(self) -> Iterator[tuple[int, tuple[float, float]]]:
        """Each thread and its seconds (on a core, waiting for one) since it began."""
        left, seen = [self._pid], 0
        while left and seen < MOST_THREADS:
            for thread in _entries(Path(f"/proc/{left.pop()}/task")):
                seen += 1
                if len(told := _words(thread / "schedstat")) > 1:
                    yield int(thread.name), (int(told[0]) / 1e9, int(told[1]) / 1e9)
                left += [int(child) for child in _words(thread / "children")]


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # it has ended, or this is no Linux
        return []


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
