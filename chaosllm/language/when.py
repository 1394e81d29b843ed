"""`when`: when a rule fires, as it is written."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from chaosllm.language.kinds import Model
from chaosllm.trigger import Trigger, Window
from chaosllm.units import Duration, Share


class WindowFile(Model):
    """A stretch of the phase, from its beginning."""

    from_: Annotated[Duration, Field(alias="from")]
    to: Duration


class WhenFile(Model):
    """When a rule fires; all that are given must hold, and without any it always does."""

    share: Annotated[Share | None, Field(description="of the attempts, by seeded chance")] = None
    every: Annotated[int | None, Field(ge=1, description="each nth operation of the phase")] = None
    first: Annotated[int | None, Field(ge=1, description="the first n attempts, or operations with `of: phase`")] = None
    of: Annotated[Literal["operation", "phase"] | None, Field(description="what `first` counts in")] = None
    window: WindowFile | None = None


#: Triggers that DESIGN names and this version does not have: refused, never passed over.
LATER_TRIGGERS = ("after", "burst", "ramp", "outage", "trace", "load", "correlated")


def trigger_of(when: WhenFile) -> Trigger:
    """The trigger that is meant."""
    window = Window(when.window.from_, when.window.to) if when.window else None
    return Trigger(when.share, when.every, when.first, when.of or "operation", window)
