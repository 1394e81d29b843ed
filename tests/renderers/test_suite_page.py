"""The page of a suite: what its first screen says, and that no name can do anything."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hostile import HOSTILE
from test_suite_outcome import finding, run, summary

from chaosllm.renderers import Chart
from chaosllm.renderers._suite import page
from chaosllm.renderers._suite_words import STATES
from chaosllm.suite_outcome import STATES as KNOWN
from chaosllm.suite_outcome import Ran, outcome

NOTHING = Chart("", "Findings by fault", "", "No finding.")
ALLOWED = {"id", "class", "lang", "charset", "content", "name", "http-equiv", "href", "scope", "tabindex", "role",
           "aria-label", "aria-hidden", "aria-labelledby", "data-name"}  # fmt: skip


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def shown(runs: list[Ran], name: str = "nightly") -> str:
    return page(outcome(name, runs), NOTHING)


def test_every_state_has_its_word() -> None:
    """Each way in which a run can stand has a word and a sign."""
    assert STATES.keys() == set(KNOWN)


def test_the_first_screen() -> None:
    """It says the verdict, the counts, the worst finding with its users and its runs, and what was not tested."""
    text = shown(
        [
            run("calm-sea"),
            run("storm", "fail", findings=[finding(advice="Set a timeout.", title="Users hang")]),
            Ran("later"),
            Ran("gone", error="the app died"),
        ]
    ).split("<nav")[0]
    told = ("did not hold up in 1 of 4 scenarios", "2 of 4 scenarios came to no verdict", "1 not begun", "1 not run")
    for said in (*told, "FAIL", "Users hang", "3 of 10", "Set a timeout.", 'href="storm/report.html"', "1 of 11"):
        assert said in text, said


@pytest.mark.parametrize("runs", [[], [Ran("a")], [Ran("a", "a", damaged="no meta.json")], [Ran("a", "a", {})]])
def test_from_nothing_no_pass(runs: list[Ran]) -> None:
    """A suite of which nothing is known is a whole page, and never a PASS."""
    text = shown(runs)
    assert "INCONCLUSIVE: nightly" in text
    assert text.rstrip().endswith("</html>")


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile(bad: str) -> None:
    """No name, folder, reason or advice can bring in a tag, an attribute, an address or a control character."""
    one = summary("fail", reasons=[bad], findings=[finding(bad, title=bad, advice=bad, sentence=bad, phase=bad)])
    text = shown([Ran(bad, bad, one, bad, bad, bad, bad, bad, True), Ran("b", error=bad)], bad)
    tags = Tags()
    tags.feed(text)
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "iframe", "svg", "form", "object", "base", "link"}
    for _, attrs in tags.seen:
        assert attrs.keys() <= ALLOWED
        address = attrs.get("href") or "#"
        assert address.startswith("#") or (":" not in address and not address.startswith("/"))
    assert not set(text) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 0x9B, 0x202E, 0x2066)}
    assert text.count("<h1") == 1
