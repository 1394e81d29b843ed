"""Calls that the app leaves open as long as the provider likes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import median
from typing import ClassVar, override

from chaosllm.findings import Finding, FindingKind, Severity
from chaosllm.findings._evidence import Tallies, Tally, phase_of, plural
from chaosllm.join import Run
from chaosllm.record import Ended, Event
from chaosllm.sources import Sees
from chaosllm.units import format_duration

#: The faults that hold a call.
_HOLDS = ("hang", "stall")


class NoTimeout(FindingKind):
    """Raised when calls held by a hang or stall stayed open longer than the user's deadline, or for ever.

    The median over held calls. One that the fault let go within the deadline tells nothing and is left out, and so
    is one that the end of the run cut off before it.
    """

    code: ClassVar[str] = "no_timeout"
    severity: ClassVar[Severity] = "major"
    summary: ClassVar[str] = "calls that the provider held stayed open past the user's deadline"
    advice: ClassVar[str] = (
        "Pass a timeout to the client (the official SDKs wait 600 s by default): timeout=httpx.Timeout(10, connect=2) "
        "bounds each read, so that a stalled stream ends too, and a deadline around all attempts bounds the whole."
    )
    least: ClassVar[int] = 5
    joined: ClassVar[bool] = False
    sees: ClassVar[Sees] = "calls"
    provoked_by: ClassVar[tuple[str, ...]] = _HOLDS

    @override
    def find(self, run: Run) -> list[Finding]:
        """One finding for each phase that held calls."""
        tallies = Tallies(run)
        for at, event, seconds in _held(run):
            row = int(run.row_of[at])
            seen = seconds > run.timeout
            phase = phase_of(run, row, event)
            tallies.case(phase, row if row >= 0 else -1 - at, seen=seen, evidence=event.call, amount=seconds)
        return tallies.findings(
            self,
            "Held calls are never given up",
            lambda tally: _say(run, tally),
            raised=lambda tally: median(tally.amounts) > run.timeout,
        )


def _say(run: Run, tally: Tally) -> str:
    middle = median(tally.amounts)
    long = "until the end of the run" if math.isinf(middle) else f"{format_duration(middle)} (median)"
    calls = plural(tally.of, "call")
    return f"{calls} that the provider held stayed open {long}; the user's deadline is {format_duration(run.timeout)}."


def _held(run: Run) -> Iterator[tuple[int, Event, float]]:
    """(place, call, seconds that the app left it open) of each call that a hang or stall held."""
    for at, event in enumerate(run.events):
        if not any(part.fired and part.fault in _HOLDS for part in event.rules):
            continue
        if event.ended is Ended.IN_FLIGHT:
            if run.end - event.t > run.timeout:
                yield at, event, math.inf
        elif event.t_end is not None:
            took = event.t_end - event.t
            if event.ended is Ended.CLIENT_LEFT or took > run.timeout:
                yield at, event, took


MEMBER = NoTimeout()
