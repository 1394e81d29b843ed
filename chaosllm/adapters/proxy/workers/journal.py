"""The store of proxies on one machine: a file to which each appends what it changed, and reads what others did.

Laws:
1. A change is made under the file's lock, on what every earlier change left; the kernel gives the lock back when
   its holder dies.
2. A line counts when it is whole: one that a full disk or a kill cut off is struck out by whoever writes next.

A call costs 8 us of CPU alone and 12 beside a second process that does nothing else; SQLite (WAL, synchronous
off) 19 and 30, and its waits are sleeps of milliseconds (docs/decisions/0012). The file grows by some hundred
bytes a call, as the memory of a Plan does, and is gone with its folder.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

from chaosllm.errors import ChaosError
from chaosllm.store import Piece

_AT_ONCE = 1 << 18  # bytes of others' changes read at a time
#: How a line ends that its writer did not finish; no JSON ends so.
_STRUCK = b"!"
_SPLIT = b"\t"  # JSON writes a tab inside a name as \t


class Journal:
    """A Store in a file that several processes have open; one instance a process. Raises ChaosError."""

    def __init__(self, path: Path) -> None:
        self.ahead = 0.0
        self._packed: dict[bytes, bytes] = {}
        self._read = 0  # bytes
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise ChaosError(f"{path} cannot be written: {error.strerror}", hint="give a folder that can be") from error

    def change[P: Piece, R](self, name: str, kind: type[P], act: Callable[[P], R]) -> R:
        """As Store says; raises OSError when the disk is full."""
        key = json.dumps(name).encode()
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            torn = self._catch_up()
            before = self._packed.get(key)
            piece = kind() if before is None else kind.unpack(json.loads(before))
            done = act(piece)
            after = json.dumps(piece.pack(), separators=(",", ":")).encode()
            if after != before:
                line = key + _SPLIT + after + b"\n"
                self._append(_STRUCK + b"\n" + line if torn else line)
                self._read += torn
                self._packed[key] = after
            return done
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let the file go; what it holds stays for the others."""
        os.close(self._file)

    def _catch_up(self) -> int:
        """Read what others changed; the bytes of a last line that has no end."""
        rest = b""
        while data := os.pread(self._file, _AT_ONCE, self._read):
            self._read += len(data)
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if not line.endswith(_STRUCK):
                    key, _, packed = line.partition(_SPLIT)
                    self._packed[key] = packed
        self._read -= len(rest)
        return len(rest)

    def _append(self, line: bytes) -> None:
        written = os.write(self._file, line)
        if written < len(line):
            raise OSError(f"only {written} of {len(line)} bytes could be written")
        self._read += written
