"""The Markdown comment, the terminal result and the JSON of a run."""

from __future__ import annotations

import io
import json
import re

import pytest
import rendering_factory as factory
from hostile import HOSTILE
from rich.console import Console

from chaosllm.renderers import Material, html, markdown, summary_json, terminal

SHOWN = Material(factory.summary(), meta=factory.meta(), report="reports/x/report.html")


def hostile(text: str) -> Material:
    summary = factory.summary(scenario=text, hypothesis=text, reasons=[text], fix_first=text)
    summary["phases"] = {text or "p": summary["phases"]["storm"]}
    summary["objectives"] = [{"text": text, "value": 1.0, "verdict": "inconclusive", "why": text}]
    finding = {"code": text, "severity": text, "phase": text, "count": 1, "sentence": text, "advice": text}
    summary["findings"] = [finding | {"evidence": [text]}]
    summary["injection"] = [{"rule": text, "fault": text, "planned": 1}]
    summary["validity"] = [{"name": text, "ok": False, "what": text, "hint": text}]
    return Material(summary, meta={"app": text}, report=text)


def test_markdown_tells_the_verdict_and_the_fix():
    """The comment opens with the verdict and holds the failed objective, the worst finding and its fix."""
    text = markdown.MEMBER.render(SHOWN)
    assert text.startswith("## ✗ FAIL · rate-limit-storm\n")
    for said in ("| ✗ | `success_rate(storm) >= 95%` | 70.3% (65% to 75%) |", "**Fix first:**", "`op-301/call-1`"):
        assert said in text
    assert text.index("truncated_accepted") < text.index("`retry_after_ignored`")


def test_markdown_fits_a_comment():
    """However many findings a run has, the comment stays under GitHub's limit and says what it left out."""
    finding = {"code": "x" * 500, "severity": "major", "count": 1, "sentence": "*" * 599, "advice": "*" * 599}
    summary = factory.summary(findings=[finding] * 500, reasons=["|" * 599] * 30)
    text = markdown.MEMBER.render(Material(summary))
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert "480 more in the report" in text or "too long for this place" in text


def test_operations_stand_below_their_phase():
    """On the screen the rows of a phase's operations are set in, so that none is taken for a phase."""
    summary = factory.summary()
    storm = summary["phases"]["storm"]
    storm["by_operation"] = {"chat": {"operations": 3}, "search": {"operations": 4}}
    console = Console(file=io.StringIO(), width=100)
    console.print(terminal.renderable(Material(summary)))
    lines = console.file.getvalue().splitlines()
    [at] = [number for number, line in enumerate(lines) if re.match(r" storm  +[\d,]+ ", line)]
    assert [re.match(r" +\w+", line)[0] for line in lines[at : at + 3]] == [" storm", "   chat", "   search"]


@pytest.mark.parametrize("evil", HOSTILE)
def test_markdown_is_inert(evil):
    """Foreign text makes no HTML, link, image, mention, heading, table cell or workflow command."""
    text = markdown.MEMBER.render(hostile(evil))
    outside = re.sub(r"`[^`\n]*`", "``", text)  # in a code span nothing is read
    assert not re.search(r"(?<!\\)<(?!/?(details|summary|br)>)", outside)
    assert not re.search(r"(?<!\\)\[|(?<!\\)!\[", outside)
    assert not re.search(r"https?://|www\.(?=\w)|javascript:(?=//)", outside)
    assert not re.search(r"@\w", outside)
    assert not re.search(r"^::", text, re.MULTILINE)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text)
    headings = re.findall(r"^#+ .*", text, re.MULTILINE)
    assert headings[1:] == [
        "### Objectives",
        "### Findings",
        "### Phases",
        "### What spoils this run",
    ]
    rows = [line for line in text.splitlines() if line.startswith("|")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in rows[:3]}
    assert cells == {4}


def test_terminal_ends_in_what_to_do():
    """The last lines are what to fix first and where the report is."""
    lines = terminal.MEMBER.render(SHOWN).splitlines()
    assert "FAIL" in lines[0]
    assert lines[-1] == " Report:    reports/x/report.html"
    assert any(line.startswith(" Fix first: Check the finish reason") for line in lines[-4:])
    text = "\n".join(lines)
    for said in (
        "✗ success_rate(storm) >= 95%",
        "? latency_p95",
        "injected 198 of 198 planned",
        "70.3%",
        "op-301/call-1",
    ):
        assert said in text


def test_terminal_of_a_run_that_never_began():
    """Where no operation was due there is no table of dashes: the reason, what to fix first and the report remain."""
    summary = factory.summary(findings=[], reasons=["bypass: no call came through the proxy"], fix_first="set it")
    summary["phases"] = {name: phase | {"operations": 0} for name, phase in summary["phases"].items()}
    text = terminal.MEMBER.render(Material(summary, report="reports/x/report.html"))
    assert "calls/operation" not in text
    assert all(said in text for said in ("bypass: no call", "Fix first: set it", "reports/x/report.html"))


def test_terminal_is_plain_where_there_is_no_terminal():
    """A file or a pipe gets no escape at all, a terminal gets colour."""
    assert "\x1b" not in terminal.MEMBER.render(SHOWN)
    pipe, screen = io.StringIO(), io.StringIO()
    Console(file=pipe, width=100).print(terminal.renderable(SHOWN))
    Console(file=screen, width=100, force_terminal=True, color_system="standard").print(terminal.renderable(SHOWN))
    assert "\x1b" not in pipe.getvalue()
    assert "\x1b[1;7;31m" in screen.getvalue()


@pytest.mark.parametrize("evil", HOSTILE)
@pytest.mark.parametrize("width", [40, 120])
def test_terminal_takes_no_orders(evil, width):
    """Foreign text writes no escape, no markup and no link of its own, at any width."""
    screen = io.StringIO()
    Console(file=screen, width=width, force_terminal=True, color_system="standard").print(
        terminal.renderable(hostile(evil))
    )
    left = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", left)
    if "[bold red]" in evil:
        assert "[/bold" in left


@pytest.mark.parametrize("render", [markdown.MEMBER.render, terminal.MEMBER.render, summary_json.MEMBER.render])
def test_empty_summary(render):
    """A summary with nothing in it is rendered, as INCONCLUSIVE."""
    assert render(Material({"verdict": "inconclusive"}))
    assert "PASS" not in render(Material({}))


def test_json_is_json():
    """NaN, NumPy numbers and tuples become plain JSON, in ASCII."""
    np = pytest.importorskip("numpy")
    summary = {"a": float("nan"), "b": np.float64(1.5), "c": (np.int64(2), None), "d": {"e": "\x1b[31mé"}}
    text = summary_json.MEMBER.render(Material(summary))
    assert text.isascii()
    assert "\x1b" not in text
    assert json.loads(text) == {"a": None, "b": 1.5, "c": [2, None], "d": {"e": "\x1b[31mé"}}


@pytest.mark.parametrize("render", [markdown.MEMBER.render, terminal.MEMBER.render, html.MEMBER.render])
def test_traffic_that_passed_untouched_is_told(render):
    """Whatever people look at says that there were requests which no rule could touch."""
    said = "3 requests to the providers passed untouched"
    assert said in " ".join(render(Material(factory.summary(unrecognised=3))).split())
    assert said not in render(Material(factory.summary()))
