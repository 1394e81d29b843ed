"""The phases that a chart sets side by side: each by its name, or, where they are many, by their role."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from chaosllm.columns import Ints
from chaosllm.join import Run
from chaosllm.scenario import Role

#: As many as there are looks that a reader tells apart (adapters/charts/style.py).
MOST_GROUPS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Phases of one role that are shown as one; `phases` are their names."""

    name: str  # the author's own, or such as "10 fault phases"
    role: Role
    phases: tuple[str, ...]

    def rows(self, run: Run) -> Ints:
        """Rows of the operations that metrics of these phases count."""
        return _rows(run, "rows", self.phases)

    def counted(self, run: Run) -> Ints:
        """Rows over which calls are counted: those of metrics where calls are matched, else all that were due."""
        return self.rows(run) if run.joined else self.due(run)

    def due(self, run: Run) -> Ints:
        """Rows of all operations that were due in them."""
        return _rows(run, "due", self.phases)


def _rows(run: Run, kind: str, phases: tuple[str, ...]) -> Ints:
    """Found once, because each look-up passes over all operations, and a dozen charts ask."""
    key = ("group", kind, phases)
    if key not in run.memory:
        run.memory[key] = np.concatenate([getattr(run, kind)(name) for name in phases])
    found: Ints = run.memory[key]
    return found


def groups(run: Run, most: int = MOST_GROUPS) -> list[Group]:
    """The phases in order, those of a block together and warm-up left out; by role when they are more than `most`."""
    together: dict[tuple[str, Role], list[str]] = {}
    for phase in run.scenario.phases:
        if phase.role is not Role.WARMUP:
            together.setdefault((phase.judged_as, phase.role), []).append(phase.name)
    found = [Group(name, role, tuple(phases)) for (name, role), phases in together.items()]
    return found if len(found) <= most else _by_role(found)


def _by_role(found: list[Group]) -> list[Group]:
    together = []
    for role in dict.fromkeys(group.role for group in found):
        mine = [group for group in found if group.role is role]
        phases = tuple(name for group in mine for name in group.phases)
        name = mine[0].name if len(mine) == 1 else f"{len(mine)} {role.value} phases"
        together.append(Group(name, role, phases))
    return together


def worst(shares: list[tuple[Group, float]]) -> tuple[Group, float] | None:
    """The fault phases with the least share; None without any."""
    found = [(group, share) for group, share in shares if group.role is Role.FAULT and not np.isnan(share)]
    return min(found, key=lambda one: one[1]) if found else None


def first(found: list[Group], role: Role) -> Group | None:
    """The first of that role."""
    return next((group for group in found if group.role is role), None)
