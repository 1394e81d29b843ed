"""Run folders survive kills, keep their modes, and are refused when they are somebody else's."""

from __future__ import annotations

import base64
import json
import stat
import struct
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from chaosllm import verdict
from chaosllm.adapters import run_folder
from chaosllm.errors import ChaosError, Exit
from chaosllm.record import OUTCOMES, Event, Outcome

NOW = datetime(2026, 11, 23, 12, 0, 0)
NAN = float("nan")
SCENARIO = """\
version: 1
name: small
target: {operation: {path: /chat, json: {message: "{prompt}"}, answer: $.answer}}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: baseline, duration: 5s}
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def record(operation: int, outcome: Outcome = Outcome.GOOD, t: float = 1.0) -> bytes:
    return struct.pack(
        "<QdddddiiidB", operation, t, t, t + 0.1, t + 0.2, t + 0.3, 200, 4, 90, 0.05, OUTCOMES.index(outcome)
    )


def a_run(folder: Path, *, cut: bool = False) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    run_folder.write(folder / run_folder.SCENARIO, SCENARIO)
    run_folder.write_json(folder / run_folder.META, {"schema": 1, "seed": 0, "failures": [], "stopped": None})
    prints = base64.b64encode(struct.pack("<3I", 1, 2, 2**32 - 1)).decode()
    rows = [{"operation": n, "outcome": "good", "error": "", "marks": ["end_seen"], "prints": prints} for n in range(3)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    events = "".join(
        json.dumps(Event(f"op-{n}/call-0", 1.0 + n, operation=n, phase="baseline").to_json()) + "\n" for n in range(3)
    )
    raw = b"".join(record(n, t=1.0 + n) for n in range(3))
    (folder / run_folder.SAMPLES_TEXT).write_text(text[:-20] if cut else text)
    (folder / run_folder.EVENTS).write_text(events[:-5] if cut else events)
    (folder / run_folder.SAMPLES_RAW).write_bytes(raw[:-30] if cut else raw)
    return folder


def test_modes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is 0700, its files 0600, and what the process's mask says does not matter."""
    monkeypatch.chdir(tmp_path)
    folder = run_folder.create("storm", None, NOW)
    assert folder == Path("reports/storm-20261123-120000")
    run_folder.write_json(folder / "meta.json", {"a": NAN, "b": [float("inf")]})
    assert mode(folder) == 0o700
    assert mode(folder / "meta.json") == 0o600
    assert json.loads((folder / "meta.json").read_text()) == {"a": None, "b": [None]}


def test_two_runs_in_one_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs of one second never share a folder."""
    monkeypatch.chdir(tmp_path)
    assert len({run_folder.create("storm", None, NOW) for _ in range(3)}) == 3


def test_foreign_folder_is_refused(tmp_path: Path) -> None:
    """`--out` never touches a folder that holds anything else than an earlier run."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ChaosError, match=r"notes\.txt") as caught:
        run_folder.create("storm", tmp_path, NOW)
    assert caught.value.exit_code is Exit.USAGE
    assert (tmp_path / "notes.txt").read_text() == "mine"
    with pytest.raises(ChaosError, match="is a file"):
        run_folder.create("storm", tmp_path / "notes.txt", NOW)


def test_earlier_run_is_taken_over(tmp_path: Path) -> None:
    """`--out` replaces an earlier run, and nothing of it is left to be mixed with the new one."""
    folder = a_run(tmp_path / "run")
    (folder / run_folder.PLOTS).mkdir()
    (folder / run_folder.PLOTS / "latency.svg").write_text("<svg/>")
    assert run_folder.create("storm", folder, NOW) == folder
    assert not [*folder.iterdir()]


def test_samples_are_packed_and_loaded(tmp_path: Path) -> None:
    """What the driver recorded comes back column by column, marks and prints on the right rows."""
    folder = a_run(tmp_path / "run")
    assert run_folder.pack_samples(folder) == 3
    assert not (folder / run_folder.SAMPLES_RAW).exists()
    assert mode(folder / run_folder.SAMPLES) == 0o600
    run = run_folder.load(folder)
    assert run.samples.operation.tolist() == [0, 1, 2]
    assert run.samples.t_end.tolist() == pytest.approx([1.3, 2.3, 3.3])
    assert list(run.samples.prints[2]) == [1, 2, 2**32 - 1]
    assert list(run.samples.marks[0]) == ["end_seen"]
    assert run.match_rate == 1.0
    assert run.meta["missing"] == []


def test_killed_run_is_readable(tmp_path: Path) -> None:
    """A kill in the middle of a record or line costs that record, and nothing else."""
    folder = a_run(tmp_path / "run", cut=True)
    run = run_folder.load(folder)
    assert run.samples.operation.tolist() == [0, 1]
    assert len(run.events) == 2
    assert (folder / run_folder.SAMPLES_RAW).exists(), "reading changes nothing"
    assert run_folder.pack_samples(folder) == 2
    assert np.array_equal(run_folder.load(folder).samples.operation, [0, 1])


def test_missing_files_are_named(tmp_path: Path) -> None:
    """A folder without records loads as an empty run that says what is missing."""
    folder = tmp_path / "run"
    folder.mkdir()
    run_folder.write(folder / run_folder.SCENARIO, SCENARIO)
    run_folder.write_json(folder / run_folder.META, {"schema": 1})
    run = run_folder.load(folder)
    assert len(run.samples) == 0
    assert run.meta["missing"] == ["events.jsonl", "samples.jsonl", "samples.npz"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (None, "no run folder"),
        ("{", "is no JSON"),
        ("[]", "is no object"),
        ('{"schema": 99}', "has schema 99"),
        ('{"schema": "x"}', "has schema"),
    ],
)
def test_no_run_folder(tmp_path: Path, text: str | None, says: str) -> None:
    """A folder that is no run, or a newer one, is refused in a sentence that says why."""
    if text is not None:
        (tmp_path / "meta.json").write_text(text)
    with pytest.raises(ChaosError, match=says):
        run_folder.load(tmp_path)


def test_damaged_samples_are_refused(tmp_path: Path) -> None:
    """A cut-off samples.npz is said to be so, never read as an empty run."""
    folder = a_run(tmp_path / "run")
    run_folder.pack_samples(folder)
    whole = (folder / run_folder.SAMPLES).read_bytes()
    (folder / run_folder.SAMPLES).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ChaosError, match="cannot be read"):
        run_folder.load(folder)


def test_operations_without_their_text_are_missed(tmp_path: Path) -> None:
    """Without marks and prints nobody can tell whether an answer was cut: the judge is told."""
    folder = a_run(tmp_path / "run")
    text = (folder / run_folder.SAMPLES_TEXT).read_text().splitlines(keepends=True)
    (folder / run_folder.SAMPLES_TEXT).write_text("".join(text[:1]))
    assert run_folder.load(folder).meta["missing"] == ["samples.jsonl of 2 operations"]


@pytest.mark.parametrize(
    "change",
    [
        {"t": "soon"}, {"t": float("nan")}, {"t": True, "t_end": []}, {"operation": "7"}, {"operation": -1},
        {"operation": 1 << 70}, {"status": "200"}, {"phase": 7}, {"provider": None, "model": []}, {"rules": [{}]},
        {"rules": [{"rule": 1, "fault": "x", "planned": True, "fired": True, "delivered": True}]},
        {"rules": {"a": 1}}, {"head": ["x"]}, {"did": "danced"}, {"retry_after": "2s"}, {"call": None},
        {"late": 3}, {"late": [-1]}, {"late_max": "x"}, {"asked": [1]}, {"done": {"wait": "1s"}}, {"head": 7},
        {"effects": 7}, {"effects": {"tool": 1}}, {"effects": [{"tool": "f"}]},
        {"effects": [{"tool": [], "arguments": 1, "id": 1, "result": 1}]},
        {"effects": [{"tool": "f", "arguments": 1, "id": [], "result": 1}]},
    ],
)  # fmt: skip
def test_hostile_events_are_passed_over_and_missed(tmp_path: Path, change: dict[str, object]) -> None:
    """What is no event neither raises nor counts; the proxy's own count then tells that calls are lost."""
    folder = a_run(tmp_path / "run")
    with (folder / run_folder.EVENTS).open("a") as file:
        file.write(json.dumps(Event("op-1/call-1", 2.0).to_json() | change) + "\n")
        file.write("null\n[]\n\n{}\n" + "[" * 100_000 + "\n")
    run = run_folder.load(folder)
    assert (len(run.events), run.meta["events_read"]) == (3, 3)
    verdict.judge(run)


def test_hostile_accounts_are_no_accounts(tmp_path: Path) -> None:
    """A meta.json whose parts are of other kinds is judged, and the run taken for killed."""
    folder = a_run(tmp_path / "run")
    hostile = {
        key: ["?"] for key in ("driver", "proxy", "calibration", "clock", "bypass", "preflight", "machine", "vitals")
    }
    run_folder.write_json(folder / run_folder.META, {"schema": 1, "failures": None, **hostile})
    run = run_folder.load(folder)
    assert run.stopped == "killed"
    assert verdict.judge(run)["verdict"] == "inconclusive"


@pytest.mark.parametrize("change", [{"outcome": [9, 9, 9]}, {"t_due": [1.0]}, {"t_sent": ["a", "b", "c"]}])
def test_hostile_samples_are_refused(tmp_path: Path, change: dict[str, list[object]]) -> None:
    """Columns that do not fit together are no samples."""
    folder = a_run(tmp_path / "run")
    run_folder.pack_samples(folder)
    with np.load(folder / run_folder.SAMPLES) as stored:
        columns = dict(stored)
    np.savez(folder / run_folder.SAMPLES, **columns | {name: np.array(value) for name, value in change.items()})
    with pytest.raises(ChaosError, match="cannot be read"):
        run_folder.load(folder)
