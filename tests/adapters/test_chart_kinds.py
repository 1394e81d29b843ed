"""Each chart on runs of every shape: whole, empty, tiny, without streams, without a recovery, stopped early."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
import run_factory as made
from chart_factory import many_phases, plain, streaming

from chaosllm.adapters.charts import CHARTS, charts
from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.renderers import Chart
from chaosllm.scenario import Phase, Role

TIMELINES = ("outcomes", "goodput", "latency", "amplification")


RUNS = {
    "whole": lambda: made.run(streaming()),
    "empty": lambda: join(made.scenario(), Samples.of([]), [], {}),
    "one operation": lambda: made.run(streaming(), made.scenario(warmup=0, baseline=1, fault=0, recovery=0), rate=1),
    "no streams": lambda: made.run(plain),
    "no recovery": lambda: made.run(streaming(), made.scenario(recovery=0)),
    "stopped": lambda: made.run(streaming(), until=33.2, meta={"stopped": "limit"}),
    "stopped at once": lambda: made.run(streaming(), until=0.2, meta={"stopped": "limit"}),
    "many phases": many_phases,
    "no calls": lambda: made.run(made.calm, change=lambda samples, events: events.clear()),
    "warm-up only": lambda: made.run(made.calm, made.scenario(baseline=0, fault=0, recovery=0)),
}


@pytest.fixture(scope="module")
def drawn() -> dict[str, dict[str, Chart]]:
    return {name: charts(run()) for name, run in RUNS.items()}


def words_of(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]


@pytest.mark.parametrize("name", RUNS)
def test_every_run_gives_every_chart_or_says_why_not(drawn, name):
    """A picture with its words, or a sentence; never a gap, a trace, or a number that is none."""
    assert list(drawn[name]) == list(CHARTS)
    for chart in drawn[name].values():
        assert chart.title
        assert chart.says.endswith(".")
        assert not re.search(r"\bnan\b|\binf\b|None|—|\d\.\d{4,}", chart.says), chart.says
        assert bool(chart.svg) == bool(chart.alt)
        if chart.svg:
            assert chart.alt.endswith(chart.says.replace("`", ""))
            assert not any(text in ("nan", "inf", "—") for text in words_of(chart.svg))
            assert "nan" not in " ".join(re.findall(r'\bd="([^"]*)"', chart.svg))


def test_a_whole_run_has_every_picture(drawn):
    """Nothing is left out of a run in which everything happened, and all of it stays small."""
    assert all(chart.svg for chart in drawn["whole"].values())
    assert sum(len(chart.svg) for chart in drawn["whole"].values()) < 400_000


@pytest.mark.parametrize(
    ("run", "missing"),
    [
        ("empty", set(CHARTS)),
        ("no streams", {"first_token", "chunk_gaps", "retry_gaps"}),
        ("stopped", {"recovery"}),
        ("no calls", {"amplification", "calls", "providers", "retry_gaps", "cost", "first_token", "chunk_gaps"}),
    ],
)
def test_what_there_is_not_is_not_drawn(drawn, run, missing):
    """No picture where there is nothing to plot, and all the others there."""
    assert {name for name, chart in drawn[run].items() if not chart.svg} == missing


def test_why_not_is_said(drawn):
    """The sentence names what is missing."""
    assert "does not stream" in drawn["no streams"]["first_token"].says
    assert "more than one piece" in drawn["no streams"]["chunk_gaps"].says
    assert "no operation was due in a recovery" in drawn["no recovery"]["recovery"].says
    assert "the run was stopped before" in drawn["stopped"]["recovery"].says
    assert "saw no call" in drawn["no calls"]["calls"].says


def test_a_stop_is_marked(drawn):
    """A run that was stopped says where, on the axis of the whole scenario."""
    for name in TIMELINES:
        assert "stopped" in words_of(drawn["stopped"][name].svg)
        assert "stopped" not in words_of(drawn["whole"][name].svg)


def test_many_faults_are_named_over_time_and_pooled_beside_each_other(drawn):
    """Eleven faults are eleven names over the time line, and one curve."""
    for name in TIMELINES:
        assert {f"fault-{at}" for at in range(11)} <= set(words_of(drawn["many phases"][name].svg))
    labels = words_of(drawn["many phases"]["distribution"].svg)
    assert any(label.startswith("11 fault phases (n = ") for label in labels)


def test_a_block_of_very_many_rounds_is_drawn():
    """Two hundred phases are no reason for a big picture or a crowd of names."""
    rules = made.scenario().rules
    phases = [
        Phase(f"storm-{at}", 1, Role.FAULT, rules, float(at), "storm")
        if at % 2
        else Phase(f"calm-{at}", 1, Role.BASELINE, (), float(at), "calm")
        for at in range(200)
    ]  # fmt: skip
    found = charts(made.run(plain, made.replace(made.scenario(), phases=tuple(phases)), rate=2))
    for name in TIMELINES:
        assert len(found[name].svg) < 400_000
        assert not any(text.startswith("storm-") for text in words_of(found[name].svg))
    assert any(text.startswith("storm (n = ") for text in words_of(found["distribution"].svg))
