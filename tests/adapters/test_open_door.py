"""Whose door is open when: the ports of a day, and at which of its turns somebody stands there."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from chaosllm.adapters.gameday import door
from chaosllm.adapters.gameday.day import DayOrder
from chaosllm.adapters.gameday.door import DayDoor
from chaosllm.adapters.gameday_file import read_day
from chaosllm.scenario import Start

PLAN = Path(__file__).parents[2] / "scenarios" / "gamedays" / "first.yaml"


class Stands:
    """In place of the processes: what they were told."""

    def __init__(self, first: int, count: int, *_: Any) -> None:
        self.ports = tuple(range(first, first + count))
        self.told: list[str] = []

    async def stand(self, scenario: Any, _: Path) -> bool:
        self.told.append(scenario.name)
        return True

    async def give_way(self) -> None:
        self.told.append("gave way")

    async def close(self) -> None:
        self.told.append("closed")


def order(**given: Any) -> DayOrder:
    """The first game day, of an app that runs by itself unless something else is given."""
    return DayOrder(read_day(PLAN, starts=False).unwrap(), PLAN.parent, **{"port": 4000} | given)


def prepared(given: DayOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[DayDoor, Any]:
    """A door, and who stands at it; None when nobody does."""
    monkeypatch.setattr(door, "Standing", Stands)
    found = DayDoor(given, tmp_path, lambda _: None, lambda _: None)
    asyncio.run(found.prepare())
    return found, found._standing


def test_a_standing_proxy_is_there_whenever_no_step_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first step and after each but the last, with the upstreams of the step to come."""
    given = order()
    found, stands = prepared(given, tmp_path, monkeypatch)
    first, second = given.day.steps
    assert found.ports(first) == found.ports(second) == (4000, 4001, 4002)

    async def play() -> list[bool]:
        told = [await found.stand(1)]
        for step in (first, second):
            mine = found.of(step, lambda: False)
            assert mine is not None
            await mine.give_way()
            told.append(await mine.take())
        await found.close()
        return told

    assert asyncio.run(play()) == [True, True, False]
    assert stands.told == [first.name, "gave way", second.scenario.name, "gave way", "closed"]


def test_a_day_that_is_over_needs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop during the first step leaves the ports to nobody."""
    given = order()
    found, stands = prepared(given, tmp_path, monkeypatch)
    mine = found.of(given.day.steps[0], lambda: True)
    assert mine is not None
    assert not asyncio.run(mine.take())
    assert stands.told == []


@pytest.mark.parametrize("given", [{"app": "hardened"}, {"command": ("app",)}])
def test_nobody_stands_for_an_app_that_we_start(
    given: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not there between two steps either."""
    made = order(**given)
    found, stands = prepared(made, tmp_path, monkeypatch)
    assert stands is None
    assert found.ports(made.day.steps[0]) == ()
    assert found.of(made.day.steps[0], lambda: False) is None


def test_a_step_that_starts_its_app_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a mixed day the next step whose app runs by itself says which doors are open, and the other has its ports."""
    given = order(port=0)
    first, second = given.day.steps
    assert first.scenario is not None
    starts = replace(first.scenario, target=replace(first.scenario.target, start=Start(("app",))))
    given = replace(given, day=replace(given.day, steps=(replace(first, scenario=starts), second)))
    monkeypatch.setattr(door, "free", free)
    found, stands = prepared(given, tmp_path, monkeypatch)
    assert asyncio.run(found.stand(1))
    assert stands.told == [second.scenario.name if second.scenario else ""]
    assert found.ports(given.day.steps[0]) == ()
    assert found.ports(second)[0] == door.PORT


async def free(_: int, __: int) -> bool:
    """No port is taken."""
    return True


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """The day goes on, without anybody between its steps."""
    told: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = order(port=taken.getsockname()[1])
        found = DayDoor(given, tmp_path, lambda _: None, told.append)
        asyncio.run(found.prepare())
    assert found.ports(given.day.steps[0]) == ()
    assert "nobody keeps the app's provider in reach" in told[0]
