"""A run that was steered by hand says so beside its verdict, and shows who commanded what."""

from __future__ import annotations

from typing import Any

import gameday_factory as factory
import pytest
import rendering_factory as made
from hostile import HOSTILE
from test_suite_page import Tags

from chaosllm.live.told import commands
from chaosllm.renderers import Material, html, markdown, terminal

RENDERERS = (html.MEMBER, markdown.MEMBER, terminal.MEMBER)


def steered(**fields: Any) -> Material:
    rows, _ = commands(
        [
            factory.command(1, "share", t=27.0, args={"rule": "storm.0", "share": "60%"}, result="strikes 60%"),
            factory.command(2, "pause", t=30.0, result="injection is paused"),
            factory.command(3, "disable", t=31.0, ok=False, args={"rule": "x"}, result={"what": "there is no rule x"}),
        ]
    )
    stop = {"kind": "command", "text": "too many hangs", "who": "console:Ada", "t": 40.0}
    told = {"commands": rows, "stopped": "command", "stop": stop, "steering": {"paused": True}} | fields
    return Material(made.summary(**told), meta=made.meta())


@pytest.mark.parametrize("renderer", RENDERERS)
def test_beside_the_verdict(renderer: Any) -> None:
    """Who stopped it, and that its seed does not repeat it."""
    text = renderer.render(steered())
    head = text[: text.index("<nav")] if renderer is html.MEMBER else text
    for said in (
        "Stopped early:",
        "by console:Ada: too many hangs",
        "Steered by hand:",
        "2 commands",
        "Its seed alone",
    ):
        assert said in head, said


@pytest.mark.parametrize("renderer", RENDERERS[:2])
def test_the_table(renderer: Any) -> None:
    """Each command with its time, who, and what came of it, refused ones too; in the page the verdict leads there."""
    text = renderer.render(steered())
    for said in ("Commands", "27s", "console:Ada", "share storm.0 60%", "strikes 60%", "refused: there is no rule x"):
        assert said in text, said
    assert renderer is not html.MEMBER or '<a href="#commands">see below</a>' in text


@pytest.mark.parametrize("renderer", RENDERERS)
def test_nothing_of_it_where_nobody_commanded(renderer: Any) -> None:
    """A run as its scenario says has neither the words nor the section."""
    text = renderer.render(Material(made.summary(), meta=made.meta()))
    assert "by hand" not in text
    assert "Commands" not in text


@pytest.mark.parametrize("renderer", RENDERERS)
def test_what_a_plan_switched_off(renderer: Any) -> None:
    """That is told, and not as somebody's hand."""
    off = {"paused": False, "durations": [], "rules": {"storm.1": {"on": False, "share": None, "owed": 0}}}
    text = renderer.render(steered(commands=[], stopped=None, stop=None, steering=off))
    assert "Switched off from the start" in text
    assert "by hand" not in text


@pytest.mark.parametrize("bad", HOSTILE)
def test_hostile(bad: str) -> None:
    """No name, reason or result of a command does anything in the page."""
    rows, _ = commands([factory.command(1, bad, who=bad, args={"rule": bad}, result=bad)])
    stop = {"kind": "command", "text": bad, "who": bad}
    text = html.MEMBER.render(steered(commands=rows, stop=stop, steering=bad))
    tags = Tags()
    tags.feed(text)
    assert not {tag for tag, _ in tags.seen} & {"script", "img", "iframe", "form", "object", "base", "link"}
    known = Tags()
    known.feed(html.MEMBER.render(steered()))
    allowed = {name for _, attrs in known.seen for name in attrs}
    assert all(attrs.keys() <= allowed for _, attrs in tags.seen)
    assert text.count("<h1") == 1
