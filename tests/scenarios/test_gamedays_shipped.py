"""The shipped game-day plans: sound, every step able to start, and as long as they say."""

from __future__ import annotations

import pytest
from test_library import LIBRARY

from chaosllm.adapters.gameday_file import read_day
from chaosllm.commands._runbook import earliest

DAYS = LIBRARY / "gamedays"


@pytest.mark.parametrize(("name", "least", "most"), [("first", 100, 135), ("release", 480, 900)])
def test_a_plan_is_sound_and_keeps_to_its_time(name: str, least: float, most: float) -> None:
    """No problem and no warning, and its first comment does not promise too little time."""
    reading = read_day(DAYS / f"{name}.yaml", {"PAGER_URL": "https://hooks.test/x"})
    assert [str(one) for one in reading.problems] == []
    day = reading.unwrap()
    assert day.name == name
    assert all(step.scenario for step in day.steps)
    assert all(step.expect.words() for step in day.steps)
    assert least <= earliest(day) <= most


def test_every_plan_has_its_test() -> None:
    """No plan is shipped whose length nobody looks at."""
    assert sorted(file.stem for file in DAYS.glob("*.yaml")) == ["first", "release"]
