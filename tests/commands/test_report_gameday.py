"""`chaosllm report` of a game day: its steps judged again, its post-mortem written anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import folder_factory
import gameday_factory as made
import pytest
from click.testing import CliRunner

from chaosllm.adapters import run_folder
from chaosllm.adapters.baselines import load
from chaosllm.commands import verbs

pytestmark = pytest.mark.usefixtures("judged_once")


def ask(*words: object) -> Any:
    result = CliRunner().invoke(verbs, [str(word) for word in words], standalone_mode=False)
    assert result.exception is None, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A day with one step of real records, whose summary was lost, steered by hand."""
    day = made.day(made.step(1, "storm", expect={"verdict": "pass"}))
    found = made.write(tmp_path / "day", day, [made.event(1, "note", 610, who="console:Ada", text="odd")], {})
    folder_factory.write(folder_factory.failing(), found / "1-storm")
    log = [made.command(5, "pause", 620, t=8.0), made.command(6, "resume", 621, t=8.5)]
    (found / "1-storm" / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in log))
    return found


def test_the_whole_day(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The step's report, both post-mortems and the page of all steps are there, and tell the same."""
    monkeypatch.setattr("chaosllm.adapters.charts.draw", lambda run: [])  # pictures cost as much as all else
    result = ask("report", folder)
    assert "not as expected" in result.stdout
    assert "post-mortem:" in result.stdout
    for name in ("1-storm/report.html", "report.html", "post-mortem.md", "post-mortem.html"):
        assert (folder / name).is_file(), name
    kept = json.loads((folder / "1-storm" / "summary.json").read_text())
    assert [one["what"] for one in kept["commands"]] == ["pause", "resume"]
    page = (folder / "post-mortem.html").read_text()
    assert "Steered by hand: 2 commands" in page
    assert kept["findings"][0]["code"] in page
    assert "Steered by hand:" in (folder / "1-storm" / "report.html").read_text()


@pytest.mark.parametrize(
    ("form", "begins"),
    [("markdown", "# Post-mortem"), ("html", "<!doctype html>"), ("json", "{"), ("terminal", "✗ SURPRISES")],
)
def test_one_form_alone(tmp_path: Path, form: str, begins: str) -> None:
    """--format shows the post-mortem and writes nothing."""
    folder = made.write(tmp_path / "day", made.day(made.step(1, "storm")), [], {"1-storm": made.summary()})
    before = sorted(folder.rglob("*"))
    assert ask("report", folder, "--format", form).stdout.startswith(begins)
    assert sorted(folder.rglob("*")) == before


def test_json(tmp_path: Path) -> None:
    """--json tells all of it to a script, and nothing else on stdout."""
    folder = made.write(tmp_path / "day", made.day(made.step(1, "storm")), [], {"1-storm": made.summary()})
    told = json.loads(ask("report", folder, "--json").stdout)
    assert (told["kind"], told["outcome"], told["steps"][0]["verdict"]) == ("post-mortem", "surprised", "fail")
    assert (folder / "post-mortem.html").is_file()


def test_a_steered_run_is_a_doubtful_baseline(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody's hand did no seed repeats: `baseline save` warns, and `compare` says so of that side."""
    monkeypatch.chdir(tmp_path)
    plain = folder_factory.write(folder_factory.passing(), tmp_path / "plain")
    result = ask("baseline", "save", "main", folder / "1-storm")
    assert "warning: made-up was steered by hand: 2 commands" in result.stderr
    assert "by hand" not in ask("baseline", "save", "other", plain).stderr
    assert any("steered by hand" in one for one in load("main").doubts)
    text = ask("compare", plain, folder / "1-storm").stdout
    assert "B is in doubt: steered by hand: 2 commands" in " ".join(text.split())


def test_marks_in_the_charts(folder: Path) -> None:
    """What changed the run is a line in each chart over time, with its number beside the first; a note is none."""
    from chaosllm.adapters.charts import drawing, goodput
    from chaosllm.adapters.charts.style import styled

    line = json.dumps(made.command(7, "note", 622, t=9.0)) + "\n"
    with (folder / "1-storm" / "log.jsonl").open("a") as file:
        file.write(line)
    run = run_folder.load(folder / "1-storm")
    with styled():
        svg = drawing.chart("goodput", goodput.draw(run), files=False)[0].svg
    assert ">#1<" in svg
    assert ">#3<" not in svg
