"""Pictures of two runs: drawn for runs of every shape, told apart without colour, safe with any name."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import run_factory as made
from chart_factory import plain, streaming
from snapshot_factory import app, snapshot

from chaosllm.adapters.charts.pairs import PAIRS, forest, overlays
from chaosllm.columns import Samples
from chaosllm.comparison import compare
from chaosllm.join import join
from chaosllm.scenario import Phase
from chaosllm.series.pairs import Pair

EMPTY = join(made.scenario(), Samples.of([]), [], {})


@pytest.fixture(scope="module")
def drawn():
    """Pairs of runs of several shapes."""
    whole = made.run(streaming())
    stopped = made.run(streaming(), until=33.2, meta={"stopped": "limit"})
    silent = made.run(made.calm, change=lambda samples, events: events.clear())
    pairs = {
        "whole": Pair(whole, made.run(plain)),
        "stopped": Pair(whole, stopped),
        "stopped first": Pair(stopped, whole),
        "empty": Pair(EMPTY, whole),
        "no calls": Pair(whole, silent),
    }
    return {name: overlays(pair) for name, pair in pairs.items()}


def words_of(svg):
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("name", ["whole", "stopped", "stopped first", "empty", "no calls"])
def test_every_pair_gives_every_picture_or_says_why_not(drawn, name):
    """A picture with its words, or a sentence; never a number that is none."""
    assert list(drawn[name]) == list(PAIRS)
    for chart in drawn[name].values():
        assert chart.says.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|None|—|\d\.\d{4,}", chart.says), chart.says
        assert bool(chart.svg) == bool(chart.alt)
        assert "nan" not in " ".join(re.findall(r'\bd="([^"]*)"', chart.svg))


def test_what_cannot_be_laid_over_each_other_is_a_sentence(drawn):
    """No operation, and no call: no picture, and the run is named."""
    assert not any(chart.svg for chart in drawn["empty"].values())
    assert not drawn["no calls"]["pair_calls"].svg
    assert drawn["no calls"]["pair_calls"].says.startswith("B: The proxy saw no call")
    assert "B was stopped after 33.1s" in drawn["stopped"]["pair_goodput"].says
    assert "A was stopped after 33.1s" in drawn["stopped first"]["pair_outcomes"].says


def test_colour_never_tells_a_from_b_alone(drawn):
    """B's lines are dashed and its bars are hatched; A's are not."""
    for name in ("pair_goodput", "pair_latency"):
        svg = drawn["whole"][name].svg
        styles = re.findall(r'style="([^"]*stroke: #(?:0072b2|d55e00)[^"]*)"', svg)
        assert styles
        assert all(("stroke-dasharray" in one) == ("#d55e00" in one) for one in styles)
    assert "url(#pair_calls-h" in drawn["whole"]["pair_calls"].svg
    assert {"A", "B"} <= set(words_of(drawn["whole"]["pair_latency"].svg))
    assert {"A: a second", "B: a second"} <= set(words_of(drawn["whole"]["pair_outcomes"].svg))


def test_the_forest_has_a_row_for_each_change_and_the_margins():
    """Every change that is drawn is named with its phase, whichever way it went; the same snapshot, the same bytes."""
    before, after = snapshot(app(1)), snapshot(app(3, slower=2.0, fails=0.35, tries=3))
    found = forest(compare(before, after))["changes"]
    said = words_of(found.svg)
    assert {"storm: success_rate", "storm: latency_p95", "B over A", "B less A, in points"} <= set(said)
    assert "margin of a gate" in said
    assert re.search(r"\d+ worse", found.says)
    assert found == forest(compare(before, after))["changes"]
    again = forest(compare(before, before))["changes"]
    assert "none differs from no change" in again.says


def test_hostile_phases_are_drawn_as_text():
    """A phase's name is neither markup nor mathematics."""
    evil = "<script>alert(1)</script>$x$"
    of = made.scenario()
    phases = tuple(made.replace(one, name=evil) if one.rules else one for one in of.phases)
    run = made.run(made.calm, made.replace(of, phases=phases))
    assert isinstance(phases[-1], Phase)
    for chart in overlays(Pair(run, run)).values():
        assert "<script" not in chart.svg
        ET.fromstring(chart.svg or "<svg/>")
