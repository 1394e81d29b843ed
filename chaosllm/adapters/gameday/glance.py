"""Looks at the records of a run that is still going on, and says what was found so far; a child process of its own.

Its own, because judging takes a second of a processor, which the process that must stop a run has no time for.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

#: Less important than whatever is measured.
_NICE = 10


def look(folder: Path) -> list[dict[str, Any]]:
    """The findings so far, the worst first. Raises ChaosError or OSError while there is nothing to judge."""
    from chaosllm import verdict  # noqa: PLC0415  # late: brings NumPy
    from chaosllm.adapters import run_folder  # noqa: PLC0415  # as above

    found, _ = verdict.find(run_folder.load(folder))
    return [one.to_json() for one in found]


def main() -> int:
    """Lines of JSON: `{"folder": ...}` in, `{"type": "seen", "findings": [...], "took": s}` out for each."""
    with contextlib.suppress(OSError, AttributeError):
        os.nice(_NICE)
    for line in sys.stdin:
        begun, told = time.monotonic(), dict[str, Any](type="seen", findings=None, why="")
        try:
            command = json.loads(line)
            if command.get("do") == "stop":
                break
            if "folder" not in command:
                continue
            told["findings"] = look(Path(command["folder"]))
        except Exception as error:  # noqa: BLE001, RUF100  # records that grow may be read at a bad moment: the next look tells
            told["why"] = f"{type(error).__name__}: {error}"
        told["took"] = round(time.monotonic() - begun, 3)
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
