"""The desk of a game day: that of the run which is on, and beside it approvals, skips, and the end of the day."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Literal

from chaosllm.adapters.console.desk import Done
from chaosllm.adapters.console.hub import Hub
from chaosllm.adapters.supervisor.log import Log
from chaosllm.adapters.supervisor.run_desk import RunDesk
from chaosllm.gameday import Step
from chaosllm.live.commands import read_command, refusal
from chaosllm.live.stopping import Stop

type Answer = Literal["approved", "skipped", "stopped"]


class DayDesk(RunDesk):
    """Takes the commands of a day; `heard` is told of each console that is alive."""

    def __init__(self, hub: Hub, log: Log) -> None:
        super().__init__(hub, log)
        self.ended: Stop | None = None  # why no further step begins
        self.heard: Callable[[str], None] = lambda _: None
        self.skipping = False  # the run that is on is left out, and the day goes on
        self.left_out: dict[int, str] = {}  # steps yet to come that are skipped already -> by whom
        self._approved: dict[int, str] = {}  # steps -> by whom
        self._waits: tuple[Step, asyncio.Future[tuple[Answer, str]]] | None = None
        self._stopping_day = asyncio.Event()

    def heartbeat(self, console: str) -> None:
        """A console is alive."""
        self.heard(console)

    async def approval(self, step: Step) -> tuple[Answer, str]:
        """Wait until somebody says yes to a step, skips it, or ends the day; what, and who."""
        if self.ended is not None:
            return "stopped", self.ended.who
        answer: asyncio.Future[tuple[Answer, str]] = asyncio.get_running_loop().create_future()
        self._waits = (step, answer)
        try:
            return await answer
        finally:
            self._waits = None

    def answer(self, answer: Answer, who: str) -> bool:
        """Answer for the step that waits; False when none does."""
        if self._waits is None or self._waits[1].done():
            return False
        if answer == "approved":
            self._approved[self._waits[0].number] = who
        self._waits[1].set_result((answer, who))
        return True

    async def obey(self, do: str, args: Mapping[str, Any], *, who: str) -> Done:
        """Do it, and say what came of it; raises ChaosError to refuse."""
        command = read_command({**args, "do": do})
        if command.do == "approve":
            step = self._waiting(command.step)
            self.answer("approved", who)
            return Done(f"step {step.number} ({step.name}) is approved")
        if command.do == "skip":
            current = self.hub.state["day"]["current"]
            ahead = command.step not in (None, current)
            return self._leave_out(int(command.step or 0), who) if ahead else self._skip(who)
        return await super().obey(do, args, who=who)

    def stop(self, stop: Stop) -> Done:
        """End the day: what runs is stopped and judged, and no further step begins."""
        if self.ended is not None:
            raise refusal("the day is being stopped already", "")
        self.end_day(stop)
        return Done("the day ends: injection has ended, what ran is judged, no further step begins")

    def end_day(self, stop: Stop) -> None:
        """As `stop`, for those who need no answer; the first counts."""
        if self.ended is not None:
            return
        self.ended = stop
        if self.session is None or not self.session.stop(stop):
            self.stopping(stop)
        self.answer("stopped", stop.who)
        self._stopping_day.set()

    def stopping(self, stop: Stop) -> None:
        """A run is being stopped: by a skip it alone, by anything else the whole day."""
        if self.skipping:
            return
        super().stopping(stop)
        if self.ended is None:
            self.ended = stop
            self.answer("stopped", stop.who)
            self._stopping_day.set()

    async def day_ends(self) -> None:
        """Return once somebody ends the day."""
        await self._stopping_day.wait()

    def _waiting(self, number: int | None) -> Step:
        """The step that waits; raises ChaosError when that is another, or none."""
        if number in self._approved:
            raise refusal(f"step {number} is approved already, by {self._approved[number]}", "")
        if self._waits is None or self._waits[1].done():
            raise refusal("no step waits for approval", "")
        step = self._waits[0]
        if number not in (None, step.number):
            raise refusal(f"step {number} does not wait for approval", f"step {step.number} ({step.name}) does")
        return step

    def _leave_out(self, number: int, who: str) -> Done:
        """Skip a step before its turn."""
        steps = self.hub.state["day"]["steps"]
        if not 0 < number <= len(steps):
            raise refusal(f"there is no step {number}", f"the last one is step {len(steps)}")
        status, name = steps[number - 1]["status"], steps[number - 1]["name"]
        if status != "waiting":
            raise refusal(f"step {number} ({name}) is {'over' if status == 'done' else status} already", "")
        if self.ended is not None:
            raise refusal("the day is being stopped already", "")
        self.left_out[number] = who
        return Done(f"step {number} ({name}) is left out", {f"day.steps.{number - 1}.status": "skipped"})

    def _skip(self, who: str) -> Done:
        if self.session is not None:
            current = self.hub.state["day"]["current"]
            self.skipping = True
            if not self.session.stop(Stop("command", "skipped", who)):
                self.skipping = False
                raise refusal("the step is ending already", "")
            return Done(f"step {current} ends here; it is judged as far as it came, and the day goes on")
        step = self._waiting(None)
        self.answer("skipped", who)
        return Done(f"step {step.number} ({step.name}) is left out")
