"""`--duration-scale`: the same run in less time, or more.

Laws:
1. What says when something happens is scaled: phases, the times in a rule's `when`, those of `load.shape`.
2. What the app, its users or the provider live through is not: delays, Retry-After, deadlines, rates, counts.
3. So a scaled run strikes the same shares of its phases, at the same places in them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chaosllm.units import parse_duration

#: Keys of `when` -> the times in it, by key.
_CLOCKS: dict[str, tuple[str, ...]] = {
    "window": ("from", "to"),
    "burst": ("every", "length"),
    "outage": ("up", "down"),
    "correlated": ("delay",),
}


def rescale(data: dict[str, Any], scale: float) -> None:
    """Multiply, in place, the times of a flat scenario by `scale`; what is wrong is left for the checks to tell."""
    seen: set[int] = set()  # a mapping that an alias brings again is one object, and is scaled once
    for phase in _mappings(data.get("phases")):
        _times(phase, ("duration",), scale, seen)
        for rule in _mappings(phase.get("rules")):
            if isinstance(when := rule.get("when"), dict):
                _when(when, scale, seen)
    load = data.get("load")
    if isinstance(load, dict) and isinstance(shape := load.get("shape"), dict):
        _shape(shape, scale, seen)


def _when(when: dict[str, Any], scale: float, seen: set[int]) -> None:
    for clock, keys in _CLOCKS.items():
        if isinstance(found := when.get(clock), dict):
            if isinstance(brownout := found.get("degraded"), dict):
                _times(brownout, ("length",), scale, seen)
            _times(found, keys, scale, seen)
    trace = when.get("trace")
    if isinstance(trace, str):
        when["trace"] = {"file": trace, "speed": 1 / scale}
    elif isinstance(trace, dict):
        _speed(trace, scale, seen)


def _shape(shape: dict[str, Any], scale: float, seen: set[int]) -> None:
    for step in _mappings(shape.get("steps")):
        _times(step, ("for",), scale, seen)
    for kind, keys in (("ramp", ("over",)), ("spike", ("at", "for"))):
        if isinstance(found := shape.get(kind), dict):
            _times(found, keys, scale, seen)
    if "times" in shape:
        _speed(shape, scale, seen)


def _times(holder: dict[str, Any], keys: tuple[str, ...], scale: float, seen: set[int]) -> None:
    """Durations, or distributions of them: what in these is no duration, such as a shape, is no time."""
    if id(holder) in seen:
        return
    seen.add(id(holder))
    for key in keys:
        if isinstance(value := holder.get(key), dict):
            for law in value.values():
                if isinstance(law, dict):
                    _times(law, tuple(law), scale, seen)
        elif isinstance(value, str):
            try:
                seconds = parse_duration(value)
            except ValueError:
                continue
            holder[key] = f"{seconds * scale * 1000:.3f}".rstrip("0").rstrip(".") + "ms"


def _speed(holder: dict[str, Any], scale: float, seen: set[int]) -> None:
    speed = holder.get("speed", 1)
    if id(holder) not in seen and isinstance(speed, int | float) and not isinstance(speed, bool):
        seen.add(id(holder))
        holder["speed"] = speed / scale


def _mappings(listed: object) -> Iterator[dict[str, Any]]:
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield one
