"""The report in a browser: what its readers see, press and follow, and what it never does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rendering_factory as made
from browser_factory import Visit, chromium, lacking
from hostile import HOSTILE

from chaosllm.renderers import Material, html
from chaosllm.renderers._stories import stories

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a run that failed, with everything on it."""
    from chaosllm.adapters.charts import charts

    run, summary = made.run(), made.summary()
    shown = Material(summary, charts(run), "name: storm\n", stories(run, summary["findings"]), made.meta())
    return _page(tmp_path_factory, shown)


def _page(folder: pytest.TempPathFactory, shown: Material) -> Path:
    path = folder.mktemp("page") / "report.html"
    path.write_text(html.MEMBER.render(shown), encoding="utf-8")
    return path


def test_a_finding_opens_its_sequence(browser: Any, report: Path) -> None:
    """From the first screen a click leads to an operation's sequence, and the keyboard folds it up."""
    with Visit(browser, report) as visit:
        page = visit.page
        page.locator("#worst ~ .cards a").first.click()
        story = page.locator("details.story[open]")
        assert story.count() == 1
        for said in ("asks", "Fault", "user to app"):
            assert story.locator("li", has_text=said).count(), said
        assert story.locator(".seq").is_visible()
        story.locator("summary").press("Enter")
        assert not page.locator("details.story .seq").first.is_visible()
        assert visit.said == []
        assert visit.asked == []


def test_every_link_arrives(browser: Any, report: Path) -> None:
    """Each link inside the page brings its target into sight, unfolding what hides it."""
    with Visit(browser, report) as visit:
        page = visit.page
        targets = page.evaluate("[...new Set([...document.links].map(one => one.getAttribute('href')))]")
        assert len(targets) > 15
        for target in targets:
            page.evaluate("target => { location.hash = ''; location.hash = target }", target)
            page.wait_for_function(
                "id => { const box = document.getElementById(id).getBoundingClientRect();"
                " return box.height > 0 && box.top < innerHeight && box.bottom > 0 }",
                arg=target[1:],
                timeout=20_000,
            )
        assert visit.said == []
        assert visit.asked == []


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_axe_finds_nothing_grave(browser: Any, report: Path, width: int, dark: bool) -> None:
    """With everything unfolded axe-core has no serious and no critical finding, and nothing sticks out sideways."""
    with Visit(browser, report, width=width, height=780, dark=dark) as visit:
        visit.open_all()
        assert visit.grave() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_first_screen_answers(browser: Any, report: Path) -> None:
    """Verdict, hypothesis, users hit, objectives, score with coverage, and three fixes stand on one screen."""
    with Visit(browser, report) as visit:
        text = visit.page.locator("main").inner_text()
        for said in (
            "FAIL",
            "It did not hold",
            "29.7%",
            "89 of 300 operations",
            "1 of 3 failed",
            "52 of 100",
            "9 other classes of faults were not tested",
        ):
            assert said in text, said
        fixes = visit.page.locator(".cards .fix")
        assert fixes.count() == 3
        assert max(fixes.nth(place).bounding_box()["y"] for place in range(3)) < 900
        assert visit.bottom(".figures") < 500


def test_the_first_screen_of_a_phone_answers(browser: Any, report: Path) -> None:
    """On a phone the verdict and the users hit come without scrolling."""
    with Visit(browser, report, width=360, height=780) as visit:
        assert visit.bottom(".hero") < 500
        assert visit.bottom(".figures > div") < 780


def test_an_undecided_run_says_what_to_change(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What would bring a verdict stands on the first screen, on a phone too."""
    shown = Material(made.summary(verdict="inconclusive"), meta=made.meta())
    with Visit(browser, _page(tmp_path_factory, shown), width=360, height=780) as visit:
        change = visit.page.locator(".change")
        assert "Lower the rate." in change.inner_text()
        assert change.bounding_box()["y"] < 500


def test_paper(browser: Any, report: Path) -> None:
    """On paper nothing is cut off at the right, and links to other parts are gone."""
    with Visit(browser, report, width=794) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 794
        assert not visit.page.locator("nav").is_visible()


def test_paper_unfolds_what_is_folded(browser: Any, report: Path) -> None:
    """Nobody can click on paper: folded sequences, checks and reasons are printed, and on the screen stay folded."""
    with Visit(browser, report, width=794) as visit:
        parts = visit.page.locator("details:not([open]) > :not(summary)")
        assert parts.count() >= 3
        visible = "all => all.filter(one => one.checkVisibility({contentVisibilityAuto: true})).length"
        assert parts.evaluate_all(visible) == 0
        visit.page.emulate_media(media="print")
        assert parts.evaluate_all(visible) == parts.count()


@pytest.mark.parametrize("width", [360, 1440])
def test_names_of_calls_stay_in_one_piece(browser: Any, report: Path, width: int) -> None:
    """`op-250/call-0` never breaks at its hyphen, or it reads as two."""
    with Visit(browser, report, width=width) as visit:
        heights = visit.page.locator(".ids code").evaluate_all("all => all.map(one => one.clientHeight)")
        assert heights
        assert max(heights) < 1.6 * min(heights)


def test_hostile_words_do_nothing(browser: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Sixty strings in every place that others fill: no dialog, no script, no request, and every part still there."""
    assert len(HOSTILE) >= 60
    path = _page(tmp_path_factory, _everywhere())
    with Visit(browser, path) as visit:
        visit.open_all()
        page = visit.page
        page.mouse.move(300, 300)
        page.keyboard.press("Tab")
        assert page.locator("h2[id]").count() >= 10
        assert page.locator(".all > article").count() == len(HOSTILE)
        assert page.locator("script, iframe, object, embed, form, input, base, link, h1 ~ h1, body > h1").count() == 0
        names = page.evaluate("[...document.querySelectorAll('*')].flatMap(one => one.getAttributeNames())")
        assert not [name for name in names if name.lower().startswith("on")]
        assert page.evaluate("document.documentElement.scrollWidth") <= 1440
        assert visit.said == []
        assert visit.asked == []


def _everywhere() -> Material:
    summary = made.summary(scenario=HOSTILE[0], hypothesis=" ".join(HOSTILE), reasons=list(HOSTILE))
    block = summary["phases"]["storm"]
    summary["phases"] = {text: block | {"attempts_by_provider": {text: 3}} for text in HOSTILE}
    summary["phases"][HOSTILE[2]]["by_operation"] = dict.fromkeys(HOSTILE, block)
    summary["objectives"] = [{"text": text, "value": 1.0, "verdict": "fail", "why": text} for text in HOSTILE]
    summary["findings"] = [
        dict.fromkeys(("code", "title", "severity", "phase", "sentence", "advice", "docs"), text)
        | {"count": 1, "of": 2, "evidence": [text, f"op-{place}/call-0"]}
        for place, text in enumerate(HOSTILE)
    ]
    rule = {"eligible": 1, "planned": 1, "fired": 1, "delivered": 0}
    summary["injection"] = [rule | {"rule": text, "fault": text, "why": {text: 1}} for text in HOSTILE]
    summary["validity"] = [{"name": text, "ok": False, "what": text, "hint": text} for text in HOSTILE]
    one = next(iter(stories(made.run(operations=260), [{"evidence": ["op-255"]}]).values()))
    step = one.steps[0]
    told = {
        f"op-{place}": replace(
            one,
            phase=text,
            outcome="error",
            error=text,
            steps=(replace(step, provider=text, model=text, did=text, ended=text, injected=bool(place % 2)),),
        )
        for place, text in enumerate(HOSTILE)
    }
    meta = {
        "version": HOSTILE[1],
        "app": HOSTILE[2],
        "started": HOSTILE[3],
        "versions": dict.fromkeys(HOSTILE, HOSTILE[4]),
    }
    return Material(summary, {}, "\n".join(HOSTILE), told, meta, HOSTILE[0])
