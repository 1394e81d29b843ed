"""Probes: what to ask of the world outside while a run goes on, and how to judge the answer. One file each.

A probe is a frozen dataclass whose fields are its YAML fields; the first of them goes by the probe's name
(`{http: /healthz}`). It never sleeps, opens a socket, reads a clock or prints: `adapters/safety` asks.
A new one: `probes/<name>.py` with a class that satisfies `Probe`, and `MEMBER = TheClass`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request; values of `headers` may hold `${env:NAME}`, which whoever asks fills in."""

    url: str
    method: str = "GET"
    params: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it. `status` is 0 and `error` says why where no whole answer came; `took` is seconds."""

    status: int = 0
    text: str = ""
    took: float = 0.0
    cut: bool = False  # the body was longer than anybody reads, and `text` is its beginning
    error: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """What an answer shows; `ok` is None where it shows nothing, which is no failure.

    `text` says it in words and holds none of a body's: a body may hold anything.
    """

    ok: bool | None
    text: str
    value: float | None = None
    mistake: bool = False  # what was asked is wrong, and no later answer will show anything


class Probe(Protocol):
    """One way to look at the world outside; its dataclass fields are its YAML fields.

    For people it may also hold `about` (field -> a line, for editors and docs/probes.md). With `early` it is asked
    once before anything starts, which only one that does not look at the app can be; a mistake then refuses the start.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    example: ClassVar[str]  # an item of `stop_when` in YAML
    every: ClassVar[float]  # seconds between two askings, unless the scenario says otherwise
    failures: ClassVar[int]  # so many running stop the run, unless the scenario says otherwise

    def ask(self, base: str) -> Ask:
        """What to ask; `base` is where the app under test is."""

    def judge(self, answer: Answer) -> Judged:
        """What the answer shows."""

    def says(self) -> str:
        """What a failure is, in words, such as "`/healthz` does not answer 200"."""
