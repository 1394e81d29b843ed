"""The charts that are not of one run: the degradation curve of a sweep, and findings by fault."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hostile import HOSTILE

from chaosllm.adapters.charts import heat_map, sweep
from chaosllm.adapters.charts.drawing import chart
from chaosllm.adapters.charts.style import styled
from chaosllm.levels import parse_range
from chaosllm.series.heat import Row, Seen
from chaosllm.stats import wilson

SPAN = parse_range("rules.0.when.share=0%..60%")


def made(**fields: Any) -> dict[str, Any]:
    """A sweep.json of an app that breaks at 40 %."""
    curve = []
    for level in (0.0, 0.2, 0.3, 0.4, 0.6):
        good = round(200 * (1 - level**2 * 1.9))
        low, high = wilson(good, 200)
        curve.append(
            {"value": level, "text": f"{level:.0%}", "runs": 1, "n": 200, "share": good / 200}
            | {"low": low, "high": high}
        )
    text = {"value": "40%", "low": "35%", "high": "45%"}
    breaking = {"kind": "found", "low": 0.35, "high": 0.45, "value": 0.4, "holds": "below", "text": text}
    objective = {"text": "success_rate(storm) >= 70%", "counted": True, "good": 0.7}
    says = "success_rate(storm) >= 70% holds up to 40% (95% interval 35% to 45%)"
    whole = {
        "path": "rules.0.when.share",
        "objective": objective,
        "curve": curve,
        "breaking_point": breaking,
        "says": says,
    }
    return {**whole, **fields}


def words_of(svg: str) -> list[str]:
    return ["".join(node.itertext()) for node in ET.fromstring(svg).iter() if node.tag.endswith("}text")]


def test_a_sweep_is_a_curve_with_its_words():
    """Both files, the breaking point, each side by a mark of its own, and the sweep's sentence."""
    files = sweep.draw(made(), SPAN)
    assert set(files) == {"sweep.svg", "sweep.png"}
    svg = files["sweep.svg"].decode()
    assert {"holds", "fails", "likeliest: 40%", "objective: 70%", "breaks in here (95%)"} <= set(words_of(svg))
    assert "holds up to 40% (95% interval 35% to 45%)." in ET.fromstring(svg).get("aria-label", "")
    assert sweep.draw(made(), SPAN) == files


@pytest.mark.parametrize("kind", ["everywhere", "nowhere", "unknown"])
def test_a_sweep_without_a_breaking_point_is_drawn(kind):
    """A curve that never breaks, always fails, or cannot tell has no line that would say where."""
    breaking = {"kind": kind, "low": None, "high": None, "value": None, "holds": None, "text": {}}
    svg = sweep.draw(made(breaking_point=breaking), SPAN)["sweep.svg"].decode()
    assert not any(text.startswith("likeliest") for text in words_of(svg))


def test_a_sweep_by_verdicts_and_an_empty_one():
    """Where nothing is counted the share is of runs; without a level there is a sentence and no file."""
    told = made(objective={"text": "latency_p95(storm) <= 2s", "counted": False, "good": None})
    assert "runs that met the objective" in words_of(sweep.draw(told, SPAN)["sweep.svg"].decode())
    assert sweep.draw(made(curve=[]), SPAN) == {}
    assert sweep.drawing(made(curve=[]), SPAN).says == "No level was tried, so there is no curve to plot."


ROWS = (
    Row("rate-limit-storm", {"hang": Seen("critical", 12, 40), "no_jitter": Seen("minor", 3)}),
    Row("outage", {"hang": Seen("critical", 1200)}, frozenset({"no_jitter"})),
    Row("calm"),
)


def drawn(rows, codes=None) -> tuple[str, str]:
    with styled():
        found = heat_map.draw(rows, codes)
        return chart("heat_map", found, files=False)[0].svg, found.says


def test_findings_by_fault_are_letters_and_counts():
    """A cell tells severity by its letter and how often; what was not looked for is no empty cell."""
    svg, says = drawn(ROWS)
    assert {"C 12", "C 1k", "m 3", "?", "hang", "no_jitter", "calm", "C: critical"} <= set(words_of(svg))
    assert says == "2 of 3 runs had findings, 2 of them critical ones; hang was seen in 2."


def test_a_wide_suite_goes_down_the_page():
    """Forty runs are forty lines, with letters alone where counts do not fit, and the picture stays small."""
    seen = {f"code_{at}": Seen("critical" if at % 2 else "minor", 100) for at in range(12)}
    svg, _ = drawn([Row(f"run-{at}", seen if at % 3 == 0 else {}) for at in range(40)])
    assert {"C", "m", "run-39", "code_11"} <= set(words_of(svg))
    assert "C 100" not in words_of(svg)
    assert len(svg) < 150_000


def test_a_suite_without_findings_is_a_sentence():
    """No run, or none with a finding, is no grid; codes that are asked for are drawn all the same."""
    assert drawn([]) == ("", "No run was judged, so there is no finding to plot.")
    assert drawn([Row("calm")]) == ("", "No finding in 1 run: there is nothing to plot.")
    svg, says = drawn([Row("calm")], ["hang"])
    assert "hang" in words_of(svg)
    assert says.startswith("0 of 1 run had findings")


def test_hostile_runs_and_codes_are_text():
    """Whatever a scenario or a plugin's finding is called, the grid holds only what a drawing holds."""
    rows = [Row(text, {text: Seen(text, 1)}) for text in HOSTILE if text.strip()]
    svg, _ = drawn(rows)
    tags = {node.tag.rpartition("}")[2] for node in ET.fromstring(svg).iter()}
    assert tags <= {"svg", "defs", "g", "path", "use", "text", "tspan", "clipPath", "rect"}
