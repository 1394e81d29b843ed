"""The post-mortem as a page and as Markdown: what it says first, and that no name, note or command can do anything."""

from __future__ import annotations

import re
from typing import Any

import gameday_factory as made
import pytest
from gameday_factory import hostile, surprised
from hostile import HOSTILE
from test_suite_page import ALLOWED, Tags

from chaosllm.post_mortem import post_mortem
from chaosllm.renderers._post_mortem import page
from chaosllm.renderers._post_mortem_text import markdown, plain
from chaosllm.renderers.markdown import MOST_BYTES


def test_the_first_screen() -> None:
    """It says whether it went as expected, who stopped it, what users felt at worst, and leads to the reports."""
    text = page(surprised(), {"2-storm"}).split("<nav")[0]
    for said in ("SURPRISES", "1 of 2 steps went as expected, 1 did not", "Stopped: by console:Ada: enough", "70.3%"):
        assert said in text, said
    assert "the score counts the service that users kept, not what surprised" in text
    whole = page(surprised(), {"2-storm"})
    assert 'href="2-storm/report.html"' in whole
    assert "1-calm/report.html" not in whole  # it has none


@pytest.mark.parametrize("render", [page, markdown, plain])
def test_the_same_story(render: Any) -> None:
    """Page, Markdown and screen name the same steps, surprises and what to do; the same record, the same bytes."""
    text = render(surprised())
    for said in ("SURPRISES", "calm", "storm", "hang", "enough", "finish reason"):
        assert said in text, said
    assert render(surprised()) == text


def test_a_table_of_actions_to_fill_in() -> None:
    """Owner and due are blank, and there is a row for what only people know."""
    lines = markdown(surprised()).split("## Actions")[1].split("## ")[0].strip().splitlines()
    assert lines[0] == "| # | action | because of | owner | due |"
    assert all(line.endswith("|   |   |") for line in lines[2:])
    assert re.fullmatch(r"\| \d+ \|   \|   \|   \|   \|", lines[-1])


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_page(bad: str) -> None:
    """No string can bring in a tag, an attribute, an address or a control character."""
    text = page(hostile(bad), {bad})
    tags = Tags()
    tags.feed(text)
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "iframe", "svg", "form", "object", "base", "link"}
    for _, attrs in tags.seen:
        assert attrs.keys() <= ALLOWED
        address = attrs.get("href") or "#"
        assert address.startswith("#") or (":" not in address and not address.startswith("/"))
    assert not set(text) & {chr(code) for code in (*range(9), 11, 12, *range(14, 32), 0x9B, 0x202E, 0x2066)}
    assert text.count("<h1") == 1


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile_markdown(bad: str) -> None:
    """No string becomes HTML, a link, a mention, a command to a CI, a row or a heading."""
    text = markdown(hostile(bad))
    bare = re.sub(r"`[^`\n]*`", "", text)
    assert not re.search(r"(?<!\\)<(?!br>)", bare)
    assert not re.search(r"(?<!\\)\]\(|(?<!\\)!\[", bare)
    assert not re.search(r"@(?!\u200b)", bare)
    assert not re.search(r"(?i)\b(https?|ftp|mailto):", bare)
    assert not re.search(r"(?m)^\s*::|##\[|##vso", text)
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines()
        if re.match(r"# Post-mortem: |## (Expected and seen|What users felt|Findings|Actions|Questions|Timeline)", line)
    ]  # fmt: skip
    heads = (line for line in text.splitlines() if line.startswith("| :--"))
    assert sorted(line.count("|") for line in heads) == [6, 6, 6, 7, 8]
    assert not re.search(r"(?m)^\s*(::|##\[)", plain(hostile(bad)))


def test_it_fits_an_issue() -> None:
    """A day of thirty steps, a thousand notes and findings without end fits, and says what was left out."""
    rows = [dict(row, sentence="x" * 500, advice="y" * 900, code=f"{row['code']}_{n}")
            for n in range(30) for row in made.summary()["findings"]]  # fmt: skip
    steps = [made.step(n, f"step-{n}", what="w" * 900) for n in range(1, 31)]
    events = [made.event(n, "note", n, who="console:Ada", text="z" * 900) for n in range(1000)]
    found = post_mortem(made.day(*steps), events, {n: made.summary(findings=rows) for n in range(1, 31)})
    text = markdown(found)
    assert len(text.encode()) <= MOST_BYTES
    assert "too long for this place" in text
    for heading in ("## Expected and seen", "## Findings", "## Actions", "## Questions", "## Timeline"):
        assert heading in text
    assert len(page(found)) < 3_000_000
