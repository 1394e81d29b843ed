"""When paced streams go on: one timer for all of them, in steps of a millisecond.

Hundreds of streams with a timer each wake the loop thousands of times a second for one event each; here what
is due in the same step leaves in one turn of the loop. Nothing leaves before it is due.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable

#: Seconds; asyncio and uvloop round their own timers to as much.
STEP = 0.001


class Alarm:
    """A call that can be taken back, so that nothing hangs on it until its time comes."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[float], None]) -> None:
        self.call: Callable[[float], None] | None = call

    def __call__(self, now: float) -> None:
        """Call, unless it was taken back."""
        if self.call is not None:
            self.call(now)


class Ticker:
    """Calls back at monotonic times, at or after them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._due: dict[int, list[Callable[[float], None]]] = {}
        self._steps: list[int] = []  # heap of the keys of _due
        self._timer: asyncio.TimerHandle | None = None
        self._armed = 0  # the step that the timer is set for

    def at(self, moment: float, call: Callable[[float], None]) -> None:
        """Call back at `moment`, monotonic seconds, with the time; what is not wanted any more must know so itself."""
        step = math.ceil(moment / STEP)
        if (calls := self._due.get(step)) is not None:
            calls.append(call)
            return
        self._due[step] = [call]
        heapq.heappush(self._steps, step)
        if self._timer is None or step < self._armed:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed = self._steps[0]
        wait = self._armed * STEP - time.monotonic()
        # Rounded up, because uvloop rounds to the nearest millisecond.
        self._timer = self._loop.call_later(max(0.0, math.ceil(wait / STEP) * STEP), self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = time.monotonic()
        while self._steps and self._steps[0] * STEP <= now:
            for call in self._due.pop(heapq.heappop(self._steps)):
                try:
                    call(now)
                except Exception as error:  # one stream's mistake must not keep its siblings from being called
                    told = {"message": "a stream broke when its time came", "exception": error}
                    self._loop.call_exception_handler(told)  # where mitmproxy logs it, so that it is counted
        if self._steps:
            self._arm()
