"""Faults: what goes wrong, said as a Script. One file each (see CONTRIBUTING for a new one).

A fault is a frozen dataclass whose fields are its YAML fields (pydantic reads units and writes
the JSON Schema), with `name`, `summary` and `script()`. It never sleeps, opens a socket, reads a
clock or prints.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

from chaosllm.call import Call, Request
from chaosllm.limiter import Limiter
from chaosllm.providers import Provider, Usage
from chaosllm.script import Door, Script


@dataclass(frozen=True, slots=True)
class Context:
    """What a fault may know besides its own fields.

    `draw(salt)` is a number in [0, 1) that depends only on seed, rule, identity, attempt and salt
    (law 5). `now` is UNIX seconds, for dates. `t` is seconds since the run's start.
    `limiter` is the live bucket state that belongs to this rule. `request` is for what only the
    request says (whether a stream's usage was asked for); nothing of it may be kept.
    """

    call: Call
    request: Request
    provider: Provider
    draw: Callable[[str], float]
    now: float
    t: float
    limiter: Limiter


class Fault(Protocol):
    """One kind of failure; its dataclass fields are its YAML fields.

    For people it may also hold `about` (field -> a line, for editors and docs/faults.md), `example` (a rule in
    YAML), `only_with` (field -> another field and the values of it with which the first means anything; the
    reader refuses it with any other) and `says()` (what happens to a call, in words, for `explain`).
    """

    name: ClassVar[str]
    summary: ClassVar[str]

    @property
    def live(self) -> bool:
        """Whether the fault itself decides when it fires (live buckets, budgets), in place of `when`."""

    def script(self, context: Context) -> Script | None:
        """The steps for this call; None from a live fault that does not fire now."""


@runtime_checkable
class Demanding(Protocol):
    """A fault that not every provider can play; the reader refuses a rule whose provider cannot."""

    def needs(self) -> tuple[str, ...]:
        """What a provider must be able to do for it: names of `Provider.abilities`."""


@runtime_checkable
class Selective(Protocol):
    """A fault that means nothing for some calls: those are not eligible (law 4)."""

    def applies(self, call: Call) -> bool:
        """Whether the fault can strike this call."""


@runtime_checkable
class Metered(Protocol):
    """A live fault that keeps count: told when a call that it admitted has ended.

    It counts by API key and model; one with a true attribute `account` counts by API key alone.
    """

    def settle(self, limiter: Limiter, call: Call, usage: Usage | None, *, t: float) -> None:
        """Book what the call used; `usage` is None when the answer did not say."""


@runtime_checkable
class Budgeted(Protocol):
    """A live fault whose limits show in the headers of good answers."""

    def limit_headers(self, context: Context) -> tuple[tuple[str, str | None], ...]:
        """What is left, as the provider says it; None takes a header of the upstream's away."""


@runtime_checkable
class Planting(Protocol):
    """A fault that has the model say what no user should get."""

    def planted(self) -> tuple[tuple[str, str], ...]:
        """(mark of record.MARKS, regular expression that finds it in an app's answer) of each such text."""


@runtime_checkable
class Connecting(Protocol):
    """A fault that can strike a connection before any request."""

    @property
    def at_accept(self) -> bool:
        """Whether it strikes connections, and no call."""

    def strike(self, door: Door) -> Script | None:
        """What befalls a connection met here; None: none is eligible here (law 4)."""
