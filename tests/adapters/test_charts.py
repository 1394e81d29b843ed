"""The drawings of a run: what is in them, that they are safe in a page, and that they never change by themselves."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import rendering_factory as factory
import run_factory as made
from chart_factory import streaming
from hostile import HOSTILE

from chaosllm.adapters.charts import CHARTS, charts, draw, drawing
from chaosllm.adapters.charts.style import styled
from chaosllm.adapters.charts.svg import INK
from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.prices import Price

PNG = b"\x89PNG\r\n\x1a\n"


def whole():
    return made.run(streaming(), rate=10)


@pytest.fixture(scope="module")
def drawn():
    return draw(whole())


def texts(svg: str) -> str:
    return " ".join("".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text"))


def test_every_chart_is_drawn(drawn):
    """A whole run gives every chart, small, with words for those who cannot see it, as SVG and PNG too."""
    assert [name for name, _, _ in drawn] == list(CHARTS)
    for name, chart, files in drawn:
        assert len(chart.svg) < 150_000
        assert len(chart.alt) > 40
        assert chart.says
        assert ET.fromstring(chart.svg).get("aria-label") == chart.alt
        assert set(files) == {f"{name}.svg", f"{name}.png"}
        assert files[f"{name}.png"].startswith(PNG)
        ET.fromstring(files[f"{name}.svg"])


def test_charts_live_together_in_a_page(drawn):
    """No two charts share an id, every reference stays inside its chart, and nothing styles the page."""
    seen: set[str] = set()
    for name, chart, _ in drawn:
        ids = re.findall(r'\bid="([^"]+)"', chart.svg)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        assert all(one.startswith(f"{name}-") for one in ids)
        used = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', chart.svg)
        assert {one or other for one, other in used} <= set(ids)
        assert "<style" not in chart.svg
        assert "<metadata" not in chart.svg
        addresses = set(re.findall(r"https?://[^\s\"'<]+", chart.svg))
        assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
        seen |= set(ids)


def test_charts_read_on_light_and_dark(drawn):
    """Text and axes take the colour of the page, and no background is painted."""
    for _, chart, files in drawn:
        assert "currentColor" in chart.svg
        assert INK not in chart.svg
        assert "#ffffff" not in chart.svg
        assert b"svg{color:#767676}" in next(iter(files.values()))


def test_phases_are_named_and_faults_are_bands(drawn):
    """Over time, each phase stands by its name, and the fault is marked in words as well as by a band."""
    for name in ("outcomes", "goodput", "latency", "amplification"):
        svg = next(chart.svg for found, chart, _ in drawn if found == name)
        for word in ("baseline", "storm (fault)", "recovery"):
            assert word in texts(svg)


def test_outcomes_that_never_came_are_not_in_the_legend():
    """A calm run shows good answers and nothing else."""
    run = factory.run(operations=200)
    found = texts(charts(run)["outcomes"].svg)
    assert "good" in found
    assert "error" not in found


def test_same_run_same_bytes(drawn):
    """Drawing again, and two at a time, gives the same bytes."""
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda _: charts(whole()), range(2)))
    assert again == [{name: chart for name, chart, _ in drawn}] * 2


def test_nothing_to_plot_is_a_sentence():
    """A run without any record has no chart, and each says why."""
    empty = join(factory.scenario(), Samples.of([]), [], {})
    for name, chart, files in draw(empty):
        assert chart.svg == "", name
        assert chart.says.endswith(".")
        assert files == {}


def test_unmatched_calls_are_not_counted_by_operation():
    """Below the least match rate the attempts of an operation are withheld, and the reason is told."""
    run = factory.run()
    lost = [replace(event, operation=None) for event in run.events]
    chart = charts(join(run.scenario, run.samples, lost, {}))["calls"]
    assert chart.svg == ""
    assert "0% of the calls" in chart.says


MARKUP = {"svg", "defs", "g", "path", "use", "text", "tspan", "clipPath", "rect", "pattern"}
#: What matplotlib itself would take for something else: mathematics, a label to leave out, a format, lines.
ODD = ("$x^2$ $\\frac{1}", "_nolegend_", "_", "%d %s {0}", "a\nb\r\nc", "\\", "&amp; <b> \"'", "漢字 مرحبا", "$")


def test_hostile_names_are_drawn_as_text():
    """Phases and providers of any name give sound XML with no element but those of a drawing, and stay text."""
    names = [one for one in (*HOSTILE, *ODD) if one.strip()]
    for at in range(0, len(names), 5):
        some = names[at : at + 5]
        of = made.scenario(warmup=2, baseline=4, fault=5, recovery=5)
        phases = [replace(phase, name=name) for phase, name in zip(of.phases, some[1:], strict=False)]
        run = made.run(streaming(), replace(of, phases=(*phases, *of.phases[len(phases) :])), rate=5)
        for event in run.events:
            event.provider = some[event.ordinal % len(some)]
        with styled():
            shown = [
                drawing.chart(name, CHARTS[name](run), files=False)[0]
                for name in ("outcomes", "distribution", "providers")
            ]
        for made_of in shown:
            root = ET.fromstring(made_of.svg)
            assert {node.tag.rpartition("}")[2] for node in root.iter()} <= MARKUP
            assert not any(name.lower().startswith("on") for node in root.iter() for name in node.attrib)
            assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", made_of.svg + made_of.says)


def test_names_are_never_mathematics_and_never_left_out():
    """A dollar is a dollar, and a name that begins with an underscore is in the legend."""
    of = made.scenario(warmup=0, baseline=5, fault=5, recovery=0)
    names = ("_hidden", "$x^2$")
    phases = tuple(replace(phase, name=name) for phase, name in zip(of.phases, names, strict=True))
    found = texts(charts(made.run(streaming(), replace(of, phases=phases), rate=8))["distribution"].svg)
    assert "_hidden (n = " in found
    assert "$x^2$ (n = " in found


def test_files_carry_a_title_and_the_page_does_not(drawn):
    """A picture that stands alone says what it is; on the page the heading says it, and the title leaves no hole."""
    for name, chart, files in drawn:
        alone = files[f"{name}.svg"].decode()
        assert chart.title in texts(alone)
        assert chart.title not in texts(chart.svg)
        box = [float(part) for part in ET.fromstring(chart.svg).get("viewBox").split()]
        whole = [float(part) for part in ET.fromstring(alone).get("viewBox").split()]
        assert box[1] + box[3] == pytest.approx(whole[3])
        assert box[1] > 15


def test_numbers_in_words_keep_their_digits():
    """A coordinate is cut to a hundredth of a point; a price, or a model's version, is not."""
    of = made.scenario(warmup=0, baseline=5, fault=5, recovery=0)
    phases = (replace(of.phases[0], name="v1.23456"), of.phases[1])
    run = made.run(streaming(), replace(of, phases=phases, prices={"gpt-4o": Price(0.1, 0.2)}), rate=8)
    found = charts(run)
    assert "v1.23456" in texts(found["outcomes"].svg)
    assert "0.011 USD" in texts(found["cost"].svg)
    assert "v1.23456" in ET.fromstring(found["distribution"].svg).get("aria-label", "")


def test_colour_never_tells_alone(drawn):
    """Curves differ by their dashes, bars and stacked areas by their hatches."""
    by_name = {name: chart.svg for name, chart, _ in drawn}
    assert len(set(re.findall(r"stroke-dasharray: ([^;\"]+)", by_name["distribution"]))) >= 2
    for name in ("outcomes", "calls", "retry_gaps", "cost", "providers"):
        assert "<pattern" in by_name[name], name
