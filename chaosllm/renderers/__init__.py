"""Renderers: the same judged run as a page, a comment, a screen or a file. One file each.

A renderer is a pure function of its material: no clock, no file, no colour of its own choosing, so that an
old run renders to the same bytes. A new one: `renderers/<name>.py` with a class that satisfies `Renderer`,
and `MEMBER = TheClass()`. Modules that begin with an underscore are shared parts and no renderers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart: SVG text that may stand inside a page, and the words that go with it.

    `svg` is empty when there was nothing to plot; `says` then says why.
    """

    svg: str
    title: str
    alt: str  # what the picture shows, for those who cannot see it
    says: str  # what a reader should see in it, with the numbers


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt in the story of an operation; `at` is seconds since the operation was due."""

    call: str  # "op-17/call-2"
    at: float
    seconds: float | None  # until the call was over
    provider: str
    did: str  # in words: "refused: rate_limit/requests, wait 2s"
    status: int | None
    ended: str
    injected: bool
    model: str = ""
    reached: bool = True  # whether the provider was asked; a refusal of ours never is
    retry_after: float | None = None  # seconds that the app was asked to wait


@dataclass(frozen=True, slots=True)
class Story:
    """What one operation went through: the user's view, and every attempt in order of time."""

    operation: int
    phase: str
    due: float  # seconds since the run's start
    outcome: str
    status: int
    error: str
    seconds: float | None  # from due to the end
    steps: tuple[Step, ...]
    more: int = 0  # attempts left out
    sent: float | None = None  # seconds from due until it was sent; None when it never was
    first: float | None = None  # until its user saw the first text


@dataclass(frozen=True, slots=True)
class Material:
    """All that a renderer may use. `summary` is summary.json (DESIGN section 6)."""

    summary: Mapping[str, Any]
    charts: Mapping[str, Chart] = field(default_factory=dict)
    scenario: str = ""  # scenario.yaml as run
    stories: Mapping[str, Story] = field(default_factory=dict)  # by "op-17"
    meta: Mapping[str, Any] = field(default_factory=dict)
    report: str = ""  # path of the page, for those that point at it


class Renderer(Protocol):
    """One way to show a judged run."""

    name: ClassVar[str]
    summary: ClassVar[str]
    file: ClassVar[str | None]  # its name in the run folder, None when it has none

    def render(self, material: Material) -> str:
        """The whole text."""
