"""Run folders as runs of some days ago leave them, and `clean` asked about them in the current folder."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from click.testing import CliRunner, Result

from chaosllm.commands import clean
from chaosllm.errors import ChaosError

DAY = 86_400


def run(path: Path | str, days: float = 1, **more: str) -> Path:
    """A run folder as a run of so many days ago leaves it."""
    folder = Path(path)
    folder.mkdir(parents=True)
    when = time.time() - days * DAY
    meta = {"schema": 1, "version": "0.1.0", "name": folder.name, "stopped": None}
    meta["started"] = datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")
    files = {
        "scenario.yaml": "version: 1\n", "meta.json": json.dumps(meta), "events.jsonl": "{}\n" * 100,
        "samples.npz": "x" * 1000, "samples.jsonl": "{}\n", "summary.json": '{"verdict": "pass"}', "report.html": "<p>",
        "summary.md": "", "junit.xml": "", "app.log": "", "plots/latency.svg": "<svg/>", "plots/latency.png": "",
    } | more  # fmt: skip
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    aged(folder, when)
    return folder


def aged(folder: Path, when: float) -> None:
    for path in (folder, *folder.rglob("*")):
        os.utime(path, (when, when), follow_symlinks=False)


def invoke(*words: object, told: str | None = None) -> Result:
    return CliRunner().invoke(clean.command, [str(word) for word in words], input=told, standalone_mode=False)


def ask(*words: object, told: str | None = None, code: int = 0) -> Result:
    """What it said, when it ended with this code."""
    done = invoke(*words, told=told)
    assert (done.exception, done.return_value) == (None, code), done.output
    return done


def refused(*words: object) -> ChaosError:
    error = invoke(*words).exception
    assert isinstance(error, ChaosError)
    return error


def there(folder: Path | str = "reports") -> list[str]:
    return sorted(str(path.parent.relative_to(folder)) for path in Path(folder).rglob("meta.json"))
