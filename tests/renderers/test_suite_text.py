"""What a suite came to on the screen and in a comment, whatever others put into it."""

from __future__ import annotations

import io
import re

import pytest
from hostile import HOSTILE
from rich.console import Console
from snapshot_factory import app, snapshot
from test_suite_outcome import finding, run, summary

from chaosllm.comparison import Comparison, compare
from chaosllm.renderers import _comparison, _suite_text, markdown
from chaosllm.suite_outcome import Ran, outcome


def whole() -> list[Ran]:
    seen = [finding(advice="Set a timeout.", title="Users hang")]
    return [run("calm-sea"), run("storm", "fail", findings=seen), Ran("later"), Ran("cut", "cut", stopped="killed")]


def test_both_forms_tell_all() -> None:
    """Verdict, who never came to an end, each scenario, the worst finding with what to do, and what was not tested."""
    found = outcome("nightly", whole())
    for text in (_suite_text.plain(found), _suite_text.markdown(found)):
        for said in (
            "✗ FAIL", "nightly", "The app did not hold up in 1 of 4 scenarios.", "Begun, and never finished: cut.",
            "Never begun: later.", "calm-sea", "NOT FINISHED", "because", "hang", "3 of 10 times in storm",
            "Set a timeout.", "Not tested: rate limits",
        ):  # fmt: skip
            assert said in text, said


def test_a_huge_suite_fits_a_comment() -> None:
    """Five hundred scenarios with long names: under a comment's limit, and what is left out is counted."""
    found = outcome("s" * 9000, [run(f"{at}{'x' * 300}", "fail", reasons=["y" * 900] * 9) for at in range(500)])
    text = _suite_text.markdown(found)
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert "300 more in the report." in text


@pytest.fixture(scope="module")
def pair() -> Comparison:
    return compare(snapshot(app(1), "pass"), snapshot(app(3, fails=0.35), "fail"))


def spoilt(pair: Comparison, evil: str) -> Comparison:
    from dataclasses import replace

    storm = pair.after.figures["storm"]
    found = {"code": evil, "severity": evil, "phase": evil, "count": 1, "of": 2}
    after = replace(
        pair.after, scenario=evil, figures={evil: storm}, doubts=(evil,), around={evil: evil}, findings=[found],
        objectives=[{"text": evil, "verdict": "fail"}], started=evil, roles={evil: evil},
    )  # fmt: skip
    return compare(replace(pair.before, figures={evil: pair.before.figures["storm"]}), after)


def hostile(evil: str) -> dict:
    told = summary("fail", reasons=[evil], findings=[finding(evil, title=evil, advice=evil, sentence=evil, phase=evil)])
    runs = [Ran(evil, evil, told, evil, evil, evil, evil, evil, report=True), Ran(f"{evil} b", error=evil), Ran(evil)]
    return outcome(evil, [*runs, Ran(evil, evil, stopped="killed")])


@pytest.mark.parametrize("evil", HOSTILE)
def test_a_screen_is_inert(pair: Comparison, evil: str) -> None:
    """At any width no line is an order to a terminal or to the log of a CI, and no markup is read."""
    for width in (30, 120):
        file = io.StringIO()
        console = Console(file=file, width=width, force_terminal=False, color_system=None, legacy_windows=False)
        console.print(_suite_text.renderable(hostile(evil)))
        console.print(_comparison.renderable(spoilt(pair, evil), (evil, evil), every=True))
        text = file.getvalue()
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
        assert not re.search(r"^\s*::|##\[|##vso", text, re.MULTILINE)
        if "[bold red]" in evil and width == 120:
            assert "[bold red]" in text


@pytest.mark.parametrize("evil", HOSTILE)
def test_a_comment_is_inert(pair: Comparison, evil: str) -> None:
    """Foreign text makes no HTML, link, image, mention, heading, table cell, formula or workflow command."""
    for text in (
        _suite_text.markdown(hostile(evil)),
        _comparison.markdown(spoilt(pair, evil), (evil, evil), every=True),
    ):
        outside = re.sub(r"`[^`\n]*`", "``", text)  # in a code span nothing is read
        assert not re.search(r"(?<!\\)<", outside)
        assert not re.search(r"(?<!\\)\[|(?<!\\)!\[", outside)
        assert not re.search(r"https?://|www\.(?=\w)|javascript:(?=//)", outside)
        assert not re.search(r"@\w", outside)
        assert not re.search(r"^\s*(::|[=+@]|-[^ ])", text, re.MULTILINE)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        assert {line.split(" ")[0] for line in text.splitlines() if line.startswith("#")} <= {"##", "###"}
        assert len(re.findall(r"^#+ ", text, re.MULTILINE)) <= 2
        rows = [line for line in text.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in rows}) == 1
