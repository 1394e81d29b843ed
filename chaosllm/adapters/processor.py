"""How long this process was ready to run and had no core: the part of its load that its CPU time does not show."""

from __future__ import annotations

import os
from collections.abc import Callable


def waiting() -> Callable[[], float]:
    """Reads the seconds that the main thread has waited for a core; always 0 where the system does not tell.

    Linux does, in the second number of /proc/self/schedstat, nanoseconds (Documentation/scheduler/sched-stats.rst).
    """
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
