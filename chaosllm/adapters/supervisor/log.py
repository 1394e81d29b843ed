"""log.jsonl: what happened and who did it, an event a line, as it happens.

Laws:
1. A line is whole and on its way to disk before anybody else is told, so that a kill loses none that was seen.
2. Ticks are left out, which the records tell better; so is what only a page needs.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

FILE = "log.jsonl"
_LEFT_OUT = ("set", "add")


class Log:
    """Appends to one log.jsonl, or to several of them; `failed` is told once when one cannot be written."""

    def __init__(self, failed: Callable[[str], None] = lambda _: None) -> None:
        self._files: dict[Path, int] = {}
        self._failed = failed

    def open(self, folder: Path) -> None:
        """Write into this folder too, from now on. Raises OSError when that cannot be."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._files[folder] = os.open(folder / FILE, flags, 0o600)

    def close(self, folder: Path | None = None) -> None:
        """Write no more into it, or into any."""
        for one in [folder] if folder is not None else [*self._files]:
            if (file := self._files.pop(one, None)) is not None:
                os.close(file)

    def heard(self, event: Mapping[str, Any]) -> None:
        """An event happened."""
        if event["type"] == "tick":
            return
        line = json.dumps({name: value for name, value in event.items() if name not in _LEFT_OUT}, ensure_ascii=False)
        for folder, file in [*self._files.items()]:
            try:
                os.write(file, line.encode() + b"\n")
            except OSError as error:
                with contextlib.suppress(OSError):
                    self.close(folder)
                self._failed(f"{FILE} cannot be written: {error.strerror}")


def read(folder: Path) -> list[dict[str, Any]]:
    """The events of a log; none where there is no log, and without lines that are no events."""
    found = []
    with contextlib.suppress(OSError):
        # Not splitlines, which takes signs within a note for ends of lines, too.
        for line in (folder / FILE).read_text(encoding="utf-8", errors="replace").split("\n"):
            with contextlib.suppress(ValueError, RecursionError):
                event = json.loads(line)
                if isinstance(event, dict) and isinstance(event.get("type"), str):
                    found.append(event)
    return found
