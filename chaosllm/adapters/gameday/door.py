"""Whose door is open when: for which steps of a day an app that runs by itself needs its provider, and at which ports.

Law: nobody stands where the app is started by us, because then nobody asks between two steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chaosllm.adapters.gameday.standing import Standing
from chaosllm.adapters.supervisor.session import PORT
from chaosllm.adapters.supervisor.target import free
from chaosllm.errors import ChaosError
from chaosllm.gameday import Step

if TYPE_CHECKING:
    from chaosllm.adapters.gameday.day import DayOrder


class DayDoor:
    """The door of one day; `say` and `warn` are told of it."""

    def __init__(self, given: DayOrder, folder: Path, say: Callable[[str], None], warn: Callable[[str], None]) -> None:
        self._given, self._folder, self._say, self._warn = given, folder, say, warn
        self._standing: Standing | None = None

    async def prepare(self) -> None:
        """Hold the ports for the day, where somebody is to stand at them."""
        asked = [step for step in self._given.day.steps if self._meets(step)]
        needed = max((1 + len(step.scenario.upstreams) for step in asked if step.scenario is not None), default=0)
        if not any(self._outside(step) for step in asked):
            return
        first = self._given.port or (PORT if await free(PORT, needed) else 0)
        if not first:  # each step finds ports of its own then, which no app can know
            self._warn(f"port {PORT} is taken: between steps the app has no provider; give another with --port")
            return
        try:
            self._standing = Standing(first, needed, self._folder, self._given.proxy_workers, self._warn)
        except ChaosError as error:
            self._warn(f"nobody keeps the app's provider in reach between steps: {error.what}")
        else:
            self._say(f"until a step begins, what the app asks at port {first} and the next ones is passed on, clean")

    async def stand(self, number: int) -> bool:
        """Stand at the doors of the first step from `number` on that needs them; False when nobody stands there."""
        rest = [step for step in self._given.day.steps if step.number >= number and self._outside(step)]
        if self._standing is None or not rest:
            return False
        step = rest[0]
        assert step.scenario is not None  # noqa: S101  # it is outside
        assert step.base is not None  # noqa: S101  # it has one where it has a scenario
        return await self._standing.stand(step.scenario, step.base)

    def ports(self, step: Step) -> tuple[int, ...]:
        """Those of a step's own proxy; () when it takes others."""
        if self._standing is None or step.scenario is None or not self._meets(step):
            return ()
        return self._standing.ports[: 1 + len(step.scenario.upstreams)]

    def of(self, step: Step, ended: Callable[[], bool]) -> StepDoor | None:
        """As a step's session sees it; `ended` says whether the day is over with the step."""
        return StepDoor(self, step.number, ended) if self.ports(step) else None

    async def give_way(self) -> None:
        """Leave the ports to a step."""
        if self._standing is not None:
            await self._standing.give_way()

    async def close(self) -> None:
        """The day is over."""
        if self._standing is not None:
            await self._standing.close()

    def _outside(self, step: Step) -> bool:
        """Whether the app of a step runs by itself, and so asks between steps."""
        given = self._given
        if step.scenario is None or given.app or given.command:
            return False
        return given.target is not None or step.scenario.target.start is None

    def _meets(self, step: Step) -> bool:
        """Whether the proxy of a step takes the day's ports."""
        return step.scenario is not None and (bool(self._given.port) or self._outside(step))


@dataclass(frozen=True, slots=True)
class StepDoor:
    """The door of one step."""

    day: DayDoor
    number: int
    ended: Callable[[], bool]

    async def give_way(self) -> None:
        """The step's proxy is there."""
        await self.day.give_way()

    async def take(self) -> bool:
        """It is about to go."""
        return not self.ended() and await self.day.stand(self.number + 1)
