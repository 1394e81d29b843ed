"""`when`: when a rule fires, as it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from chaosllm import trigger
from chaosllm.distribution import DurationDistribution, Fixed
from chaosllm.language.kinds import Model, Positive, PositiveRate
from chaosllm.schedule import SHORTEST
from chaosllm.trigger import Stretch, Trigger
from chaosllm.units import Duration, Share, format_duration

_WORDS = "a duration, or a distribution such as {exponential: {mean: 30s}}"


class WindowFile(Model):
    """A stretch of the phase, from its beginning."""

    from_: Annotated[Duration, Field(alias="from")]
    to: Duration


class BurstFile(Model):
    """Again and again for a while."""

    every: Annotated[Positive, Field(description="from the beginning of one to that of the next; the first is at 0s")]
    length: Annotated[Positive, Field(description="how long each lasts")]


class RampFile(Model):
    """A share that rises or falls evenly over the phase, or over the window when one is given."""

    from_: Annotated[Share, Field(alias="from", description="the share at the beginning")]
    to: Annotated[Share, Field(description="the share at the end")]


class BrownoutFile(Model):
    """What comes between up and down."""

    length: Annotated[DurationDistribution, Field(description=f"how long it lasts: {_WORDS}")]
    share: Annotated[Share, Field(description="of the attempts that are struck meanwhile")]


class OutageFile(Model):
    """A chain of spells, up -> degraded -> down -> up ..., that begins up."""

    up: Annotated[DurationDistribution, Field(description=f"how long nothing is struck: {_WORDS}")]
    down: Annotated[DurationDistribution, Field(description=f"how long everything is struck: {_WORDS}")]
    degraded: Annotated[BrownoutFile | None, Field(description="a share is struck before each down")] = None


class ShortFile(Model):
    """A mapping of which one key may be written alone, as text."""

    short: ClassVar[str]

    @model_validator(mode="before")
    @classmethod
    def _long(cls, given: Any) -> Any:
        return {cls.short: given} if isinstance(given, str) else given

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


class TraceFile(ShortFile):
    """The times of a recorded incident."""

    short: ClassVar[str] = "file"
    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["times"]}]})

    file: Annotated[str | None, Field(description="a file of lines TIME [LENGTH [SHARE]], such as 1m30s 5s 40%")] = None
    times: Annotated[
        list[Duration] | None, Field(min_length=1, max_length=trigger.LINES_AT_MOST, description="in place of a file")
    ] = None
    length: Annotated[Positive, Field(description="how long a time lasts that says nothing else")] = 1.0
    speed: Annotated[float, Field(gt=0, description="how many recorded seconds pass in one, such as 10")] = 1.0


class CapacityFile(Model):
    """The share of calls beyond what an overloaded provider still serves."""

    capacity: Annotated[PositiveRate, Field(description="calls a second that get through, such as 20/s")]
    over: Annotated[Positive, Field(description="the time over which calls are counted")] = 5.0


class CorrelatedFile(ShortFile):
    """Follows another rule of the same phase."""

    short: ClassVar[str] = "with"

    with_: Annotated[str, Field(alias="with", description="the name of that rule")]
    share: Annotated[Share, Field(description="of the attempts on which that rule would fire")] = 1.0
    delay: Annotated[Duration, Field(description="how much later than that rule's clock")] = 0.0


class WhenFile(Model):
    """When a rule fires; all that are given must hold, and without any it always does."""

    model_config = ConfigDict(  # what an editor can show of `senseless`
        json_schema_extra={
            "allOf": [
                {"not": {"required": ["share", "ramp"]}},
                {
                    "if": {"required": ["of"]},
                    "then": {"anyOf": [{"required": ["first"]}, {"required": ["after"]}]},
                    "else": {"not": {"required": ["first", "after"]}},
                },
            ]
        }
    )

    share: Annotated[Share | None, Field(description="of the attempts, by seeded chance")] = None
    every: Annotated[int | None, Field(ge=1, description="each nth operation of the phase")] = None
    first: Annotated[int | None, Field(ge=1, description="the first n attempts, or operations with `of: phase`")] = None
    after: Annotated[
        int | None, Field(ge=1, description="not the first n operations, or attempts with `of: operation`")
    ] = None
    of: Annotated[Literal["operation", "phase"] | None, Field(description="what `first` and `after` count in")] = None
    window: WindowFile | None = None
    burst: Annotated[BurstFile | None, Field(description="such as {every: 20s, length: 5s}")] = None
    ramp: Annotated[
        RampFile | None, Field(description="a share that moves over the phase, such as {from: 0%, to: 60%}")
    ] = None
    outage: Annotated[
        OutageFile | None, Field(description="spells of up and down drawn by the seed, such as {up: 30s, down: 10s}")
    ] = None
    trace: Annotated[
        TraceFile | None, Field(description="times of a recorded incident: a file, or {times: [3s, 17s], length: 1s}")
    ] = None
    load: Annotated[
        CapacityFile | None,
        Field(description="the more calls the larger the share, such as {capacity: 20/s}; not the same in each run"),
    ] = None
    correlated: Annotated[
        CorrelatedFile | None, Field(description="fires when another rule would: its name, or {with: NAME, share: 80%}")
    ] = None


def trigger_of(when: WhenFile) -> Trigger:
    """The trigger that is meant."""
    window, burst, ramp, outage = when.window, when.burst, when.ramp, when.outage
    load, follows = when.load, when.correlated
    return Trigger(
        share=when.share,
        every=when.every,
        first=when.first,
        after=when.after,
        of=when.of,
        window=trigger.Window(window.from_, window.to) if window else None,
        burst=trigger.Burst(burst.every, burst.length) if burst else None,
        ramp=trigger.Ramp(ramp.from_, ramp.to) if ramp else None,
        outage=trigger.Outage(outage.up, outage.down, _brownout(outage.degraded)) if outage else None,
        trace=_trace(when.trace) if when.trace else None,
        load=trigger.Capacity(load.capacity, load.over) if load else None,
        correlated=trigger.Correlated(follows.with_, follows.share, follows.delay) if follows else None,
    )


def senseless(when: WhenFile) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """(path, what, hint) of each part that is well formed and yet cannot be meant."""
    if when.of is not None and when.first is None and when.after is None:
        yield ("of",), "found `of` without `first` or `after`", "write when: {first: 2, of: phase}, or leave it out"
    if when.of is None and when.first is not None and when.after is not None:
        hint = "add `of: phase` for operations of the phase, or `of: operation` for attempts of each operation"
        yield ("after",), "found `after` and `first`, and nothing says what both count", hint
    if when.window is not None and when.window.from_ >= when.window.to:
        yield ("window",), "found a window that ends before it begins", "`from` must be below `to`"
    if when.burst is not None and when.burst.length >= when.burst.every:
        yield (
            ("burst",),
            "found a burst that lasts until the next one, which is always",
            "`length` must be below `every`",
        )
    if when.ramp is not None:
        yield from _ramp(when, when.ramp)
    if when.outage is not None:
        lengths = {"up": when.outage.up, "down": when.outage.down}
        for key, length in lengths.items():
            if isinstance(length, Fixed) and length.value < SHORTEST:
                what = f"found `{key}` of {length}, expected at least {format_duration(SHORTEST)}"
                yield ("outage", key), what, "such as {up: 30s, down: 10s}"
    if when.trace is not None and (when.trace.file is None) is (when.trace.times is None):
        found = "neither `file` nor `times`" if when.trace.file is None else "both `file` and `times`"
        yield ("trace",), f"found {found}, expected one of them", "such as trace: {times: [3s, 17s], length: 1s}"


def _ramp(when: WhenFile, ramp: RampFile) -> Iterator[tuple[tuple[str, ...], str, str]]:
    if when.share is not None:
        yield ("share",), "found `share` beside `ramp`, which is a share itself", "leave one of the two out"
    if ramp.from_ == ramp.to:
        yield ("ramp",), "found a ramp that stays where it is", "give it two shares, or write `share` in its place"
    if when.first is not None and when.of == "phase":
        hint = "leave one of the two out, or write `of: operation`"
        yield ("first",), "found the first operations of the phase beside `ramp`, which takes all of it", hint


def _brownout(found: BrownoutFile | None) -> trigger.Brownout | None:
    return trigger.Brownout(found.length, found.share) if found else None


def _trace(found: TraceFile) -> trigger.Trace:
    stretches = None
    if found.times is not None:
        stretches = trigger.apart([Stretch(t / found.speed, (t + found.length) / found.speed) for t in found.times])
    return trigger.Trace(found.file, stretches, found.length, found.speed)
