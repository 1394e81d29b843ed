"""The shipped suites: sound, and as long as their names promise."""

from __future__ import annotations

import pytest
from test_library import LIBRARY

from chaosllm.adapters.scenario_file import read_scenario
from chaosllm.adapters.suite_file import members, suite

SUITES = LIBRARY / "suites"
#: Seconds that a run takes beside its phases: to start, to prove the way, to judge and to write.
BESIDE = 8.0


@pytest.mark.parametrize(("name", "promised"), [("smoke", 120), ("ci", 600), ("gameday", 3600)])
def test_a_suite_keeps_to_its_time(name: str, promised: float) -> None:
    """All of its scenarios fit into the time, and they fill most of it."""
    reading = suite(SUITES / f"{name}.yaml")
    assert reading.problems == []
    assert reading.suite is not None
    seconds = 0.0
    for one in members(SUITES / f"{name}.yaml", reading):
        assert one.entry is not None
        scenario = read_scenario(one.path, one.entry.sets, duration_scale=one.entry.duration_scale).unwrap()
        seconds += scenario.duration + BESIDE
    assert 0.75 * promised <= seconds <= promised
    assert len(reading.suite.entries) >= 4


def test_every_suite_has_its_test() -> None:
    """No suite is shipped whose length nobody looks at."""
    assert sorted(file.stem for file in SUITES.glob("*.yaml")) == ["ci", "gameday", "smoke"]
