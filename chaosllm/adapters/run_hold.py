"""Says that a run folder is in use, so that nobody clears away what is still being written."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class Hold:
    """A run folder in use for as long as this object lives; the system lets go when its process dies, however it does.

    A lock of flock(2) on the folder itself, because a file with a process id outlives a kill. Where the file system
    has none (some network mounts) nothing is held, and only the age of the files tells.
    """

    def __init__(self, folder: Path) -> None:
        self._handle: int | None = None
        with contextlib.suppress(OSError):
            self._handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(self._handle, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def __del__(self) -> None:
        if self._handle is not None:
            os.close(self._handle)


def held(handle: int) -> bool:
    """Whether somebody holds the folder that this descriptor is open on; if not, we do until it is closed."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
