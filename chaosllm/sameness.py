"""Whether two runs did the same experiment: what of a scenario must agree, and what is only named.

Laws:
1. What decides what is asked, what is broken and when must agree: phases, rules, operations, load, providers.
2. A value that may hold a secret, and a long one, is kept as a digest, which still tells that it differs.
3. What a field's default says is left out, so that a field which a later version adds makes no old run different.
"""

from __future__ import annotations

import enum
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

from chaosllm.scenario import Scenario
from chaosllm.spelling import cut

type Leaf = str | float | int | bool | None

#: Fields whose text may hold a key or what users say; their names stand in the scenario language.
_HIDDEN = {"headers", "cookies", "json", "body", "header"}
#: Characters, and items of a list, above which a digest stands for a value: a baseline stays small.
_LONGEST, _MOST = 120, 60
#: Parts of a path under which `--duration-scale` shortens what it finds (docs/decisions/0016).
_SCALED = ("when.", "load.shape")
#: Durations are written with three digits, so a factor is exact to about half a per cent.
_SAME = 0.01


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that two runs have apart; None: it is not there."""

    path: str
    before: Leaf
    after: Leaf

    def __str__(self) -> str:
        return f"{cut(self.path, 120)}: {_shown(self.before)} and {_shown(self.after)}"


def identity(scenario: Scenario) -> dict[str, Leaf]:
    """Path -> value of all that makes a scenario this experiment, in order."""
    found: dict[str, Leaf] = {"phases": ", ".join(phase.name for phase in scenario.phases)}
    for phase in scenario.phases:
        at = f"phases.{phase.name}"
        found |= {f"{at}.duration": phase.duration, f"{at}.role": phase.role.value}
        found |= {f"{at}.block": phase.block} if phase.block else {}
        for place, rule in enumerate(phase.rules):
            found[f"{at}.rules.{place}.fault"] = rule.fault.name
            found |= dict(_leaves(rule.fault, f"{at}.rules.{place}", top=True))
            found |= dict(_leaves(rule.when, f"{at}.rules.{place}.when", top=True))
            found |= dict(_leaves(rule.match, f"{at}.rules.{place}.match", top=True))
    for place, operation in enumerate(scenario.target.operations):
        found |= dict(_leaves(operation, f"target.operations.{operation.name or place}", top=True))
    found |= dict(_leaves(scenario.target.sessions, "target.sessions"))
    found |= dict(_leaves(scenario.target.timeout, "target.timeout"))
    found |= dict(_leaves(scenario.target.control, "target.control"))
    for upstream in scenario.upstreams:
        found[f"upstreams.{upstream.provider}"] = "simulator" if upstream.simulated else "a real provider"
    found["load.rate"] = scenario.load.rate
    found |= dict(_leaves(scenario.load, "load", top=True))
    found |= dict(_leaves(scenario.limits.max_active_faults, "limits.max_active_faults"))
    found |= dict(_leaves(scenario.prices, "prices"))
    return found


def differences(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> tuple[list[Difference], float]:
    """(what differs between two identities, by how much the second's phases are longer).

    Phases that are all longer by one factor, and times that went with them, are no difference.
    """
    scale = _scale(before, after)
    found = []
    for path in dict.fromkeys((*before, *after)):
        mine, other = before.get(path), after.get(path)
        scaled = path.endswith(".duration") or any(part in path for part in _SCALED)
        factor = 1 / scale if path.endswith(".trace.speed") else scale  # a shorter phase replays its trace faster
        if not _equal(mine, other, factor if scaled else 1.0):
            found.append(Difference(path, mine, other))
    return found, scale


def _scale(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> float:
    """The factor of all phases' durations; 1 where there is no such factor."""
    pairs = [(before[path], after.get(path)) for path in before if path.endswith(".duration")]
    factors = [_factor(mine, other) for mine, other in pairs]
    if not factors or not all(math.isclose(one, factors[0], rel_tol=_SAME) and one > 0 for one in factors):
        return 1.0
    return 1.0 if math.isclose(factors[0], 1.0, rel_tol=1e-6) else factors[0]


def _factor(before: Leaf, after: Leaf) -> float:
    if isinstance(before, int | float) and isinstance(after, int | float) and before > 0:
        return after / before
    return 0.0


def _equal(before: Leaf, after: Leaf, scale: float) -> bool:
    numbers = [isinstance(one, int | float) and not isinstance(one, bool) for one in (before, after)]
    if not all(numbers):
        return before == after and type(before) is type(after)
    assert before is not None  # noqa: S101  # for the type checker: both are numbers
    assert after is not None  # noqa: S101  # as above
    if math.isclose(float(before), float(after), rel_tol=1e-6, abs_tol=1e-12):
        return True
    return scale != 1.0 and math.isclose(float(before) * scale, float(after), rel_tol=_SAME)


def _leaves(value: Any, path: str, *, top: bool = False) -> Iterator[tuple[str, Leaf]]:
    """Every value below, by path; `top` leaves the name of its type out."""
    name = path.rsplit(".", 1)[-1]
    if value is None or isinstance(value, bool | int | float | str | enum.Enum):
        found = value.value if isinstance(value, enum.Enum) else value
        yield path, _digest(found) if isinstance(found, str) and (name in _HIDDEN or len(found) > _LONGEST) else found
    elif name in _HIDDEN:
        yield path, _digest(json.dumps(value, sort_keys=True, default=str))
    elif is_dataclass(value) and not isinstance(value, type):
        if not top:
            yield f"{path}.kind", type(value).__name__
        for field in fields(value):
            inner = getattr(value, field.name)
            usual = field.default_factory() if field.default_factory is not MISSING else field.default
            if field.compare and not (inner == usual and type(inner) is type(usual)):
                yield from _leaves(inner, f"{path}.{field.name.rstrip('_')}")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}")
    elif isinstance(value, Sequence):
        if len(value) > _MOST:
            yield path, _digest(repr(list(value)))
            return
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}.{place}")
    else:
        yield path, type(value).__name__


def _digest(text: str) -> str:
    """32 bits: enough to see a difference, too few to find a key by."""
    return f"digest {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def _shown(value: Leaf) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, int | float) else cut(value, _LONGEST)
