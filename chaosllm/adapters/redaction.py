"""Takes secrets out of a run folder's logs and records, once every process that writes them is stopped.

Until then they stand there as the app wrote them, readable by their owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from chaosllm.errors import ChaosError
from chaosllm.variables import Redactor

_BLOCK = 1 << 20


def hidden(error: ChaosError | None, redactor: Redactor) -> ChaosError | None:
    """An error that may be shown: what an app said last may hold a secret."""
    if error is not None:
        error.what, error.hint = redactor.text(error.what), redactor.text(error.hint)
    return error


def scrub(folder: Path, redactor: Redactor) -> None:
    """Rewrite the logs and records in which a secret stands; raises OSError when the disk is full."""
    if not redactor:
        return
    for path in sorted(folder.iterdir()):
        if path.suffix == ".log" and _holds(path, redactor):
            _replace(path, _hidden(path, redactor))
        elif path.suffix == ".jsonl" and _holds(path, redactor):
            _replace(path, (_line(line, redactor) for line in path.open("rb")))


def _holds(path: Path, redactor: Redactor) -> bool:
    kept = b""
    with path.open("rb") as file:
        while data := file.read(_BLOCK):
            if redactor.finds(kept + data):
                return True
            kept = (kept + data)[-redactor.longest :]
    return False


def _hidden(path: Path, redactor: Redactor) -> Iterator[bytes]:
    """The file in pieces, cut so that no secret lies across two of them."""
    kept = b""
    with path.open("rb") as file:
        while data := file.read(_BLOCK):
            kept += data
            end = redactor.past(kept, max(len(kept) - redactor.longest, 0))
            yield redactor.raw(kept[:end])
            kept = kept[end:]
    yield redactor.raw(kept)


def _line(line: bytes, redactor: Redactor) -> bytes:
    if not redactor.finds(line):
        return line
    try:
        return json.dumps(redactor.value(json.loads(line)), separators=(",", ":")).encode() + b"\n"
    except ValueError:  # the last line of a run that was killed
        return redactor.raw(line)


def _replace(path: Path, pieces: Iterator[bytes]) -> None:
    beside = path.with_name(f"{path.name}.part")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        for piece in pieces:
            file.write(piece)
    beside.replace(path)
