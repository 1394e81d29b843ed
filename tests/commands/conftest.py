"""What tests of several commands share."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaosllm.adapters import baselines
from chaosllm.snapshot import Snapshot

#: Snapshots of run folders, by the folder and what lay in it.
_JUDGED: dict[object, Snapshot] = {}


@pytest.fixture
def judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges a run folder anew only when a file of it has changed, because that takes a third of a second."""
    judge = baselines.of_run

    def of_run(folder: Path) -> Snapshot:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        key = (folder.resolve(), tuple((path, path.stat().st_mtime_ns, path.stat().st_size) for path in files))
        if key not in _JUDGED:
            _JUDGED[key] = judge(folder)
        return _JUDGED[key]

    monkeypatch.setattr(baselines, "of_run", of_run)
