"""Writes samples as they end: fixed-width numbers to samples.bin, the rest to samples.jsonl.

Laws:
1. A kill loses at most what came since the last flush; a cut-off last record can be told by its length.
2. Numbers and hashes only: no prompt, no answer text.
"""

from __future__ import annotations

import json
import os
import struct
from base64 import b64encode
from math import nan
from pathlib import Path
from typing import BinaryIO

from chaosllm.record import OUTCOMES, Sample

#: operation, t_due, t_sent, t_first, t_last, t_end (NaN: never), status, chunks, chars, gap_max, outcome code.
RECORD = struct.Struct("<QdddddiiidB")
_CODE = {outcome: code for code, outcome in enumerate(OUTCOMES)}


def pack(sample: Sample) -> bytes:
    """The fixed-width record of a sample."""
    times = (sample.t_sent, sample.t_first, sample.t_last, sample.t_end)
    return RECORD.pack(
        sample.operation,
        sample.t_due,
        *(nan if time is None else time for time in times),
        sample.status,
        sample.chunks,
        sample.chars,
        sample.gap_max,
        _CODE[sample.outcome],
    )


def line(sample: Sample) -> bytes:
    """The line of samples.jsonl; `prints` are little-endian uint32s in base64."""
    stored = {
        "operation": sample.operation,
        "outcome": str(sample.outcome),
        "error": sample.error,
        "marks": sample.marks,
        "prints": b64encode(struct.pack(f"<{len(sample.prints)}I", *sample.prints)).decode(),
    } | ({"gaps": sample.gaps} if sample.gaps else {})
    return json.dumps(stored, separators=(",", ":")).encode() + b"\n"


class Samples:
    """The two files of one run; readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError when the folder cannot be written to."""
        self._numbers = _append(folder / "samples.bin")
        self._lines = _append(folder / "samples.jsonl")

    def add(self, sample: Sample) -> None:
        """Keeps a sample until the next flush."""
        self._numbers.write(pack(sample))
        self._lines.write(line(sample))

    def flush(self) -> None:
        """Hands everything to the operating system. Raises OSError when the disk is full."""
        self._numbers.flush()
        self._lines.flush()

    def close(self) -> None:
        """Flushes and closes; raises OSError when the disk is full."""
        try:
            self._numbers.close()
        finally:
            self._lines.close()


def _append(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab", buffering=1 << 20)
