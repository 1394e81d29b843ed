"""What `clean` does with the pages of suites."""

from __future__ import annotations

import json
import time
from pathlib import Path

import old_run_factory as made
import pytest

from chaosllm.adapters import old_runs


def suite(folder: Path, **more: str) -> Path:
    """A suite's page as one of two days ago leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = {"schema": 1, "kind": "suite", "suite": "nightly", "started": "2020-01-01T00:00:00+00:00", "runs": [{}, {}]}
    for name, text in ({"summary.json": json.dumps(kept), "report.html": "<p>"} | more).items():
        (folder / name).write_text(text)
    made.aged(folder, time.time() - 2 * made.DAY)
    return folder


def test_a_page_alone_may_go(tmp_path: Path) -> None:
    """A suite's page whose runs lie elsewhere, or are gone, is removed as a run is."""
    suite(tmp_path / "nightly")
    (old,) = old_runs.find(tmp_path, time.time()).runs
    assert (old.scenario, old.verdict) == ("nightly", "page of 2")
    old_runs.remove(old)
    assert not (tmp_path / "nightly").exists()


def test_a_page_stays_with_its_runs(tmp_path: Path) -> None:
    """Beside runs it stays; each of those is looked at for itself."""
    made.run(tmp_path / "nightly" / "one", 3)
    suite(tmp_path / "nightly")
    assert [old.path.name for old in old_runs.find(tmp_path, time.time()).runs] == ["one"]


@pytest.mark.parametrize("more", [{"mine.txt": "x"}, {"summary.json": "{}"}, {"summary.json": "["}])
def test_what_is_no_page_stays(tmp_path: Path, more: dict[str, str]) -> None:
    """A folder with a stranger's file, or another summary, is not touched."""
    suite(tmp_path / "nightly", **more)
    assert not old_runs.find(tmp_path, time.time()).runs
