"""What each phase is for, where the scenario does not say it (DESIGN section 4, phase roles)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chaosllm.scenario import Role


@dataclass(frozen=True, slots=True)
class Sketch:
    """What a role is inferred from; `role` is the one that the scenario gives, or None."""

    name: str
    has_rules: bool
    role: Role | None = None
    repeated: bool = False  # one of several rounds


def infer(phases: Sequence[Sketch]) -> list[Role]:
    """The role of each phase; a given one wins.

    Before the first fault phase the last without rules is the baseline and what comes before it is
    warm-up, as is a phase of that name. After it, phases without rules are recovery. Where nothing
    is ever injected, a phase named baseline is the baseline, else the last that is not named
    warmup or recovery; what follows it is recovery.
    A phase named baseline that comes in several rounds is a baseline in each of them.
    """
    faults = [at for at, phase in enumerate(phases) if phase.role is Role.FAULT or (phase.has_rules and not phase.role)]
    first = faults[0] if faults else len(phases)
    plain = [
        at
        for at, phase in enumerate(phases[:first])
        if phase.role is None and not phase.has_rules and phase.name != Role.WARMUP
    ]
    if not faults:
        named = [at for at in plain if phases[at].name == Role.BASELINE]
        plain = named or [at for at in plain if phases[at].name != Role.RECOVERY] or plain
    given = [at for at, phase in enumerate(phases) if phase.role is Role.BASELINE]
    baseline = given[-1] if given else plain[-1] if plain else first
    roles = []
    for at, phase in enumerate(phases):
        if phase.role is not None:
            roles.append(phase.role)
        elif phase.has_rules:
            roles.append(Role.FAULT)
        elif at == baseline or (phase.repeated and phase.name == Role.BASELINE):
            roles.append(Role.BASELINE)
        elif at < first and (at < baseline or phase.name == Role.WARMUP or faults):
            roles.append(Role.WARMUP)
        else:
            roles.append(Role.RECOVERY)
    return roles
