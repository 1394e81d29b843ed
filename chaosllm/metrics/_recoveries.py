"""The recovery that belongs to a fault, and what of it can be judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Ints
from chaosllm.join import Run
from chaosllm.scenario import Phase, Role


@dataclass(frozen=True)
class Recovery:
    """One stretch of recovery phases after a fault phase."""

    rows: Ints
    start: float
    seconds: float


def recoveries(run: Run, phase: str | None = None) -> list[Recovery]:
    """The recovery phases that follow a fault phase, neighbours as one; only `phase` if that is named."""
    found: list[Recovery] = []
    before = None
    for one in run.scenario.phases:
        if one.role is Role.RECOVERY and phase in (None, one.name, one.block):
            rows, seconds = run.due(one.name), run.seconds(one.name)
            if before is Role.RECOVERY and found:
                last = found.pop()
                rows, seconds = np.concatenate([last.rows, rows]), last.seconds + seconds
                found.append(Recovery(rows, last.start, seconds))
            elif before is Role.FAULT:
                found.append(Recovery(rows, one.start, seconds))
        before = one.role
    return found


def fault_and_after(run: Run, phase: str | None) -> list[tuple[int, Phase]]:
    """(place, phase) of the fault phases of that name or block (all for None), each with the recovery after it."""
    found: list[tuple[int, Phase]] = []
    phases = run.scenario.phases
    chosen = [at for at, one in enumerate(phases) if one.role is Role.FAULT and phase in (None, one.name, one.block)]
    for at in chosen:
        found.append((at, phases[at]))
        for after in range(at + 1, len(phases)):
            if phases[after].role is not Role.RECOVERY:
                break
            found.append((after, phases[after]))
    return found
