"""The page of a comparison, and the headline that all forms share."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hostile import HOSTILE
from snapshot_factory import app, snapshot

from chaosllm.comparison import compare
from chaosllm.renderers import _comparison as plain
from chaosllm.renderers import markdown
from chaosllm.renderers._comparison_page import Shown, page
from chaosllm.renderers._headline import headline

NAMES = ("before", "after")


@pytest.fixture(scope="module")
def taken():
    """Snapshots of two equal runs, of a worse one, and of one that fails fast."""
    return {
        "a": snapshot(app(1)),
        "equal": snapshot(app(2)),
        "worse": snapshot(app(3, slower=2.0, fails=0.35, tries=3)),
        "fast": snapshot(app(4, slower=0.3, fails=0.8, tries=1)),
    }


def test_the_headline_says_what_became_worse_and_by_how_much(taken):
    """The word, both values, the change with its interval; and the other way round it is better."""
    said = headline(compare(taken["a"], taken["worse"]))
    assert (said.word, said.good) == ("B is worse", False)
    assert re.match(
        r"Worse: good answers in storm, [\d.]+% instead of [\d.]+% \(-[\d.]+ points, 95% interval -", said.sentences[0]
    )
    assert headline(compare(taken["worse"], taken["a"])).word == "B is better"


def test_an_app_that_fails_faster_is_worse(taken):
    """Fewer good answers decide, however quick and cheap the errors are; what is better is said after it."""
    said = headline(compare(taken["worse"], taken["fast"]))
    assert said.word == "B is worse"
    assert said.sentences[1].startswith("Better: ")
    assert said.sentences[1].endswith("Errors count in a latency, and may be fast.")


def test_equal_runs_are_not_called_better_or_worse(taken):
    """Of equal runs nothing is claimed, and what could hide is said in points."""
    said = headline(compare(taken["a"], taken["equal"]))
    assert said.word in ("No difference shown", "No clear difference")
    assert said.good is None
    assert "points fewer or" in said.sentences[-1]
    assert headline(compare(taken["a"], taken["a"])).word == "No difference shown"


def test_equal_runs_under_other_seeds_rarely_have_a_headline(taken):
    """Of fourteen pairs of equal runs at most one is called better or worse: the level is shared out."""
    others = [taken["a"], taken["equal"], *(snapshot(app(seed)) for seed in range(11, 15))]
    pairs = [(one, other) for at, one in enumerate(others) for other in others[at + 1 :]]
    assert sum(headline(compare(*pair)).word.startswith("B is") for pair in pairs) <= 1


def test_nothing_measured_is_nothing_told(taken):
    """Runs without figures give a page that says so."""
    bare = replace(taken["a"], figures={})
    assert headline(compare(bare, bare)).word == "Nothing can be told"
    assert "Nothing can be told" in page(Shown(compare(bare, bare), NAMES))


class Reader(HTMLParser):
    """Ids, links and tags of a page."""

    def __init__(self):
        super().__init__()
        self.tags, self.ids, self.links, self.events = set(), [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value for name, value in attrs if name == "href"]
        self.events += [name for name, _ in attrs if name.startswith("on")]


def test_the_page_stands_alone_and_its_links_lead_somewhere(taken):
    """No script, no request, ids that are unique, links that are in the page; the same comparison, the same bytes."""
    shown = Shown(compare(taken["a"], taken["worse"]), NAMES)
    text = page(shown)
    found = Reader()
    found.feed(text)
    assert not found.tags & {"script", "link", "img", "iframe", "form", "object"}
    assert not found.events
    assert len(set(found.ids)) == len(found.ids)
    assert all(link.removeprefix("#") in found.ids for link in found.links)
    assert not re.search(r"(?<!xmlns=\")(?<!xlink=\")https?://", text)
    assert text == page(shown)
    for said in ('aria-label="Run A"', 'lang="en"', "dashed orange line"):
        assert said in text


@pytest.mark.parametrize("evil", HOSTILE)
def test_hostile_names_are_text(taken, evil):
    """Names of runs, phases, findings, objectives and versions make no markup and no order to a terminal."""
    a, b = taken["a"], taken["worse"]
    figures = {f"{evil}{at}": one for at, one in enumerate(b.figures.values())}
    finding = {"code": evil, "severity": evil, "phase": evil, "count": 1, "of": 2}
    found = replace(
        b, scenario=evil, figures=figures, doubts=(evil,), around={evil: evil, "app": evil}, findings=[finding],
        objectives=[{"text": evil, "verdict": "fail"}], started=evil, verdict="inconclusive", roles={},
    )  # fmt: skip
    comparison = compare(replace(a, identity=found.identity), found)
    text = page(Shown(comparison, (evil, evil), why=evil, every=True))
    read = Reader()
    read.feed(text)
    assert not read.tags & {"script", "img", "iframe", "svg/onload", "a/href"}
    assert not read.events
    assert all(link.startswith("#") for link in read.links)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", plain.plain(comparison, (evil, evil)))


def test_a_huge_comparison_stays_a_page_and_a_comment(taken):
    """Four hundred phases with names of 10,000 letters: under 2 MB as a page, under 60 KB as a comment."""
    long = "\N{GRINNING FACE}<&" * 3000
    figures = {f"{at}{long}": taken["worse"].figures["storm"] for at in range(400)}
    finding = {"severity": "major", "phase": long, "count": 1}
    huge = replace(
        taken["worse"], figures=figures, scenario=long, doubts=(long,) * 300,
        findings=[finding | {"code": f"{at}{long}"} for at in range(300)],
        objectives=[{"text": f"{at}{long}", "verdict": "fail"} for at in range(300)],
        around={f"{at}{long}": long for at in range(300)},
    )  # fmt: skip
    comparison = compare(replace(huge, findings=[], figures=dict.fromkeys(figures, taken["a"].figures["storm"])), huge)
    assert len(page(Shown(comparison, (long, long), every=True)).encode()) < 2_000_000
    text = plain.markdown(comparison, (long, long), every=True)
    assert len(text.encode()) <= markdown.MOST_BYTES
    assert "too long for this place" in text
