"""The page in Chromium: a day played through it, a wire that breaks, a phone, strings that would do harm."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from browser_factory import chromium, lacking
from hostile import HOSTILE
from served import Served, served

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(bool(lacking()), reason=lacking())]

#: What every foreign text of a hostile day ends in.
HARM = " ".join(text for text in HOSTILE if len(text) < 200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


class Page:
    """A page that is open on a day, with all that it said and asked for."""

    def __init__(self, context: Any, day: Served) -> None:
        self.day, self.page = day, context.new_page()
        self.said: list[str] = []
        self.asked: set[str] = set()
        self.page.set_default_timeout(30_000)
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (self.said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(day.server.page)

    def caught_up(self) -> None:
        """Wait until the page has every event; its state is then the run's."""
        seq = self.day.do(lambda: self.day.desk.hub.state["seq"])
        # Not wait_for_function, which evaluates a string inside the page, as its policy forbids.
        until = time.monotonic() + 30
        while self.page.evaluate("globalThis.chaosllm?.state()?.seq ?? -1") < seq:
            assert time.monotonic() < until, "the page does not have the newest event"
            self.page.wait_for_timeout(20)
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert self.page.evaluate("chaosllm.state()") == self.day.do(lambda: copy.deepcopy(self.day.desk.hub.state))

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def in_peace(self) -> None:
        """Nothing was said, nothing asked of anybody else."""
        assert self.said == []
        assert {url for url in self.asked if not url.startswith(self.day.server.url + "/")} == set()

    def grave(self) -> list[str]:
        """Serious and critical findings of axe-core."""
        from axe_playwright_python.sync_playwright import Axe

        found = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']} at {node['html'][:200]}: {node.get('failureSummary', '')[:300]}"
            for one in found if one["impact"] in ("serious", "critical") for node in one["nodes"]
        ]  # fmt: skip


@contextmanager
def opened(
    browser: Any, *, extra: str = "", width: int = 1440, height: int = 900, dark: bool = False
) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    with served(extra=extra, found=False) as day:
        page = Page(context, day)
        yield page
        context.close()


def play(day: Served, seconds: int) -> None:
    day.do(lambda: [day.desk.advance() for _ in range(seconds)])


def test_a_day_is_played_on_the_page(browser: Any) -> None:
    """Approved, goodput falls, findings appear, share changed, reloaded, stopped: page and desk agree."""
    with opened(browser, dark=True) as shown:
        page, desk = shown.page, shown.day.desk
        page.get_by_label("Your name, for the log").fill("Ada")
        page.get_by_role("button", name="Save").click()
        assert "token" not in page.url
        assert "waiting" in shown.text("#status")
        place = page.get_by_role("button", name="Approve step 1").bounding_box()
        page.get_by_role("button", name="Approve step 1").click()
        page.get_by_role("switch", name="Fault storm.0").wait_for()
        page.mouse.click(
            place["x"] + 5, place["y"] + 5
        )  # the second press of a slow double click, where now is another
        assert "Press again to end step 1" in shown.text("#steps")
        assert desk.obeyed == [("approve", {"step": 1})]
        play(shown.day, 35)
        shown.caught_up()
        calm = float(shown.text("#tiles .figure >> nth=0").removesuffix("/s"))
        play(shown.day, 27)
        shown.caught_up()
        assert float(shown.text("#tiles .figure >> nth=0").removesuffix("/s")) < 0.8 * calm
        assert "Answers that were cut were shown as whole" in shown.text("#findings")
        assert "critical finding" in page.locator("#news").text_content()
        assert "storm" in shown.text("#clock")
        assert "away" in shown.text("#stops")

        share = page.get_by_label("Share of storm.0", exact=True)
        assert share.input_value() == "40%"
        assert (
            page.get_by_label("Share of storm.1", exact=True).input_value() == "100%"
        )  # without one it is all of them
        assert "on every 3rd operation of the phase" in shown.text("#rules > li:nth-child(2)")
        share.fill("65")
        share.press("Enter")
        page.get_by_role("switch", name="Fault storm.1").press("Space")
        page.get_by_role("button", name="Trigger storm.2 once").click()
        page.get_by_role("button", name="Extend 30s").click()
        page.get_by_role("button", name="Pause all").click()
        page.get_by_role("button", name="Resume all").click()
        page.get_by_label("A note for the log").fill("the pager is quiet")
        page.get_by_label("A note for the log").press("Enter")
        page.get_by_text("console:Ada the pager is quiet").wait_for()
        assert desk.obeyed[1:] == [
            ("share", {"rule": "storm.0", "share": "65%"}), ("enable", {"rule": "storm.1"}),
            ("trigger", {"rule": "storm.2", "count": 1}), ("extend", {"by": "30s"}), ("pause", {}), ("resume", {}),
            ("note", {"text": "the pager is quiet"}),
        ]  # fmt: skip
        share.fill("a lot")
        share.press("Enter")
        page.get_by_text("expected a percentage").first.wait_for()
        assert shown.grave() == []

        page.get_by_text("End this step").wait_for()  # nobody pressed again, which takes some seconds
        shown.caught_up()
        before = [shown.text(part) for part in ("#rules", "#findings", "#log", "#tiles", "#steps", "#status")]
        page.reload()
        page.get_by_role("switch", name="Fault storm.0").wait_for()
        shown.caught_up()
        assert [shown.text(part) for part in ("#rules", "#findings", "#log", "#tiles", "#steps", "#status")] == before
        assert shown.text("#me") == "as Ada"
        assert desk.beats

        stop = page.get_by_role("button", name="Stop everything")
        stop.click()
        assert [do for do, _ in desk.obeyed].count("stop") == 0
        page.get_by_role("button", name="Press again to stop").click()
        page.get_by_text("■ Stopped by console:Ada").wait_for()
        shown.caught_up()
        assert desk.hub.state["stop"]["who"] == "console:Ada"
        assert page.locator("#stop").is_disabled()
        assert shown.grave() == []
        # What was refused is told by the browser as a failed request, which is no mistake of the page.
        shown.said = [one for one in shown.said if "422" not in one]
        shown.in_peace()


def test_a_broken_wire_is_mended(browser: Any) -> None:
    """A stream that was cut is taken up where it broke, and nothing is missed; a stop that is held needs one press."""
    with opened(browser, width=900) as shown:
        page = shown.page
        shown.caught_up()
        shown.day.do(shown.day.desk.begin)
        play(shown.day, 5)
        shown.caught_up()
        with page.expect_request(lambda request: "/v1/events?after=" in request.url):
            shown.day.do(shown.day.cut)
            play(shown.day, 5)
        shown.caught_up()
        page.get_by_text("● live").wait_for()
        play(shown.day, 5)
        shown.caught_up()
        box = page.locator("#stop").bounding_box()
        page.mouse.move(box["x"] + 20, box["y"] + 20)
        page.mouse.down()
        page.get_by_text("■ Stopped by console").wait_for()
        page.mouse.up()


def test_a_phone_has_it_all(browser: Any) -> None:
    """At 360 px nothing scrolls sideways, the stop button stays in reach, and names that would do harm do none."""
    with opened(browser, extra=HARM, width=360, height=740) as shown:
        page, day = shown.page, shown.day
        shown.caught_up()
        page.get_by_role("button", name="Approve step 1").click()
        page.get_by_role("switch", name="Fault storm.0").wait_for()
        play(day, 65)
        for at, text in enumerate(HOSTILE):
            day.do(day.desk.hub.publish, "note", who=f"console:{text[:60]}", t=float(at), text=text)
        shown.caught_up()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        for where in (0, 99999):
            page.mouse.wheel(0, where)
            box = page.locator("#stop").bounding_box()
            assert box["y"] + box["height"] <= 740
            assert box["height"] >= 44
        strange = "main script, main iframe, main img, main form[action], main style, main a"
        assert page.locator(strange).count() == 0
        assert "<script>alert(1)</script>" in shown.text("#log")
        assert shown.grave() == []
        shown.in_peace()


def test_without_the_token_the_page_says_so(browser: Any) -> None:
    """No state, no buttons that do anything, and what to open instead."""
    with opened(browser) as shown:
        shown.page.evaluate("sessionStorage.clear()")
        shown.page.goto(shown.day.server.url)
        shown.page.get_by_text("This page needs the token of the run.").wait_for()
        assert shown.page.locator("#stop").is_disabled()
