"""The shipped suites: sound, and as long as their names promise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from end_to_end.running import Started
from soak import count
from test_library import LIBRARY
from test_library_runs import BUSY

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.adapters.suite_file import members, suite

SUITES = LIBRARY / "suites"
#: Seconds that a run takes beside its phases: to start, to prove the way, to judge and to write.
BESIDE = 8.0


@pytest.mark.parametrize(("name", "promised"), [("smoke", 120), ("ci", 600), ("hour", 3600)])
def test_a_suite_keeps_to_its_time(name: str, promised: float) -> None:
    """All of its scenarios fit into the time, and they fill most of it."""
    reading = suite(SUITES / f"{name}.yaml")
    assert reading.problems == []
    assert reading.suite is not None
    seconds = 0.0
    for one in members(SUITES / f"{name}.yaml", reading):
        assert one.entry is not None
        taken = read_scenario(one.path, one.entry.sets, duration_scale=one.entry.duration_scale)
        scenario = taken.unwrap()
        said = [
            problem.what for problem in taken.problems if name != "ci" or "can pass, but not fail" not in problem.what
        ]
        assert said == [], "a suite of ours warns of nothing; at half length, of recoveries that cannot fail"
        whole = {objective.text for objective in read_scenario(one.path).unwrap().objectives}
        assert {objective.text for objective in scenario.objectives} <= whole, "and asks for nothing else"
        seconds += scenario.duration + BESIDE
    assert 0.75 * promised <= seconds <= promised
    assert len(reading.suite.entries) >= 4


def test_every_suite_has_its_test() -> None:
    """No suite is shipped whose length nobody looks at."""
    assert sorted(file.stem for file in SUITES.glob("*.yaml")) == ["ci", "hour", "smoke"]


@pytest.mark.end_to_end
@pytest.mark.soak
@pytest.mark.timeout(1500)
@pytest.mark.skipif(count(0, 1) == 0, reason="make soak alone runs ten minutes for each app")
@pytest.mark.parametrize("app", ["hardened", "fragile"])
def test_ci_tells_the_sample_apps_apart(app: str, tmp_path: Path) -> None:
    """The hardened app passes all of it, where the machine keeps up; the fragile one fails, by findings of its own."""
    started = Started(
        ("run", str(SUITES / "ci.yaml"), "--app", app, "--json", "--quiet", "--out", str(tmp_path / "out")), tmp_path
    )
    code, out, err = started.end(1400)
    assert started.left() == []
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 12, err[-2000:]
    verdicts = [row["verdict"] for row in rows]
    if app == "fragile":
        assert code == 1
        assert verdicts.count("fail") >= 10
        return
    open_ones = [row for row in rows if row["verdict"] != "pass"]
    assert "fail" not in verdicts, [(row["scenario"], row["reasons"]) for row in open_ones]
    for row in open_ones:
        assert any(BUSY.search(reason) for reason in row["reasons"]), (row["scenario"], row["reasons"])
