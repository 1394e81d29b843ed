"""`load.shape`: a load that changes in the course of the run, as it is written, and what of it cannot be meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import Field

from chaosllm import scenario as model
from chaosllm.arrivals import Ramp, Recorded, Shape, Spike, Steps, read_times
from chaosllm.errors import Level
from chaosllm.language.kinds import FileName, Model, Positive, PositiveRate
from chaosllm.language.yaml_nodes import Document, Path, Problems
from chaosllm.units import Duration, Rate, format_duration

#: Of two phases whose loads differ by no more, ratios are still ratios.
_ALIKE = 1.1
_KINDS = ("ramp", "steps", "spike", "times")


class OfferedRampFile(Model):
    """From one rate to another, linearly."""

    from_: Annotated[Rate, Field(alias="from")]
    to: Rate
    over: Annotated[Positive | None, Field(description="from the start of the run; without it, all of the run")] = None


class OfferedStepFile(Model):
    """A rate for some time."""

    rate: PositiveRate
    for_: Annotated[Positive, Field(alias="for")]


class OfferedSpikeFile(Model):
    """Another rate for some time; before and after it that of `load.rate`."""

    at: Duration
    to: PositiveRate
    for_: Annotated[Positive, Field(alias="for")]


class ShapeFile(Model):
    """One way in which the load changes."""

    ramp: Annotated[OfferedRampFile | None, Field(description="from one rate to another")] = None
    steps: Annotated[
        list[OfferedStepFile], Field(max_length=1000, description="rates one after the other; the last goes on")
    ] = []
    spike: Annotated[OfferedSpikeFile | None, Field(description="a burst of users in the middle of the run")] = None
    times: Annotated[FileName | None, Field(description="a file of recorded times, one a line")] = None
    speed: Annotated[float, Field(gt=0, le=10_000, description="how many times quicker recorded times come")] = 1.0


def shape_of(found: ShapeFile | None, until: float, read: Callable[[str], str] | None) -> Shape | None:
    """The shape that is meant, of a run of `until` seconds; recorded times only where `read` gives their file."""
    if found is None:
        return None
    if found.ramp is not None:
        return Ramp(found.ramp.from_, found.ramp.to, until if found.ramp.over is None else found.ramp.over)
    if found.steps:
        return Steps(tuple((step.rate, step.for_) for step in found.steps))
    if found.spike is not None:
        return Spike(found.spike.at, found.spike.to, found.spike.for_)
    if found.times is not None:
        times = read_times(found.times, read(found.times)) if read is not None else ()
        return Recorded(found.times, found.speed, times)
    return None


def check_shape(
    document: Document,
    problems: Problems,
    read: Callable[[Path, str], str | None],
    *,
    shape: ShapeFile,
    phases: list[model.Phase],
) -> bool:
    """Note what of a shape cannot be meant; whether a Shape can be made of it."""
    given = [key for key in _KINDS if getattr(shape, key)]
    where = document.where(("load", "shape"))
    if len(given) != 1:
        problems.add(where, f"found {' and '.join(given) or 'no shape'}", f"expected one of {', '.join(_KINDS)}")
        return False
    kind = given[0]
    load = document.data.get("load") or {}
    for key in ("rate", *(("arrivals", "cv") if kind == "times" else ())):
        if key in load and kind != "spike":
            what = f"found `{key}` beside `{kind}`, which says when users come"
            problems.add(document.where_key(("load", key)), what, "leave one of the two out")
    if "speed" in (load.get("shape") or {}) and kind != "times":
        problems.add(document.where_key(("load", "shape", "speed")), f"found `speed` with {kind}", "it is of `times`")
    if shape.ramp is not None and shape.ramp.from_ == shape.ramp.to:
        problems.add(where, "found a ramp between two equal rates", "write load: {rate: ...} in place of it")
    end = phases[-1].end
    if shape.spike is not None and shape.spike.at >= end:
        what = f"the spike begins at {format_duration(shape.spike.at)}, after the run of {format_duration(end)} is over"
        problems.add(where, what, "begin it earlier")
    if shape.times is not None and (text := read(("load", "shape", "times"), shape.times)) is not None:
        try:
            read_times(shape.times, text)
        except ValueError as error:
            problems.add(document.where(("load", "shape", "times")), str(error))
    return not problems


def compare_phases(document: Document, problems: Problems, load: model.Load, phases: list[model.Phase]) -> None:
    """Warn of a baseline whose load is not that of the faults: what differs then is not the faults' doing alone."""
    rates = {
        role: [load.expected(phase.start, phase.end) / phase.duration for phase in phases if phase.role is role]
        for role in (model.Role.BASELINE, model.Role.FAULT, model.Role.RECOVERY)
    }
    known = [rate for some in rates.values() for rate in some]
    if rates[model.Role.BASELINE] and rates[model.Role.FAULT] and max(known) > _ALIKE * min(known):
        said = ", ".join(
            f"{phase.name} {load.expected(phase.start, phase.end) / phase.duration:.3g}/s"
            for phase in phases
            if phase.role is not model.Role.WARMUP
        )
        problems.add(
            document.where(("load", "shape")),
            f"the phases get different loads ({said}): ratios between them show the load as well as the faults",
            "keep the change inside the warm-up or inside one phase, or read absolute numbers only",
            Level.WARNING,
        )
