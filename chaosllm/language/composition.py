"""A scenario put together from its parts before the language is looked at: settings, parameters, scaled durations.

Laws:
1. Each step works on plain data with places, so that a problem found later still stands where its
   text stands.
2. What was put together is written out again flat: `as_run` needs no other file, no setting and no seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chaosllm.language.model import ScenarioFile
from chaosllm.language.overrides import Setting, apply, dump
from chaosllm.language.parameters import Given, declared, escaped, fill
from chaosllm.language.yaml_nodes import Document, Problems
from chaosllm.units import parse_duration

#: Keys that say how a scenario is put together; none is left when it is.
COMPOSING = ("parameters",)
KEYS = (*ScenarioFile.model_fields, "rules")  # what the first word of a setting may be


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked of a file beside its text: settings, and a factor for the phases' durations."""

    settings: Sequence[Setting] = ()
    scale: float = 1.0


def put_together(document: Document, wish: Wish, problems: Problems) -> str | None:
    """Change the document in place to one without parts; its text, or None when it had none."""
    composed = bool(wish.settings) or wish.scale != 1.0 or any(key in document.data for key in COMPOSING)
    named = [one for one in wish.settings if len(one.parts) == 1 and one.parts[0] not in KEYS]
    apply(document, [one for one in wish.settings if one not in named], problems)
    own = declared(document, problems, KEYS)
    fill(document, own, {one.parts[0]: Given(one.value, one.where) for one in named}, problems, KEYS)
    if wish.scale != 1.0:
        _scale(document.data, wish.scale)
    return dump(escaped(document.data)) if composed else None


def _scale(data: dict[str, Any], scale: float) -> None:
    phases = data.get("phases")
    for phase in phases if isinstance(phases, list) else []:
        try:
            seconds = parse_duration(phase["duration"])
        except (KeyError, TypeError, ValueError):
            continue  # that is said where durations are checked
        phase["duration"] = _scaled(seconds, scale)
    _scale_shape(data, scale)


def _scale_shape(data: dict[str, Any], scale: float) -> None:
    """The times in `load.shape`, so that a shorter run sees all of it."""
    load = data.get("load")
    shape = load.get("shape") if isinstance(load, dict) else None
    if not isinstance(shape, dict):
        return
    steps = shape.get("steps")
    for holder, keys in (
        (shape.get("ramp"), ("over",)),
        (shape.get("spike"), ("at", "for")),
        *((step, ("for",)) for step in (steps if isinstance(steps, list) else [])),
    ):
        for key in keys if isinstance(holder, dict) else ():
            try:
                holder[key] = _scaled(parse_duration(holder[key]), scale)
            except (KeyError, ValueError):
                continue  # as above
    speed = shape.get("speed", 1)
    if "times" in shape and isinstance(speed, int | float):
        shape["speed"] = speed / scale


def _scaled(seconds: float, scale: float) -> str:
    return f"{round(seconds * scale * 1000)}ms"
