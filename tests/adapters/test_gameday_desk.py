"""The desk of a game day without a run: approvals, skips now and ahead, and the end of the day."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from chaosllm.adapters.console.hub import Hub, blank
from chaosllm.adapters.gameday.desk import DayDesk
from chaosllm.adapters.supervisor.log import Log
from chaosllm.errors import Where
from chaosllm.gameday import Step
from chaosllm.live.stopping import Stop

STEPS = [Step(at, name, "fault", "latency", Where("plan.yaml")) for at, name in enumerate(("storm", "away", "cut"), 1)]


def desk_of(*statuses: str) -> DayDesk:
    """A desk on a day whose steps have these statuses; the present one is the first that is not over."""
    state = blank("gameday", "day")
    steps = [
        {"number": one.number, "name": one.name, "status": status} for one, status in zip(STEPS, statuses, strict=True)
    ]
    current = next((one["number"] for one in steps if one["status"] != "done"), None)
    return DayDesk(Hub(state | {"day": {"current": current, "steps": steps}}), Log())


async def told(desk: DayDesk, **command: Any) -> Any:
    """What came of a command: its words, or of one that is refused (what, hint)."""
    event = await desk.take(command, who="console:Ada")
    result = event["result"]
    return result if event["ok"] else (result["what"], result["hint"])


def test_a_step_waits_for_its_own_approval() -> None:
    """Another step's number approves nothing, and says which step waits; a second yes finds nobody waiting."""

    async def go() -> None:
        desk = desk_of("approval", "waiting", "waiting")
        waiting = asyncio.ensure_future(desk.approval(STEPS[0]))
        await asyncio.sleep(0)
        assert await told(desk, do="approve", step=2) == ("step 2 does not wait for approval", "step 1 (storm) does")
        assert not waiting.done()
        assert await told(desk, do="approve") == "step 1 (storm) is approved"
        assert (await told(desk, do="approve"))[0] == "no step waits for approval"
        assert (await told(desk, do="approve", step=1))[0] == "step 1 is approved already, by console:Ada"
        assert await waiting == ("approved", "console:Ada")

    asyncio.run(go())


def test_a_step_is_skipped_ahead() -> None:
    """A step that has not had its turn can be left out already, and the page shows it at once."""

    async def go() -> None:
        desk = desk_of("done", "approval", "waiting")
        assert await told(desk, do="skip", step=3) == "step 3 (cut) is left out"
        assert desk.left_out == {3: "console:Ada"}
        assert desk.hub.state["day"]["steps"][2]["status"] == "skipped"
        assert await told(desk, do="skip", step=3) == ("step 3 (cut) is skipped already", "")
        assert await told(desk, do="skip", step=1) == ("step 1 (storm) is over already", "")
        assert await told(desk, do="skip", step=9) == ("there is no step 9", "the last one is step 3")

    asyncio.run(go())


@pytest.mark.parametrize("command", [{"do": "pause"}, {"do": "share", "rule": "storm.0", "share": "40%"}])
def test_without_a_run_there_is_nothing_to_steer(command: dict[str, Any]) -> None:
    """Between two steps a switch is refused, with what would work."""
    assert asyncio.run(told(desk_of("done", "approval", "waiting"), **command)) == (
        "no run is on", "wait until one begins",
    )  # fmt: skip


def test_the_day_is_ended_once() -> None:
    """The first stop counts; the step that waits is told of it, and none is skipped any more."""

    async def go() -> None:
        desk = desk_of("approval", "waiting", "waiting")
        waiting = asyncio.ensure_future(desk.approval(STEPS[0]))
        await asyncio.sleep(0)
        assert str(await told(desk, do="stop", text="users complain")).startswith("the day ends")
        desk.end_day(Stop("time_box", "over"))
        assert await waiting == ("stopped", "console:Ada")
        assert desk.ended is not None
        assert desk.ended.text == "users complain"
        assert (await told(desk, do="stop"))[0] == "the day is being stopped already"
        assert (await told(desk, do="skip", step=2))[0] == "the day is being stopped already"

    asyncio.run(go())
