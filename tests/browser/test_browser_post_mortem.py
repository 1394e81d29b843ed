"""The post-mortem in a browser: whole on a screen, a phone and paper, in light and dark, and it never does anything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_factory import Visit, chromium, lacking
from gameday_factory import hostile, surprised
from hostile import HOSTILE

from chaosllm.renderers._post_mortem import page

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a day with a surprise, beside the report of the step that surprised."""
    folder = tmp_path_factory.mktemp("day")
    (folder / "2-storm").mkdir()
    (folder / "2-storm" / "report.html").write_text("<!doctype html><title>storm</title>")
    (folder / "post-mortem.html").write_text(page(surprised(), {"2-storm"}), encoding="utf-8")
    return folder / "post-mortem.html"


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (360, True)])
def test_axe_finds_nothing_grave(browser: Any, shown: Path, width: int, dark: bool) -> None:
    """No serious and no critical finding, nothing sticks out sideways, and no table is cut off."""
    with Visit(browser, shown, width=width, height=800, dark=dark) as visit:
        assert visit.grave() == []
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        cut = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
        assert visit.page.evaluate(cut) == 0
        assert visit.said == []


def test_it_leads_to_the_report_of_its_step(browser: Any, shown: Path) -> None:
    """A click on the step's name opens its report."""
    with Visit(browser, shown) as visit:
        visit.page.locator("#steps ~ .steps a").click()
        assert visit.page.title() == "storm"


def test_paper(browser: Any, shown: Path) -> None:
    """Nothing is cut off at the right, and there is room to write owner and due."""
    with Visit(browser, shown, width=794) as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 794
        assert not visit.page.locator("nav").is_visible()
        assert visit.page.locator(".actions tbody tr").last.locator("td").last.bounding_box()["width"] > 40


def test_hostile_words_do_nothing(browser: Any, tmp_path: Path) -> None:
    """Every string of others, wherever it stands: no dialog, no script, no request."""
    paths = [tmp_path / f"{number}.html" for number in range(len(HOSTILE[::5]))]
    for path, bad in zip(paths, HOSTILE[::5], strict=True):
        path.write_text(page(hostile(bad), {bad}), encoding="utf-8")
    with Visit(browser, paths[0]) as visit:
        for path in paths:
            visit.page.goto(path.as_uri())
            assert visit.page.locator("script, iframe, object, embed, form, input, base, link, h1 ~ h1").count() == 0
            assert visit.page.locator("#timeline").is_visible()
            assert visit.page.url == path.as_uri()
        assert (visit.said, visit.asked) == ([], [path.as_uri() for path in paths])
