"""What the YAML says, nothing computed beyond phase windows and roles (DESIGN section 4, contract)."""

from __future__ import annotations

import enum
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from chaosllm.arrivals import Arrivals, Shape, due_times, how_many, offered
from chaosllm.distribution import Distribution
from chaosllm.errors import Where
from chaosllm.faults import Fault
from chaosllm.prices import Price
from chaosllm.probes import Probe
from chaosllm.trigger import Trigger


class Role(enum.StrEnum):
    """What a phase is for."""

    WARMUP = "warmup"
    BASELINE = "baseline"
    FAULT = "fault"
    RECOVERY = "recovery"


@dataclass(frozen=True, slots=True)
class Good:
    """What makes an answer good; all that are given must hold."""

    status: int = 200
    min_chars: int = 1
    json: bool = False
    regex: str | None = None
    schema: dict[str, Any] | None = None
    max_latency: float | None = None


@dataclass(frozen=True, slots=True)
class Degraded:
    """How the app declares a fallback answer: any that is given and found."""

    header: str | None = None
    json: str | None = None  # JSONPath that finds something true
    text: str | None = None  # regular expression in the answer text


@dataclass(frozen=True, slots=True)
class Operation:
    """What one user asks of the app.

    `{prompt}` or another column of the rows, what an earlier operation of its session took, and `${env:NAME}` are
    replaced in `json`, `body`, `path`, `headers` and `cookies`. `weight` is how often it is asked beside the others;
    `name` is "" where it is the only one. `take` is name -> JSONPath into its answer. `side_effects` are tools that
    must not run twice for one operation.
    """

    name: str = ""
    weight: float = 1.0
    method: str = "POST"
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    json: Any = None
    body: str | None = None
    stream: Literal["none", "sse"] = "none"
    answer: str | None = None  # JSONPath; None: the whole body is the answer
    end: str | None = None
    failed: dict[str, str] = field(default_factory=dict)
    good: Good = field(default_factory=Good)
    degraded: Degraded | None = None
    take: dict[str, str] = field(default_factory=dict)
    side_effects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Session:
    """What one user does: operations one after the other, each after the answer to the one before it and a pause."""

    steps: tuple[int, ...]  # places in the target's operations, at least one
    weight: float = 1.0  # how often, beside the others
    think: Distribution | None = None  # the pause, in seconds; None: none


@dataclass(frozen=True, slots=True)
class Start:
    """How to start the app behind the proxy."""

    command: tuple[str, ...]
    ready: str | None = None
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """The app under test."""

    url: str = "http://127.0.0.1:8000"
    start: Start | None = None
    operations: tuple[Operation, ...] = ()
    sessions: tuple[Session, ...] = ()  # () where each user asks one operation
    timeout: float = 30.0
    control: tuple[str, ...] = ()

    @property
    def steps(self) -> float:
        """Operations that a user asks, on average."""
        if not self.sessions:
            return 1.0
        asked = sum(session.weight * len(session.steps) for session in self.sessions)
        return asked / sum(session.weight for session in self.sessions)


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a provider's calls go; `url` is an origin, or "simulator"."""

    provider: str
    url: str
    ca: str | None = None

    @property
    def simulated(self) -> bool:
        """Whether our own simulator answers."""
        return self.url == "simulator"


@dataclass(frozen=True, slots=True)
class Load:
    """Open-loop load, `rate` users per second; or the `users` of a locustfile, a closed loop.

    Each user asks one operation, or goes through a session of them.
    """

    rate: float = 5.0
    arrivals: Arrivals = "poisson"
    prompts: str | None = None  # a file: one prompt a line, or a table in .csv or .jsonl; None: built in
    max_in_flight: int = 500
    shape: Shape | None = None  # None: `rate` all the time
    cv: float = 2.0  # of the gaps of gamma arrivals
    correlate: Literal["prompt", "header", "none"] = "prompt"
    locustfile: str | None = None
    users: int = 10  # of the locustfile
    spawn_rate: float | None = None  # users a second; None: all at once

    @property
    def closed(self) -> bool:
        """Whether a user asks again only after the last answer came, so that nothing is due beforehand."""
        return self.locustfile is not None

    def due_times(self, seed: int, until: float) -> array[float]:
        """When each user comes, in seconds from the run's start; none of a closed loop."""
        if self.closed:
            return array("d")
        return due_times(self.rate, self.arrivals, seed, until, shape=self.shape, cv=self.cv)

    def how_many(self, seed: int, until: float) -> int:
        """How many users come until then; none of a closed loop."""
        if self.closed:
            return 0
        return how_many(self.rate, self.arrivals, seed, until, shape=self.shape, cv=self.cv)

    def expected(self, start: float, end: float) -> float:
        """Users who come between two seconds of the run, on average."""
        return offered(self.rate, self.shape, start, end)

    @property
    def lever(self) -> str:
        """The key that makes the load more or less."""
        return "load.users" if self.closed else "load.rate" if self.shape is None else "load.shape"


@dataclass(frozen=True, slots=True)
class Range:
    """Whole numbers from `from_` to `to`, both included; None: no end."""

    from_: int = 0
    to: int | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """Which calls a rule may touch; each list holds globs of which one must fit, empty = any."""

    provider: tuple[str, ...] = ()
    endpoint: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    path: tuple[str, ...] = ()
    header: dict[str, str] = field(default_factory=dict)
    prompt: str | None = None  # regular expression
    prompt_tokens: Range | None = None  # by the estimate of `units.estimate_tokens`
    key: tuple[str, ...] = ()  # of the API key: how its SHA-256 begins, in hexadecimal
    tools: bool | None = None
    stream: bool | None = None
    attempt: tuple[int, ...] = ()
    operation: tuple[int | str, ...] = ()  # numbers and names
    not_: Match | None = None
    any_: tuple[Match, ...] = ()
    all_: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A fault, when it fires, and which calls it may touch. `name` is "storm.0"."""

    name: str
    fault: Fault
    when: Trigger = field(default_factory=Trigger)
    match: Match = field(default_factory=Match)
    where: Where | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run; `start` and `end` are seconds from the run's start."""

    name: str
    duration: float
    role: Role
    rules: tuple[Rule, ...] = ()
    start: float = 0.0
    block: str = ""  # what it is a repeat of; objectives on that name judge all repeats together

    @property
    def end(self) -> float:
        """Seconds from the run's start."""
        return self.start + self.duration

    @property
    def judged_as(self) -> str:
        """The name under which objectives and findings judge it: its block's, where it has one."""
        return self.block or self.name


class Comparator(enum.StrEnum):
    """How a value is held against its bound."""

    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    EQ = "=="


@dataclass(frozen=True, slots=True)
class Objective:
    """`metric(phase) <= bound`, or `<= factor * other_metric(other_phase)`; `bound` in base units."""

    text: str
    metric: str
    phase: str | None
    comparator: Comparator
    bound: float  # the number, or the factor when `reference` is set
    reference: tuple[str, str | None] | None = None
    where: Where | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class StopCondition:
    """`metric(last 10s) < 20%`: stop everything when true; no window: over the whole run."""

    text: str
    metric: str
    window: float | None
    comparator: Comparator
    bound: float


@dataclass(frozen=True, slots=True)
class StopProbe:
    """Stop everything when a probe fails so many times running; `every` and `timeout` are seconds."""

    probe: Probe
    every: float
    timeout: float
    failures: int

    @property
    def text(self) -> str:
        """What stops the run, in words."""
        return self.probe.says() + (f", {self.failures} times running" if self.failures > 1 else "")


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that may be touched (blast radius)."""

    hosts: tuple[str, ...] = ()
    max_duration: float | None = None
    max_active_faults: float = 1.0  # share of calls in flight that may be faulted at once
    max_spend: float | None = None
    safety_lever: str | None = None  # a file, relative to the scenario's folder or absolute, or a URL


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A finding that `owner` answers for up to the day `until` (ISO); no phase: in whichever it is seen."""

    finding: str
    owner: str
    reason: str
    until: str
    phase: str | None = None
    where: Where | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment."""

    name: str
    phases: tuple[Phase, ...]
    upstreams: tuple[Upstream, ...]
    version: int = 1
    hypothesis: str = ""
    seed: int = 0
    target: Target = field(default_factory=Target)
    load: Load = field(default_factory=Load)
    objectives: tuple[Objective, ...] = ()
    limits: Limits = field(default_factory=Limits)
    stop_when: tuple[StopCondition, ...] = ()
    probes: tuple[StopProbe, ...] = ()  # those items of `stop_when` that look at the world outside
    fail_on: Literal["critical", "major", "none"] = "critical"
    tags: tuple[str, ...] = ()
    accept: tuple[Acceptance, ...] = ()
    prices: dict[str, Price] = field(default_factory=dict)  # by model; before those of our table

    @property
    def duration(self) -> float:
        """Seconds that all phases last."""
        return self.phases[-1].end

    def retimed(self, durations: Sequence[float]) -> Scenario:
        """The same with phases of other lengths, one after the other; ValueError when there are not as many."""
        phases, start = [], 0.0
        for phase, duration in zip(self.phases, durations, strict=True):
            phases.append(replace(phase, duration=duration, start=start))
            start = phases[-1].end
        return replace(self, phases=tuple(phases))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules of all phases, in order."""
        return tuple(rule for phase in self.phases for rule in phase.rules)

    @property
    def stops(self) -> tuple[str, ...]:
        """What stops the run: conditions as they are written, probes in words."""
        return (*(one.text for one in self.stop_when), *(one.text for one in self.probes))

    def phase(self, name: str) -> Phase | None:
        """The phase of that name."""
        return next((phase for phase in self.phases if phase.name == name), None)

    def judged(self, name: str | None) -> tuple[Phase, ...]:
        """The phases that an objective on this name judges together; all for None."""
        return tuple(phase for phase in self.phases if name in (None, phase.name, phase.block))

    def phase_at(self, t: float) -> Phase | None:
        """The phase in which second `t` of the run lies; None outside."""
        return next((phase for phase in self.phases if phase.start <= t < phase.end), None)
