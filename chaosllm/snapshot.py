"""What one run came to, small enough to be kept: every metric by phase with its intervals, findings and objectives.

Laws:
1. Intervals are kept and no samples: a change is worked out from them (noninferiority, law 2), and a kept baseline
   stays at some ten kilobytes, readable in a review.
2. Nothing of it names a path, a person or a key: sameness.identity digests what could.
3. Reading refuses what is no snapshot; what stands in one is believed no further than its types.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from chaosllm import registry
from chaosllm.analysis import measure
from chaosllm.findings import Finding
from chaosllm.join import Run
from chaosllm.live.told import by_hand
from chaosllm.metrics import Estimate, finite
from chaosllm.metrics.cost_amplification import tokens_per_good_answer
from chaosllm.objectives import Judged
from chaosllm.sameness import Leaf, identity
from chaosllm.scenario import Comparator, Objective, Role, Scenario
from chaosllm.stats import spread
from chaosllm.units import format_duration
from chaosllm.validity import Check, spoiled_by

SCHEMA = 1
#: Two-sided confidences at which intervals are kept: one-sided 95 %, the usual one, and two for Holm's correction.
LEVELS = (0.90, 0.95, 0.99, 0.999)
#: What is kept beside the metrics: their ratio to the run's own baseline hides what became dearer everywhere.
TOKENS = "tokens_per_answer"
#: Ends the doubt about a run that live commands made other than its scenario.
NOT_REPEATABLE = "which its seed alone does not repeat"


@dataclass(frozen=True, slots=True)
class Measured:
    """One figure; `bounds` are (low, high) at each of LEVELS, infinite where the sample bounds nothing.

    With six digits, kept or not, so that a run differs in nothing from the baseline that was made of it.
    """

    value: float | None
    n: int = 0
    bounds: tuple[tuple[float, float], ...] = ()
    exact: bool = False  # no chance in it that one run could tell of
    why: str = ""  # of a value that is not there, or is spoiled
    spoiled: bool = False
    offered: float | None = None  # operations a second that were due: of an open load's rate, which the seed moves

    @classmethod
    def of(cls, at: Callable[[float], Estimate], why: str | None) -> Measured:
        """What `at` a confidence is estimated; `why` it is spoiled, if it is."""
        first = at(LEVELS[0])
        if first.value is None:
            return cls(None, first.n, why=why or first.why, spoiled=why is not None)
        bounds = tuple((_rounded(one.low), _rounded(one.high)) for one in map(at, LEVELS))
        return cls(_rounded(first.value), first.n, bounds, first.exact, why or first.why, why is not None)

    def within(self, confidence: float) -> tuple[float, float, float] | None:
        """(value, low, high) at the least kept confidence that is as high; None for no value, or above all."""
        place = next((at for at, level in enumerate(LEVELS) if level >= confidence - 1e-9), None)
        if self.value is None or place is None or place >= len(self.bounds):
            return None
        return (self.value, *self.bounds[place])

    def to_json(self) -> dict[str, Any]:
        """As a baseline file holds it; null for an infinite bound."""
        found: dict[str, Any] = {"value": self.value, "n": self.n}
        if self.bounds and not self.exact:
            found["bounds"] = [[finite(low), finite(high)] for low, high in self.bounds]
        found |= {name: True for name in ("exact", "spoiled") if getattr(self, name)}
        found |= {"offered": self.offered} if self.offered is not None else {}
        return found | ({"why": self.why} if self.why else {})

    @classmethod
    def from_json(cls, stored: Any) -> Measured:
        """Raises ValueError, KeyError or TypeError for what is no figure."""
        value, n, why = stored["value"], stored["n"], stored.get("why", "")
        number = value is None or (isinstance(value, int | float) and math.isfinite(value))
        if not number or not isinstance(n, int) or n < 0 or not isinstance(why, str):
            raise ValueError("a figure that is none")
        exact, spoiled = stored.get("exact") is True, stored.get("spoiled") is True
        offered = stored.get("offered")
        if offered is not None and _bound(offered, 0.0) <= 0:
            raise ValueError("an offered load that is none")
        if value is None:
            return cls(None, n, why=why, spoiled=spoiled)
        pairs = [[value, value]] * len(LEVELS) if exact else stored["bounds"]
        bounds = tuple((_bound(low, -math.inf), _bound(high, math.inf)) for low, high in pairs)
        if len(bounds) != len(LEVELS) or any(low > high for low, high in bounds):
            raise ValueError("bounds that bound nothing")
        return cls(float(value), n, bounds, exact, why, spoiled, None if offered is None else float(offered))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One judged run. `figures` is phase (or block) -> metric -> figure; "" is the run as a whole."""

    scenario: str
    verdict: str
    doubts: tuple[str, ...]  # why the run, or some figure of it, cannot be relied on
    around: Mapping[str, Leaf]  # what may differ between runs that are compared, and is named
    identity: Mapping[str, Leaf]
    figures: Mapping[str, Mapping[str, Measured]]
    roles: Mapping[str, str]
    findings: Sequence[Mapping[str, Any]] = ()
    objectives: Sequence[Mapping[str, Any]] = ()
    started: str = ""
    lengths: Mapping[str, float] = field(default_factory=dict)  # phase -> seconds driven, which totals grow with

    def to_json(self) -> dict[str, Any]:
        """What a baseline file holds."""
        figures = {
            phase: {name: one.to_json() for name, one in metrics.items()} for phase, metrics in self.figures.items()
        }
        return {
            "chaosllm_baseline": SCHEMA,
            "scenario": self.scenario,
            "started": self.started,
            "verdict": self.verdict,
            "doubts": [*self.doubts],
            "around": dict(self.around),
            "identity": dict(self.identity),
            "roles": dict(self.roles),
            "lengths": dict(self.lengths),
            "findings": [dict(one) for one in self.findings],
            "objectives": [dict(one) for one in self.objectives],
            "figures": figures,
        }

    @classmethod
    def from_json(cls, stored: Any) -> Snapshot:
        """Raises ValueError with the reason for what is no snapshot, or one of a later version."""
        if not isinstance(stored, dict) or not isinstance(stored.get("chaosllm_baseline"), int):
            raise ValueError("it is no baseline of chaosllm")  # noqa: TRY004  # one kind of error for all that is wrong
        if stored["chaosllm_baseline"] != SCHEMA:
            raise ValueError(f"it has schema {stored['chaosllm_baseline']}, this chaosllm reads {SCHEMA}")
        try:
            figures = {
                str(phase): {str(name): Measured.from_json(one) for name, one in metrics.items()}
                for phase, metrics in stored["figures"].items()
            }
            found = cls(
                scenario=str(stored["scenario"]),
                verdict=str(stored["verdict"]),
                doubts=tuple(map(str, stored["doubts"])),
                around=_leaves(stored["around"]),
                identity=_leaves(stored["identity"]),
                figures=figures,
                roles={str(phase): str(role) for phase, role in stored["roles"].items()},
                findings=[_row(one, "code", "severity", "phase") for one in stored["findings"]],
                objectives=[_row(one, "text", "verdict") for one in stored["objectives"]],
                started=str(stored["started"]),
                lengths={str(phase): _bound(one, 0.0) for phase, one in stored.get("lengths", {}).items()},
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"it is damaged ({type(error).__name__}: {error})") from None
        if found.verdict not in ("pass", "fail", "inconclusive"):
            raise ValueError(f"it is damaged (verdict {found.verdict!r})")
        return found


@dataclass(frozen=True, slots=True)
class Found:
    """What the judge of a run saw beside its metrics."""

    verdict: str
    findings: Sequence[Finding] = field(default_factory=list)
    checks: Sequence[Check] = field(default_factory=list)
    objectives: Sequence[Judged] = field(default_factory=list)


def take(run: Run, found: Found) -> Snapshot:
    """The snapshot of a judged run; warm-up is left out, because it is thrown away."""
    roles = {phase.judged_as: phase.role for phase in run.scenario.phases if phase.role is not Role.WARMUP}
    spoiled = spoiled_by([*found.checks])
    figures = {phase: _phase(run, phase, role, spoiled) for phase, role in roles.items()}
    figures[""] = {
        name: figure(run, name, None, spoiled)
        for name, member in registry.members("metrics").items()
        if member.whole_run
    }
    return Snapshot(
        scenario=run.scenario.name,
        verdict=found.verdict,
        doubts=(
            *(f"{one.name}: {one.what}" for one in found.checks if not one.ok),
            *([f"{said}, {NOT_REPEATABLE}"] if (said := by_hand(run.meta)) else []),
        ),
        around=around(run),
        identity=identity(written(run)),
        figures=figures,
        roles={phase: role.value for phase, role in roles.items()},
        findings=[
            {"code": one.code, "severity": one.severity, "phase": one.phase, "count": one.count, "of": one.of}
            for one in found.findings
        ],
        objectives=[
            {"text": one.objective.text, "verdict": one.verdict, "value": finite(one.estimate.value), "unit": one.unit}
            for one in found.objectives
        ],
        started=str(run.meta.get("started") or "")[:25],
        lengths={phase: _rounded(run.seconds(phase)) for phase in roles},
    )


def written(run: Run) -> Scenario:
    """The scenario as it was written: live commands that made a phase longer or shorter made no other experiment."""
    durations = run.meta.get("written")
    return run.scenario.retimed(durations) if durations else run.scenario


def steered(run: Run) -> str:
    """What live commands did to a run, with the phases that they retimed; "" when nobody steered it."""
    said = by_hand(run.meta)
    retimed = [
        f"{now.name} set to {format_duration(now.duration)} instead of {format_duration(then.duration)}"
        for now, then in zip(run.scenario.phases, written(run).phases, strict=True)
        if now.duration != then.duration
    ]
    return "; ".join([said, *retimed]) if said else ""


def around(run: Run) -> dict[str, Leaf]:
    """What may change between two runs of one experiment: its seed, the app, the versions, the machine."""
    meta, scenario = run.meta, run.scenario
    told = {"chaosllm": meta.get("version"), **_part(meta, "versions")}
    told |= {name: _part(meta, "machine").get(name) for name in ("system", "architecture", "cpus", "cores")}
    found: dict[str, Leaf] = {"scenario": scenario.name, "seed": scenario.seed}
    found |= {
        "app": str(meta.get("app") or "").replace("\\", "/").rsplit("/", 1)[-1]
    }  # a command's path is nobody's business
    found |= {"target": _origin(str(meta.get("target") or scenario.target.url))}
    found |= {
        f"upstream of {one.provider}": "simulator" if one.simulated else _origin(one.url) for one in scenario.upstreams
    }
    found |= {"objectives": "; ".join(one.text for one in scenario.objectives), "fail_on": scenario.fail_on}
    found |= {"accept": ", ".join(sorted({one.finding for one in scenario.accept}))}
    found |= {"steered": steered(run) or None}
    found |= {"stopped": str(run.stopped) if run.stopped else None}
    return found | {name: one for name, one in told.items() if isinstance(one, str | int | float)}


def _part(meta: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = meta.get(name)
    return found if isinstance(found, dict) else {}


def _origin(url: str) -> str:
    """Scheme, host and port: the rest of an address may hold a name and a password.

    Of this machine no port, because a sample app gets another one each time.
    """
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port and parts.hostname not in ("127.0.0.1", "localhost", "::1") else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}"


def _phase(run: Run, phase: str, role: Role, spoiled: Callable[[Objective], str | None]) -> dict[str, Measured]:
    names = [
        name
        for name, member in registry.members("metrics").items()
        # A ratio to the baseline is 1 in the baseline.
        if not member.whole_run and not (member.over_baseline and role is Role.BASELINE)
    ]
    return {name: figure(run, name, phase, spoiled) for name in (*names, TOKENS)}


def figure(run: Run, name: str, phase: str | None, spoiled: Callable[[Objective], str | None]) -> Measured:
    """One metric, or TOKENS, of a phase; `spoiled` says what spoils an objective on it."""
    if name != TOKENS:
        found = Measured.of(lambda level: measure(run, name, phase, level), spoiled(_asked(name, phase)))
        return replace(found, offered=_offered(run, phase)) if name == "goodput" else found
    tokens = tokens_per_good_answer(run, phase)

    def at(confidence: float) -> Estimate:
        if tokens.value is None or tokens.repeats is None:
            return tokens
        return Estimate(tokens.value, *spread(tokens.repeats, confidence), tokens.n)

    return Measured.of(at, spoiled(_asked("cost_amplification", phase)))


def _offered(run: Run, phase: str | None) -> float | None:
    """Operations a second that the clock fixed; None of a closed loop, where a slow app is asked less often."""
    if phase is None or run.scenario.load.closed or not len(run.rows(phase)) or not run.seconds(phase):
        return None
    return _rounded(len(run.due(phase)) / run.seconds(phase))


def _asked(name: str, phase: str | None) -> Objective:
    """An objective on that metric, because checks spoil objectives."""
    return Objective("", name, phase, Comparator.EQ, 0.0)


def _rounded(value: float) -> float:
    return float(f"{value:.6g}")


def _bound(stored: Any, missing: float) -> float:
    if stored is None:
        return missing
    if isinstance(stored, bool) or not isinstance(stored, int | float) or not math.isfinite(stored):
        raise ValueError("a bound that is no number")
    return float(stored)


def _leaves(stored: Any) -> dict[str, Leaf]:
    if not all(value is None or isinstance(value, str | int | float | bool) for value in stored.values()):
        raise ValueError("a value that is none")
    return {str(path): value for path, value in stored.items()}


def _row(stored: Any, *names: str) -> dict[str, Any]:
    if not all(isinstance(stored[name], str) for name in names):
        raise ValueError("a row without its name")
    return {str(key): value for key, value in stored.items()}
