"""Run folders as they were recorded on real processes, made small enough to be kept, and taken out again.

What judging does not read is left out: rendered files, prints of answers that no fault had to do with, digits below a
tenth of a millisecond, and paths and names of the machine.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from chaosllm.adapters import run_folder

HERE = Path(__file__).parent / "recorded"
_KEPT = (run_folder.SCENARIO, run_folder.META, run_folder.EVENTS, run_folder.SAMPLES, run_folder.SAMPLES_TEXT)
_DIGITS = 4  # of seconds


def pack(folders: Iterable[Path], archive: Path) -> None:
    """One archive of several run folders, slim; the same folders make the same bytes."""
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:xz", preset=9) as packed:
        for folder in sorted(folders):
            for name, data in _slim(folder):
                entry = tarfile.TarInfo(f"{folder.name}/{name}")
                entry.size, entry.mode = len(data), 0o600
                packed.addfile(entry, io.BytesIO(data))


def unpack(name: str, to: Path) -> list[Path]:
    """The run folders of the archive `recorded/<name>.tar.xz`, made below `to`."""
    with tarfile.open(HERE / f"{name}.tar.xz") as packed:
        packed.extractall(to, filter="data")
    return sorted(path for path in to.iterdir() if path.is_dir())


def _slim(folder: Path) -> Iterable[tuple[str, bytes]]:
    broken = set()
    events = []
    for line in run_folder.lines(folder / run_folder.EVENTS):
        if line.get("did") == "injected" and (line.get("status") or 0) < 300:
            broken.add(line.get("operation"))
        events.append(_rounded(line))
    samples = [
        line if line["operation"] in broken else {key: value for key, value in line.items() if key != "prints"}
        for line in run_folder.lines(folder / run_folder.SAMPLES_TEXT)
    ]
    meta = json.loads((folder / run_folder.META).read_text())
    yield run_folder.SCENARIO, (folder / run_folder.SCENARIO).read_bytes()
    yield run_folder.META, json.dumps(meta | {"app": "python"}).encode()
    yield run_folder.EVENTS, _lines(events)
    yield run_folder.SAMPLES_TEXT, _lines(samples)
    yield run_folder.SAMPLES, _columns(folder / run_folder.SAMPLES)
    if (folder / run_folder.CONTROL).exists():
        yield run_folder.CONTROL, _lines(map(_rounded, run_folder.lines(folder / run_folder.CONTROL)))


def _columns(path: Path) -> bytes:
    """Not compressed, because the archive does that better over all of them."""
    with np.load(path) as stored:
        columns = {name: np.round(of, _DIGITS) if of.dtype.kind == "f" else of for name, of in stored.items()}
    out = io.BytesIO()
    np.savez(out, **columns)
    return out.getvalue()


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS)
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value


def _lines(rows: Iterable[Any]) -> bytes:
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows).encode()
