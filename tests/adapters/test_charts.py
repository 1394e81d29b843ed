"""The drawings of a run: what is in them, that they are safe in a page, and that they never change by themselves."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import rendering_factory as factory
from hostile import HOSTILE

from chaosllm.adapters.charts import CHARTS, charts, draw
from chaosllm.adapters.charts.svg import INK
from chaosllm.join import Samples, join

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def drawn():
    return draw(factory.run())


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
    for name in ("outcomes", "latency", "load"):
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
        again = list(pool.map(lambda _: charts(factory.run()), range(2)))
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


def test_hostile_names_are_drawn_as_text():
    """Phases and providers of any name give sound XML with no element but those of a drawing."""
    names = [one for one in HOSTILE if one.strip()]
    for text, providers in ((names[0], names[:9]), (names[5], names[9:18]), (names[-4], names[18:])):
        run = factory.run(factory.scenario(phase=text), operations=300)
        block = factory.summary()["phases"]["storm"] | {"attempts_by_provider": dict.fromkeys(providers, 400)}
        for chart in charts(run, {"phases": dict.fromkeys(providers, block)}).values():
            root = ET.fromstring(chart.svg)
            tags = {node.tag.rpartition("}")[2] for node in root.iter()}
            assert tags <= {"svg", "defs", "g", "path", "use", "text", "tspan", "clipPath", "rect"}
            assert not any(name.lower().startswith("on") for node in root.iter() for name in node.attrib)
