"""A game day of which nothing is run: what its exit code says of steps that nobody saw, or not to their end."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from chaosllm.adapters.gameday.day import Day, DayOrder
from chaosllm.adapters.gameday_file import read_day
from chaosllm.adapters.run_hold import held
from chaosllm.adapters.supervisor.order import Result
from chaosllm.errors import Exit
from chaosllm.gameday import Expect, Step

PLAN = Path(__file__).parents[2] / "scenarios" / "gamedays" / "first.yaml"


class SkipsAll:
    """An audience that leaves out every step that waits."""

    day: Day

    def waits(self, step: Step) -> None:
        asyncio.get_running_loop().call_soon(self.day.desk.answer, "skipped", "ada")

    def __getattr__(self, name: str) -> Any:
        return lambda *_: None


def test_a_day_of_which_every_step_was_left_out_is_no_success(tmp_path: Path) -> None:
    """No fault was injected, so the day shows nothing: 4, never 0."""
    audience = SkipsAll()
    order = DayOrder(read_day(PLAN, starts=False).unwrap(), PLAN.parent, tmp_path / "out", app="hardened")

    async def play() -> Exit:
        audience.day = Day(order, audience)
        return await audience.day.run()

    assert asyncio.run(play()) is Exit.INCONCLUSIVE
    assert [row["status"] for row in audience.day.record.data["steps"]] == ["skipped", "skipped"]


@dataclass
class Judged:
    """What the judging of a step leaves, as far as the day reads it."""

    summary: dict[str, Any]


@pytest.mark.parametrize(
    ("verdict", "expected", "skipped", "code"),
    [
        ("fail", "pass", True, Exit.FAIL), ("fail", None, True, Exit.FAIL), ("fail", "fail", True, Exit.INCONCLUSIVE),
        ("pass", "pass", True, Exit.INCONCLUSIVE), ("inconclusive", "pass", True, Exit.INCONCLUSIVE),
        ("fail", "fail", False, Exit.PASS), ("fail", "pass", False, Exit.FAIL),
    ],
)  # fmt: skip
def test_a_step_that_was_ended_early(tmp_path: Path, verdict: str, expected: Any, skipped: bool, code: Exit) -> None:
    """What it showed before its end stands: a FAIL that nobody expected is 1, anything else decides nothing."""
    day = read_day(PLAN, starts=False).unwrap()
    step = dataclasses.replace(day.steps[1], expect=Expect(verdict=expected))
    found = {"code": "hang", "severity": "critical", "phase": "storm", "count": 3, "title": "Users hang", "advice": ""}
    summary = {"verdict": verdict, "reasons": ["hang"], "findings": [found], "phases": {}, "objectives": []}
    result = Result(
        Exit.STOPPED if skipped else Exit.FAIL if verdict == "fail" else Exit.PASS, tmp_path, Judged(summary)
    )  # type: ignore[arg-type]  # its summary is all that is read

    async def judge() -> Day:
        played = Day(DayOrder(dataclasses.replace(day, pages=()), PLAN.parent, tmp_path / "out"), SkipsAll())
        played.desk.hub.publish("say", set={"day": played._told()})
        played.record.step(step)["began"] = 1.0
        played.desk.skipping = skipped
        await played._judged(step, result)
        return played

    played = asyncio.run(judge())
    row = played.record.step(step)
    assert (played._codes, row["status"]) == ([code], "skipped" if skipped else "done")
    log = [json.loads(line) for line in (tmp_path / "out" / "log.jsonl").read_text().splitlines()]
    assert [one["type"] for one in log[1:]] == ["finding", "findings", "step"]
    assert log[1]["at"] <= row["ended"] <= log[3]["at"]  # the step ends after what its judging showed
    ending = "ended early" if skipped else "not as expected" if expected == "pass" else "as expected"
    assert log[3]["text"].startswith(f"step 2 (storm) ends: {verdict.upper()}, {ending}")


def test_a_day_holds_its_folder(tmp_path: Path) -> None:
    """Nobody clears it away while a step waits for hours, and nothing is written."""

    async def made() -> Day:
        return Day(DayOrder(read_day(PLAN, starts=False).unwrap(), PLAN.parent, tmp_path / "out"), SkipsAll())

    day = asyncio.run(made())
    handle = os.open(day.record.folder, os.O_RDONLY)
    assert held(handle)
    os.close(handle)
