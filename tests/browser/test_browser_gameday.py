"""A whole game day in Chromium against the real thing: command line, proxy, driver, simulator and the fragile app."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from browser_factory import chromium, lacking

pytestmark = [pytest.mark.end_to_end, pytest.mark.skipif(bool(lacking()), reason=lacking())]

#: `chaosllm` that draws nothing: the page has curves of its own, and what is drawn of a run shows in test_run_verdicts.
UNDRAWN = Path(__file__).parents[1] / "undrawn.py"
TARGET = {"operation": {"path": "/chat", "json": {"message": "{prompt}"}, "answer": "$.answer"}, "timeout": "4s"}
UPSTREAMS = [{"provider": name, "url": "simulator"} for name in ("openai", "anthropic")]
#: The first step, refused calls that the page makes worse; the second is stopped; the third never begins.
PLAN: dict[str, Any] = {
    "version": 1,
    "gameday": "rehearsal",
    "summary": "Does a page show what happens, and stop it?",
    "roles": [{"role": "lead", "name": "Ada", "does": "approves and stops"}],
    "target": TARGET,
    "upstreams": UPSTREAMS,
    "load": {"rate": "12/s"},
    "time_box": "10m",
    "steps": [
        {
            "fault": "rate_limit", "name": "storm", "with": {"retry_after": "2s", "when": {"share": "40%"}},
            "baseline": "4s", "duration": "150s", "recovery": "1s",  # the page ends it
            "expect": {"findings": [], "summary": "the app waits as it is told"},
        },
        {"scenario": "away.yaml", "expect": {"verdict": "pass"}},
        {"fault": "latency", "name": "later", "with": {"first_token": "1s"}, "duration": "5s"},
    ],
    "stop_when": ["hangs > 1000"],
}  # fmt: skip
AWAY: dict[str, Any] = {
    "version": 1, "name": "away", "hypothesis": "Users are told plainly.", "target": TARGET, "upstreams": UPSTREAMS,
    "load": {"rate": "10/s"},
    "phases": [
        {"name": "baseline", "duration": "2s"},
        {"name": "gone", "duration": "90s", "rules": [{"fault": "error", "status": 503}]},
        {"name": "recovery", "duration": "5s"},
    ],
}  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@dataclass
class Day:
    """`chaosllm gameday` as its own process, and the address that it prints."""

    folder: Path
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.folder / "away.yaml").write_text(yaml.safe_dump(AWAY))
        plan = self.folder / "plan.yaml"
        plan.write_text(yaml.safe_dump(PLAN))
        runtime = self.folder / "runtime"  # of its own, so that nobody's `chaosllm stop` ends it, and it nobody's
        runtime.mkdir(mode=0o700)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("CHAOSLLM_")}
        self.out = self.folder / "out"
        with (self.folder / "stderr").open("w") as told:
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(UNDRAWN), "gameday", str(plan), "--app", "fragile", "--json",
                 "--out", str(self.out)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=told, text=True, cwd=self.folder,
                env=inherited | {"XDG_RUNTIME_DIR": str(runtime)}, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        self.page = str(json.loads(self.process.stdout.readline())["console"])
        self.origin = self.page.partition("/#")[0]

    def end(self, limit: float = 30) -> tuple[int, dict[str, Any], str]:
        """(exit code, what --json printed last, stderr)."""
        out, _ = self.process.communicate(timeout=limit)
        return self.process.returncode, json.loads(out.splitlines()[-1]), (self.folder / "stderr").read_text()


@contextmanager
def playing(folder: Path) -> Iterator[Day]:
    day = Day(folder)
    try:
        yield day
    finally:
        if day.process.poll() is None:
            os.killpg(day.process.pid, signal.SIGINT)  # which ends what it started, too
            day.process.communicate(timeout=30)


class Console:
    """A page of the console that is open, with all that it said and asked for."""

    def __init__(self, browser: Any, day: Day, *, who: str) -> None:
        self.day = day
        self.context = browser.new_context(viewport={"width": 1440, "height": 900})
        self.page = self.context.new_page()
        self.page.set_default_timeout(30_000)
        self.said: list[str] = []
        self.asked: set[str] = set()
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        self.page.on("request", lambda request: self.asked.add(request.url))
        self.page.goto(day.page)
        self.page.get_by_label("Your name, for the log").fill(who)
        self.page.get_by_role("button", name="Save").click()

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate("globalThis.chaosllm?.state() ?? {seq: 0, status: ''}")
        return found

    def until(self, what: str, holds: Callable[[dict[str, Any]], Any], limit: float = 40) -> dict[str, Any]:
        """The state once it holds; asked from here, because the page's policy lets nobody evaluate text in it."""
        ends = time.monotonic() + limit
        while not holds(state := self.state):
            assert time.monotonic() < ends, f"{what}: not within {limit:g} s; {json.dumps(state)[:3000]}"
            assert self.day.process.poll() is None, (self.day.folder / "stderr").read_text()
            self.page.wait_for_timeout(100)
        return state

    def drawn(self) -> None:
        """Return once what the page knows is on the screen."""
        self.page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def text(self, selector: str) -> str:
        return str(self.page.locator(selector).inner_text())

    def card(self, number: int) -> str:
        return self.text(f"#steps > li:nth-child({number})")

    def note(self, text: str) -> None:
        self.page.get_by_label("A note for the log").fill(text)
        self.page.get_by_label("A note for the log").press("Enter")


#: What of the page stands still between two ticks.
SEEN = ("#name", "#steps", "#rules .about b", "#log")


def same(one: Console, other: Console) -> None:
    """Two pages hold the same state and show the same; they are asked at one seq, which comes within a second."""
    for _ in range(100):
        held = [page.state for page in (one, other)]
        if held[0]["seq"] == held[1]["seq"]:
            one.drawn()
            other.drawn()
            shown = [[page.text(part) for part in SEEN] for page in (one, other)]
            if {one.state["seq"], other.state["seq"]} == {held[0]["seq"]}:  # or one drew an event before the other
                assert held[0] == held[1]
                assert shown[0] == shown[1]
                return
        one.page.wait_for_timeout(20)
    raise AssertionError(f"the pages never stood at one seq: {held[0]['seq']} and {held[1]['seq']}")


@pytest.mark.timeout(240)  # a minute on two cores that have more to do
def test_a_whole_game_day(browser: Any, tmp_path: Path) -> None:
    """Approved, goodput falls, findings appear, a share is changed, reloaded, stopped: all records tell the same."""
    with playing(tmp_path) as day:
        ada = Console(browser, day, who="Ada")
        ada.until("it waits", lambda state: state["status"] == "waiting" and state["day"]["current"] == 1)
        assert "waits for approval" in ada.card(1)
        assert "the app waits as it is told" in ada.card(1)
        assert "token" not in ada.page.url
        ada.page.get_by_role("button", name="Approve step 1").click()
        ada.until("it runs", lambda state: state["status"] == "running")
        assert "running" in ada.card(1)
        _storm(browser, day, ada)
        _stop(browser, day, ada)
        code, told, err = day.end()
        assert code == 5, err
        assert "Traceback" not in err
        _page_at_the_end(ada)
        _records(day, told)


def _storm(browser: Any, day: Day, ada: Console) -> None:
    """The first step: the timeline moves, users feel it, a reloaded page and a second one show the same."""
    share = ada.page.get_by_label("Share of fault.0", exact=True)
    ada.until("the fault", lambda state: (state["run"]["figures"] or {}).get("phase") == "fault")
    ada.drawn()
    calm = ada.state["run"]["figures"]["baseline"]
    assert calm > 1
    curve = ada.page.locator("#charts path.curve.goodput")
    before = str(curve.get_attribute("d"))
    assert share.input_value() == "40%"
    share.fill("100")
    share.press("Enter")
    ada.until("the share", lambda state: state["run"]["rules"][0]["share"] == 1)
    ada.note("the pager is quiet")

    ada.page.reload()  # in the middle, with everything that happened so far
    grace = Console(browser, day, who="Grace")
    ada.until("the page is back", lambda state: state["status"] == "running")
    same(ada, grace)
    assert share.input_value() == "100%"
    assert "console:Ada the pager is quiet" in grace.text("#log")

    grace.page.set_viewport_size({"width": 390, "height": 844})  # from a phone
    switch = grace.page.get_by_role("switch", name="Fault fault.0")
    for on in (False, True):
        switch.click()
        ada.until("the switch", lambda state, on=on: state["run"]["rules"][0]["on"] is on)
        ada.drawn()
        shown = ada.page.get_by_role("switch", name="Fault fault.0")
        assert shown.get_attribute("aria-checked") == str(on).lower()

    ada.until("goodput falls", lambda state: state["run"]["figures"]["goodput"] < 0.5 * calm)
    ada.drawn()
    assert "of baseline" in ada.text("#tiles")
    assert len(str(curve.get_attribute("d"))) > len(before)
    state = ada.until("a finding", lambda state: state["findings"])
    ada.drawn()
    assert state["findings"][0]["code"] in ada.text("#findings")
    shown = ada.page.locator("#findings > li").evaluate_all("all => all.map((one) => one.dataset.severity)")
    assert shown == sorted(shown, key=("critical", "major", "minor", "info").index)
    assert "hangs > 1000" in ada.text("#stops")
    assert "away" in ada.text("#stops")
    assert state["run"]["figures"]["injected"] > 0
    assert "planned" in ada.text("#rules")
    ada.page.get_by_role("button", name="End phase now").click()
    ada.until("it is judged", lambda state: state["day"]["steps"][1]["status"] == "approval")
    ada.drawn()
    assert "not as expected" in ada.card(1)


def _stop(browser: Any, day: Day, ada: Console) -> None:
    """The second step is approved, and ended by the button while its fault is on."""
    ada.page.get_by_role("button", name="Approve step 2").click()
    ada.until("the second fault", lambda state: (state["run"]["figures"] or {}).get("phase") == "gone")
    ada.until("it strikes", lambda state: state["run"]["figures"]["injected"] > 5)
    button = ada.page.locator("#stop")
    button.click()
    assert "Press again" in button.inner_text()
    button.click()
    ada.until("the stop", lambda state: state["stop"] is not None)


def _page_at_the_end(ada: Console) -> None:
    ada.page.get_by_text("the run is over").first.wait_for()
    assert ada.page.locator("#stop").is_disabled()
    assert "Stopped by console:Ada" in ada.text("#banner")
    assert [one["status"] for one in ada.state["day"]["steps"]] == ["done", "stopped", "stopped"]
    assert ada.said == []
    assert {url for url in ada.asked if not url.startswith(f"{ada.day.origin}/")} == set()


def _records(day: Day, told: dict[str, Any]) -> None:
    """day.json, log.jsonl, the reports of the steps and the post-mortem tell what was done on the page."""
    kept = json.loads((day.out / "day.json").read_text())
    assert kept.items() <= told.items()
    assert (kept["exit"], kept["stopped"]["who"], kept["stopped"]["kind"]) == (5, "console:Ada", "command")
    assert [step["status"] for step in kept["steps"]] == ["done", "stopped", "stopped"]
    assert kept["steps"][0]["approved"]["via"] == "console:Ada"
    assert kept["steps"][0]["as_expected"] is False

    events = [json.loads(line) for line in (day.out / "log.jsonl").read_text().splitlines()]
    commands = [(one["who"], one["do"]) for one in events if one["type"] == "command"]
    assert commands == [
        ("console:Ada", "approve"), ("console:Ada", "share"), ("console:Ada", "note"), ("console:Grace", "disable"),
        ("console:Grace", "enable"), ("console:Ada", "end"), ("console:Ada", "approve"), ("console:Ada", "stop"),
    ]  # fmt: skip

    summaries = [json.loads((day.out / name / "summary.json").read_text()) for name in ("1-storm", "2-away")]
    codes = {one["code"] for one in summaries[0]["findings"]}
    seen = {one["code"] for one in events if one["type"] == "finding" and not one["provisional"]}
    shown = {one["code"] for one in events if one["type"] == "finding"}
    assert codes
    assert codes | {one["code"] for one in summaries[1]["findings"]} <= shown
    assert seen <= shown
    assert any(row["delivered"] for row in summaries[1]["injection"])

    files = {
        name: (day.out / name).read_text()
        for name in ("post-mortem.md", "post-mortem.html", "1-storm/report.html", "2-away/report.html", "report.html")
    }
    for name in ("post-mortem.md", "post-mortem.html"):
        text = files[name].replace("\\", "")
        for part in ("the pager is quiet", "console:Ada", "console:Grace", "not as expected", "later", *codes):
            assert part in text, f"{part!r} in {name}"
        for difference in kept["steps"][0]["differences"]:
            assert difference.split(":")[0].split("(")[0] in text, name
    for code in codes:
        assert code in files["1-storm/report.html"]
    assert "stopped" in files["2-away/report.html"]
