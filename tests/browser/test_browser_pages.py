"""The pages of a suite and of a comparison in a browser: what readers see, press and follow, and what they never do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from browser_factory import Visit, chromium, lacking
from hostile import HOSTILE
from snapshot_factory import app, snapshot
from test_suite_outcome import finding, summary

from chaosllm.adapters.suite_folder import render
from chaosllm.comparison import compare
from chaosllm.join import Run
from chaosllm.renderers._comparison_page import Shown
from chaosllm.renderers._comparison_page import page as comparison_page
from chaosllm.renderers._headline import MAIN
from chaosllm.series.pairs import Pair
from chaosllm.snapshot import Snapshot
from chaosllm.suite_outcome import METRICS, Ran, outcome

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())

FAULTS = ("quota", "hang", "latency", "rate_limit", "overload", "reset")
CODES = tuple(f"finding_of_kind_{number}" for number in range(16))
PAGES = ("suite", "comparison")
ALL_HEADINGS = ("good answers", "good and in time", "p95 over baseline")
#: Of every element that holds text itself: the text and the box in which it is seen, if it is.
SEEN = """() => [...document.querySelectorAll('main *, footer *')]
.filter(one => [...one.childNodes].some(part => part.nodeType === 3 && part.data.trim()))
.filter(one => !one.closest('nav, .skip, .hint, svg, .matrix thead'))
.map(one => [one.textContent.trim().slice(0, 60), one.getBoundingClientRect()])
.map(([text, box]) => [text, box.width * box.height > 0 && box.left >= 0, box.right])"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Both pages with all that they can have, the suite's beside its runs' own."""
    folder = tmp_path_factory.mktemp("pages")
    runs = [_run(folder, number) for number in range(14)]
    runs += [Ran("never-began"), Ran("cut", "cut", stopped="killed", error="it was killed"), Ran("x", error="no app")]
    (folder / "suite.html").write_text(render(outcome("nightly", runs), runs), encoding="utf-8")
    (folder / "comparison.html").write_text(comparison_page(_compared()), encoding="utf-8")
    return {name: folder / f"{name}.html" for name in PAGES}


def _run(folder: Path, number: int) -> Ran:
    kinds = ("critical", "major", "minor", "info")
    found = [
        finding(code, kinds[(number + at) % 4], 7 * at + 1, title=code, advice="Mend it.", sentence="It was seen.")
        for at, code in enumerate(CODES)
        if (number + at) % 4 == 0
    ]
    name = f"a-scenario-with-a-long-name-{number}"
    told = summary("fail", FAULTS[number % 6], 0.3, findings=found)
    cell = {"value": 11.62, "low": 10.25, "high": 12.75, "n": 100}
    told["phases"]["on"]["metrics"] |= {metric: cell for metric in METRICS if metric.endswith(("ion", "fraction"))}
    (folder / name).mkdir()
    (folder / name / "report.html").write_text(f"<!doctype html><title>{name}</title>")
    return Ran(name, name, told, started="2026-11-23", report=True)


@cache
def _sides() -> tuple[tuple[Run, Run], tuple[Snapshot, Snapshot]]:
    """Two runs and what they came to, taken once, because that takes a second each."""
    runs = app(1), app(3, slower=2.0, fails=0.35, tries=3)
    return runs, (snapshot(runs[0], "pass"), snapshot(runs[1], "fail"))


def _compared() -> Shown:
    from chaosllm.adapters.charts import pairs

    runs, both = _sides()
    found = compare(*both)
    found = replace(found, after=replace(found.after, objectives=[{"text": "hang == 0", "verdict": "fail"}]))
    return Shown(found, ("before", "after"), {**pairs.forest(found), **pairs.overlays(Pair(*runs, 1.0))})


@pytest.mark.parametrize("name", PAGES)
def test_every_link_arrives(browser: Any, pages: Mapping[str, Path], name: str) -> None:
    """Each link inside the page brings its target into sight, and each to a run opens that run's report."""
    with Visit(browser, pages[name]) as visit:
        page = visit.page
        targets = page.evaluate("[...new Set([...document.links].map(one => one.getAttribute('href')))]")
        inside = [target for target in targets if target.startswith("#")]
        assert len(inside) >= 5
        for target in inside:
            page.evaluate("target => { location.hash = ''; location.hash = target }", target)
            page.wait_for_function(
                "id => { const box = document.getElementById(id).getBoundingClientRect();"
                " return box.height > 0 && box.top < innerHeight && box.bottom > 0 }",
                arg=target[1:],
                timeout=20_000,
            )
        assert visit.said == []
        assert visit.asked == []
        others = [target for target in targets if target not in inside]
        assert len(others) == (14 if name == "suite" else 0)
        for target in others:
            page.goto((pages[name].parent / target).as_uri())
            assert page.title() == target.split("/")[0]
        assert visit.said == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (360, True)])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_grave(browser: Any, pages: Mapping[str, Path], name: str, width: int, dark: bool) -> None:
    """axe-core has no serious and no critical finding, nothing sticks out sideways, and no table is cut off."""
    with Visit(browser, pages[name], width=width, height=800, dark=dark) as visit:
        assert visit.grave() == []
        page = visit.page
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        cut = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1)"
        boxes = page.evaluate(f"{cut}.map(one => one.getAttribute('aria-label'))")
        assert boxes == (["Findings by fault: chart"] if (name, width) == ("suite", 360) else [])


@pytest.mark.parametrize("name", PAGES)
def test_the_keyboard_reaches_everything(browser: Any, pages: Mapping[str, Path], name: str) -> None:
    """Tab comes to every link, fold and box that scrolls, in the order of the page, and shows where it is."""
    with Visit(browser, pages[name]) as visit:
        page = visit.page
        wanted = page.evaluate(
            "[...document.querySelectorAll('a[href], summary, [tabindex=\"0\"]')]"
            ".map((one, at) => one.dataset.at = at).length"
        )
        assert wanted > 10
        reached = []
        for _ in range(wanted):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "(() => { const one = document.activeElement, look = getComputedStyle(one);"
                    " return [+one.dataset.at, look.outlineStyle, one.getBoundingClientRect().height > 0] })()"
                )
            )
        assert [at for at, _, _ in reached] == list(range(wanted))
        assert {(outline != "none", seen) for _, outline, seen in reached} == {(True, True)}


@pytest.mark.parametrize("name", PAGES)
def test_paper_shows_everything(browser: Any, pages: Mapping[str, Path], name: str) -> None:
    """On paper every text of the page is there, nothing is cut off at the right, and the menu is gone."""
    with Visit(browser, pages[name], width=794) as visit:
        page = visit.page
        page.emulate_media(media="print")
        assert page.evaluate("document.documentElement.scrollWidth") <= 794
        texts = page.evaluate(SEEN)
        assert len(texts) > 100
        assert [text for text, seen, right in texts if not seen or right > 795] == []
        assert not page.locator("nav").is_visible()
        page.emulate_media(media="screen")
        assert len(page.evaluate(SEEN)) == len(texts)
        for cell in page.locator(".matrix td").all()[:3]:  # whose headings are not shown at this width
            assert cell.evaluate("one => getComputedStyle(one, '::before').content").strip('"') in ALL_HEADINGS


def test_the_matrix_and_the_heat_map_on_a_phone(browser: Any, pages: Mapping[str, Path]) -> None:
    """The matrix becomes a block for each class with every value named; the map scrolls in its box, by keyboard too."""
    with Visit(browser, pages["suite"], width=360, height=800) as visit:
        page = visit.page
        cell = page.locator(".matrix td").first
        assert cell.evaluate("one => getComputedStyle(one, '::before').content") == '"good answers"'
        assert cell.bounding_box()["width"] > 250
        assert page.locator(".hint").is_visible()
        box = page.locator("figure.heat .scroll")
        letters = page.locator("figure.heat svg text").evaluate_all(
            "found => Math.min(...found.map(one => Math.min(one.getBoundingClientRect().width, "
            "one.getBoundingClientRect().height) || 99))"
        )
        assert letters >= 4  # an "i"
        box.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("() => document.querySelector('figure.heat .scroll').scrollLeft > 20", timeout=20_000)


def test_a_killed_suite_says_so_at_the_top(browser: Any, pages: Mapping[str, Path]) -> None:
    """Who never began and who never finished stands in the first box, on a phone too."""
    with Visit(browser, pages["suite"], width=360, height=800) as visit:
        said = visit.page.locator(".hero").inner_text()
        assert "Never begun: never-began." in said
        assert "Begun, and never finished: cut." in said
        assert visit.bottom(".hero") < 800


@pytest.mark.parametrize("name", PAGES)
def test_hostile_words_do_nothing(browser: Any, tmp_path: Path, name: str) -> None:
    """Sixty strings in every place that others fill: no dialog, no script, no request, and every part still there."""
    assert len(HOSTILE) >= 60
    path = tmp_path / f"{name}.html"
    path.write_text(_hostile_suite() if name == "suite" else _hostile_comparison(), encoding="utf-8")
    with Visit(browser, path) as visit:
        page = visit.page
        page.mouse.move(300, 300)
        page.keyboard.press("Tab")
        if name == "suite":
            assert page.locator("#scenarios ~ .scroll tbody tr").count() == 2 * len(HOSTILE)
            assert page.locator("figure.heat svg").is_visible()
        else:
            assert page.locator("tr.group").count() == len(set(HOSTILE))
        assert page.locator("h2[id]").count() >= 5
        assert page.locator("script, iframe, object, embed, form, input, base, link, h1 ~ h1, body > h1").count() == 0
        names = page.evaluate("[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())")
        assert not [one for one in names if one.lower().startswith("on")]
        links = page.evaluate("[...document.links].map(one => one.protocol)")
        assert set(links) == {"file:"}
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
        assert visit.said == []
        assert visit.asked == []


def _hostile_suite() -> str:
    runs = []
    for text in HOSTILE:
        phase = {"role": "fault", "seconds": 10.0, "metrics": {"success_rate": {"value": 0.3, "low": 0.2, "high": 0.4}}}
        rule = {"rule": text, "fault": "quota", "phase": text, "planned": 9, "delivered": 9}
        found = [
            finding(text, title=text, advice=text, sentence=text, phase=text, docs=text),
            finding(severity=text, phase=text, accepted={"owner": text, "until": text, "reason": text}),
        ]
        told = summary("fail", reasons=[text, f"{text} >= 95%"], findings=found, injection=[rule], phases={text: phase})
        runs.append(Ran(text, text, told, text, text, text, text, text, report=True))
        runs.append(Ran(f"{text} again", error=text))
    return render(outcome(HOSTILE[0], runs), runs)


def _hostile_comparison() -> str:
    from chaosllm.adapters.charts import pairs

    _, (before, after) = _sides()
    found = [dict.fromkeys(("code", "severity", "phase"), text) | {"count": 1, "of": 2} for text in HOSTILE]
    first, second = ({name: one.figures["storm"][name] for name in MAIN} for one in (before, after))
    storm = dict.fromkeys(HOSTILE, second)
    spoilt = replace(
        after, figures=storm, scenario=HOSTILE[0], doubts=HOSTILE, findings=found, verdict="inconclusive",
        started=HOSTILE[0], roles=dict(zip(HOSTILE, reversed(HOSTILE), strict=True)),
        around={text: text for text in HOSTILE},
        objectives=[{"text": text, "verdict": "fail"} for text in HOSTILE],
    )  # fmt: skip
    compared = compare(replace(before, figures=dict.fromkeys(storm, first)), spoilt)
    shown = Shown(compared, (HOSTILE[1], HOSTILE[2]), pairs.forest(compared), HOSTILE[3], every=False)
    return comparison_page(shown)
