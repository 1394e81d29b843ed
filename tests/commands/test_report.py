"""`chaosllm report` on a folder as a run leaves it, and on what is none."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import rendering_factory as factory
from click.testing import CliRunner

from chaosllm.adapters import run_folder
from chaosllm.commands.report import command
from chaosllm.errors import ChaosError, Exit

SCENARIO = """\
version: 1
name: rate-limit-storm
hypothesis: Users get answers.
seed: 7
target: {url: "http://127.0.0.1:1", operation: {path: /chat}, timeout: 10s}
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: warmup, duration: 5s}
  - {name: baseline, duration: 20s}
  - name: storm
    duration: 30s
    rules: [{fault: rate_limit, retry_after: 2s, when: {share: 40%}}]
  - {name: recovery, duration: 15s}
objectives: ["success_rate(storm) >= 95%"]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run folder with the records of the factory's run."""
    run = factory.run()
    found = tmp_path / "run"
    found.mkdir(mode=0o700)
    run_folder.write(found / run_folder.SCENARIO, SCENARIO)
    run_folder.write_json(found / run_folder.META, factory.meta())
    lines = "".join(json.dumps(event.to_json()) + "\n" for event in run.events)
    run_folder.write(found / run_folder.EVENTS, lines)
    columns = (name for name, *_ in run_folder._RECORD)
    np.savez(found / run_folder.SAMPLES, **{name: getattr(run.samples, name) for name in columns})
    rows = zip(run.samples.operation.tolist(), run.samples.error, strict=True)
    lines = "".join(json.dumps({"operation": number, "error": error, "marks": []}) + "\n" for number, error in rows)
    run_folder.write(found / run_folder.SAMPLES_TEXT, lines)
    return found


def ask(*words: object):
    return CliRunner().invoke(command, [str(word) for word in words], standalone_mode=False)


def test_report_fills_the_folder_and_again_the_same(folder: Path):
    """Every file of a report is written, for its owner alone; the same records give the same bytes again."""
    result = ask(folder)
    assert result.exception is None
    assert result.return_value == 0
    assert "rate-limit-storm" in result.stdout
    assert str(folder / "report.html") in result.stdout.replace("\n", "").replace(" ", "")
    names = {path.name for path in folder.iterdir()}
    assert {"summary.json", "report.html", "summary.md", "plots"} <= names
    assert {path.suffix for path in (folder / "plots").iterdir()} == {".svg", ".png"}
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.suffix == ".npz", path
    page = (folder / "report.html").read_text()
    assert len(page) < 2_000_000
    assert page.count("<svg") == len(list((folder / "plots").glob("*.svg"))) >= 9

    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "plots" / "gone.svg").write_text("old")
    (folder / "summary.json").write_text("{}")
    result = ask(folder, "--json")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert json.loads(result.stdout) == json.loads((folder / "summary.json").read_text())  # and nothing else
    assert "Report:" in result.stderr


def test_one_format_leaves_the_folder_alone(folder: Path, tmp_path: Path):
    """--format prints one form, --out writes it, and the run folder stays as it was."""
    before = sorted(folder.rglob("*"))
    assert ask(folder, "--format", "markdown").stdout.startswith("## ")
    assert json.loads(ask(folder, "--format", "json").stdout)["scenario"] == "rate-limit-storm"
    out = tmp_path / "page.html"
    assert ask(folder, "--out", out).exception is None
    assert out.read_text().startswith("<!doctype html>")
    assert sorted(folder.rglob("*")) == before


def test_cut_off_folder_is_judged_for_what_it_holds(folder: Path):
    """A killed run (no samples text, half an event) is reported, never as PASS, with what is missing."""
    (folder / "samples.jsonl").unlink()
    events = folder / "events.jsonl"
    os.truncate(events, events.stat().st_size - 20)
    result = ask(folder, "--format", "json")
    assert result.exception is None
    assert "has no samples.jsonl" in result.stderr
    assert json.loads(result.stdout)["verdict"] != "pass"


@pytest.mark.parametrize("kind", ["missing", "file", "foreign", "no json", "newer"])
def test_what_is_no_run_folder(kind: str, folder: Path, tmp_path: Path):
    """Anything but a run folder is one clear sentence with exit code 2, and nothing is written into it."""
    wrong = tmp_path / "wrong"
    if kind == "file":
        wrong.write_text("x")
    elif kind != "missing":
        wrong.mkdir()
        (wrong / "notes.txt").write_text("mine")
    if kind == "no json":
        (wrong / "meta.json").write_text("{")
    if kind == "newer":
        (wrong / "meta.json").write_text('{"schema": 999}')
    result = ask(wrong)
    assert isinstance(result.exception, ChaosError)
    assert result.exception.exit_code is Exit.USAGE
    assert str(wrong) in result.exception.what
    assert result.exception.hint
    assert not (wrong / "report.html").exists()


def test_cut_off_samples_could_not_be_read(folder: Path):
    """Samples cut off in the middle are our folder, broken: exit code 3, naming the file."""
    os.truncate(folder / "samples.npz", 100)
    result = ask(folder)
    assert isinstance(result.exception, ChaosError)
    assert result.exception.exit_code is Exit.COULD_NOT_RUN
    assert "samples.npz" in result.exception.what


@pytest.mark.parametrize("options", [("--json", "--format", "html"), ("--out", "report.pdf"), ("--format", "pdf")])
def test_options_that_make_no_sense(options: tuple[str, ...], folder: Path):
    """Options that contradict each other or name no known form are wrong usage."""
    result = ask(folder, *options)
    assert getattr(result.exception, "exit_code", None) == Exit.USAGE
