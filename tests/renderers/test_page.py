"""The page, read back with an HTML parser as a browser would."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import rendering_factory as factory
from hostile import HOSTILE

from chaosllm.renderers import Chart, Material, html
from chaosllm.renderers._stories import stories

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Page(HTMLParser):
    """Tags, attributes and text; fails on a tag that closes another."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, name: str) -> list[str]:
        return [found for _, attributes in self.tags if (found := attributes.get(name)) is not None]


def material(**fields) -> Material:
    run = factory.run()
    summary = factory.summary(**fields)
    chart = Chart('<svg id="x" role="img" aria-label="a"></svg>', "What users got", "alt", "It fell.")
    return Material(
        summary,
        {"outcomes": chart, "none": Chart("", "Nothing here", "", "Nothing to plot.")},
        "name: x\n  <b>\n",
        stories(run, summary["findings"]),
        factory.meta(),
        "reports/x/report.html",
    )


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(html.MEMBER.render(material()))


def test_page_is_well_formed(page):
    """Every tag is closed in its turn, every id is there once, every link inside the page arrives."""
    assert page.open == []
    ids = page.all("id")
    assert len(ids) == len(set(ids))
    assert {link.removeprefix("#") for link in page.all("href")} <= set(ids)
    assert len(page.all("href")) > 10


def test_page_asks_nobody(page):
    """Nothing is fetched or run: no script, no address but fragments, and a policy that forbids the rest."""
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "iframe", "object", "embed", "form", "img", "base"}
    assert all(link.startswith("#") for link in page.all("href"))
    assert not page.all("src")
    policy = next(found["content"] for tag, found in page.tags if found.get("http-equiv"))
    assert policy.startswith("default-src 'none'")


def test_first_screen_answers(page):
    """Before the first section stand the verdict, the hypothesis, the users hit, the worst finding and its fix."""
    text = " ".join("".join(page.text).split())
    first = text[: text.index("Nothing to plot")]
    for said in ("FAIL", "It did not hold", "89 of 300 operations", "Fix first", "truncated_accepted", "op-301/call-1"):
        assert said in first
    assert first.index("truncated_accepted") < first.index("retry_after_ignored")


def test_every_section_is_there(page):
    """Each part has its heading, in the order in which questions come up."""
    sections = "timeline objectives findings score phases metrics injection calibration validity scenario versions"
    assert " ".join(one for one in page.all("id") if one in sections.split()) == sections
    text = "".join(page.text)
    for said in ("Nothing to plot.", "asked to wait 2s", "within bounds", "mitmproxy", "<b>"):
        assert said in text


def test_same_material_same_bytes():
    """The page holds no clock and no chance."""
    assert html.MEMBER.render(material()) == html.MEMBER.render(material())


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text, page):
    """Whatever stands in names, reasons, findings or provider text, the page has the same tags and attributes."""

    def skeleton(found: Page) -> list[tuple[str, tuple[str, ...]]]:
        # Backticks make a <code>, of a phase with our class, which can do nothing; all other tags must be the same.
        codes = ({}, {"class": "phase"})
        return [(tag, tuple(attributes)) for tag, attributes in found.tags if tag != "code" or attributes not in codes]

    safe, evil = (_with(found) for found in ("harmless", text.strip() or "none"))
    rendered = html.MEMBER.render(evil)
    rendered.encode("utf-8")
    assert skeleton(Page(rendered)) == skeleton(Page(html.MEMBER.render(safe)))
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", rendered)


def _with(text: str) -> Material:
    summary = factory.summary(scenario=text, hypothesis=text, reasons=[text], fix_first=text, seed=text)
    summary["phases"] = {text: summary["phases"]["storm"] | {"attempts_by_provider": {text: 3}}}
    summary["objectives"] = [{"text": text, "value": 1.0, "verdict": text, "why": text}]
    finding = {"code": text, "severity": text, "phase": text, "count": 1, "of": 2, "sentence": text, "advice": text}
    summary["findings"] = [finding | {"evidence": [text, "op-1/call-0"]}]
    summary["injection"] = [{"rule": text, "fault": text, "eligible": 1, "planned": 1, "fired": 1, "delivered": 1}]
    summary["validity"] = [{"name": text, "ok": False, "what": text, "hint": text}]
    meta = {"version": text, "app": text, "started": text, "versions": {text: text}}
    told = stories(factory.run(error=text, operations=5), summary["findings"])
    charts = {"one": Chart("", text, text, text)}
    return Material(summary, charts, text.replace("\n", " "), told, meta, text)


@pytest.mark.parametrize("verdict", ["pass", "inconclusive", "unheard of", None])
def test_empty_summary_is_a_whole_page(verdict):
    """A run that recorded nothing, or a summary of another version, still gives a page that says so."""
    found = Page(html.MEMBER.render(Material({"verdict": verdict})))
    text = "".join(found.text)
    assert ("PASS" if verdict == "pass" else "INCONCLUSIVE") in text
    assert "No finding" in text
    assert found.open == []


def test_proof_shows_what_falls_short():
    """A rule that planned ten and delivered seven is marked short; one whose limit held back the rest is whole."""
    row = {"rule": "storm.0", "fault": "hang", "eligible": 20, "planned": 10, "fired": 10, "delivered": 7}
    assert "✗ short" in html.MEMBER.render(Material(factory.summary(injection=[row])))
    row |= {"fired": 7, "capped": 3}
    assert "✗ short" not in html.MEMBER.render(Material(factory.summary(injection=[row])))
