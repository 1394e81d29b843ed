"""The resilience score: 100 x R for each class of faults, its minimum beside its mean, and a grade.

Laws:
1. A class that was not tested is listed and never averaged in; one that was hardly met is not tested.
2. The overall score is the minimum, because an app is as resilient as its worst class (METHOD section 3): an average
   hides a zero.
3. A critical finding caps the grade, and a run that could not be judged has none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chaosllm.analysis import measure
from chaosllm.findings import Finding
from chaosllm.join import Run
from chaosllm.metrics import finite
from chaosllm.scenario import Role
from chaosllm.sources import ACCESS_LOG, ATTACHED

#: Class -> the faults that belong to it: eleven ways in which a provider fails.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "rate limits": ("rate_limit",),
    "quota": ("quota",),
    "outages": ("overload", "error"),
    "latency": ("latency",),
    "hangs": ("hang", "stall"),
    "connections": ("reset", "connection"),
    "truncation": ("truncate",),
    "streams": ("stream_error", "drop", "duplicate", "reorder"),
    "malformed answers": ("malformed", "empty", "embeddings", "usage", "model_swap"),
    "content": ("content", "refusal"),
    "agents": ("tool_call", "repetition"),
}
#: The least score of each grade. Ours: A is the 95 % that METHOD asks of goodput, the others are thirds below it.
GRADES = ((95.0, "A"), (85.0, "B"), (70.0, "C"), (50.0, "D"), (0.0, "F"))
#: The best grade of a run with a critical finding.
CAP = "D"
#: Operations that must meet a class's faults (METHOD section 5).
LEAST = 5
#: Why a run that we did not drive has no grade.
UNSEEN = {ATTACHED: "what users got is not on record", ACCESS_LOG: "what was in the answers was not looked at"}


@dataclass(frozen=True, slots=True)
class Score:
    """Scores from 0 to 100 with their intervals; `grade` is "" where none is given, and `why` says why."""

    classes: Mapping[str, tuple[float, float, float]]  # class -> value, low, high
    grade: str = ""
    why: str = ""
    capped_by: str = ""  # the critical finding that caps the grade

    @property
    def minimum(self) -> float | None:
        """That of the worst class; None without any."""
        return min((value for value, *_ in self.classes.values()), default=None)

    @property
    def mean(self) -> float | None:
        """Over the tested classes."""
        return sum(value for value, *_ in self.classes.values()) / len(self.classes) if self.classes else None

    def to_json(self) -> dict[str, Any]:
        """The part of summary.json."""
        return {
            "grade": self.grade,
            "why": self.why,
            "capped_by": self.capped_by,
            "minimum": _round(self.minimum),
            "mean": _round(self.mean),
            "classes": {
                name: {"value": _round(value), "low": _round(low), "high": _round(high)}
                for name, (value, low, high) in self.classes.items()
            },
            "tested": len(self.classes),
            "of": len(CLASSES),
            "not_tested": [name for name in CLASSES if name not in self.classes],
        }


def score(run: Run, findings: Sequence[Finding], *, judged: bool) -> Score:
    """The score of a run; `judged`: whether it came to PASS or FAIL."""
    found: dict[str, tuple[float, float, float]] = {}
    for phase in dict.fromkeys(one.judged_as for one in run.phases(Role.FAULT)):
        if run.hits.get(phase, 0) < LEAST:
            continue
        estimate = measure(run, "resilience", phase)
        if estimate.value is None:
            continue
        row = (100 * estimate.value, 100 * estimate.low, 100 * estimate.high)
        faults = {rule.fault.name for _, part in run.parts(phase) for rule in part.rules}
        for name in (name for name, members in CLASSES.items() if faults & {*members}):
            found[name] = min(found.get(name, row), row)  # of several phases the worst
    critical = next((one.code for one in findings if one.severity == "critical"), "")
    classes = {name: found[name] for name in CLASSES if name in found}
    why = "" if judged else "the run could not be judged"
    return _graded(classes, critical, UNSEEN.get(run.source, why))


def together(scores: Sequence[Mapping[str, Any]]) -> Score:
    """The score of several runs, from their summaries' parts: of each class the worst."""
    found: dict[str, tuple[float, float, float]] = {}
    for one in scores:
        for name, row in one.get("classes", {}).items():
            value = (float(row["value"]), float(row["low"]), float(row["high"]))
            found[name] = min(found.get(name, value), value)
    critical = next((str(one["capped_by"]) for one in scores if one.get("capped_by")), "")
    undecided = sum(bool(one.get("why")) for one in scores)
    classes = {name: found[name] for name in CLASSES if name in found}
    return _graded(classes, critical, f"{undecided} of {len(scores)} runs have none" if undecided else "")


def _graded(classes: Mapping[str, tuple[float, float, float]], critical: str, why: str) -> Score:
    worst = min((value for value, *_ in classes.values()), default=None)
    if why or worst is None:
        return Score(classes, "", why or "no fault was met often enough", critical)
    grade = grade_of(worst)
    return Score(classes, max(grade, CAP) if critical else grade, "", critical)


def grade_of(value: float) -> str:
    """The grade of a score from 0 to 100, before any cap."""
    return next((name for least, name in GRADES if value >= least), GRADES[-1][1])


def _round(value: float | None) -> float | None:
    found = finite(value)
    return None if found is None else round(found, 1)
