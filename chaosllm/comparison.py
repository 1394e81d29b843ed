"""Two runs of one experiment, figure by figure: what became better, what worse, and what cannot be told.

Laws:
1. Runs of different experiments are refused, with every difference named; what else changed is named beside the result.
   A run that live commands steered is of the experiment that was written.
2. Better and worse are said where the 95 % interval of the change excludes no change; nothing is said of a figure
   that rests on too few operations, is spoiled in one of the runs, or is one number without an interval.
   A rate of good answers is held against the load that was offered, which another seed alone changes; a total is held
   against nothing where the phase did not last as long.
3. Of equal runs about one figure in twenty looks changed: a verdict on a change is `gate --baseline`'s.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chaosllm import registry
from chaosllm.errors import ChaosError, Exit
from chaosllm.metrics import Better, Unit, finite
from chaosllm.noninferiority import Change, ratio_change, share_change
from chaosllm.sameness import Difference, Leaf, differences
from chaosllm.snapshot import TOKENS, Measured, Snapshot
from chaosllm.units import format_duration

#: What can be said of a change.
BETTER, WORSE, CHANGED, SAME, UNKNOWN = "better", "worse", "changed", "no difference shown", "cannot tell"
#: Two-sided, of the intervals that are shown.
CONFIDENCE = 0.95
#: Lengths of a phase that differ by no more count as one: a stop or a command comes some hundredths late.
SAME_LENGTH = 0.01
#: Differences named before the rest is counted.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Kind:
    """What must be known of a metric to compare it."""

    unit: Unit
    better: Better
    needs: int
    total: bool = False  # it grows with the length of its phase


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of both runs."""

    metric: str
    phase: str  # "" for the run as a whole
    unit: Unit
    before: Measured
    after: Measured
    change: Change | None
    verdict: str
    why: str = ""  # of what cannot be told

    def to_json(self) -> dict[str, Any]:
        """The row of `compare --json`."""
        change = self.change
        return {
            "metric": self.metric,
            "phase": self.phase or None,
            "unit": self.unit,
            "a": _side(self.before),
            "b": _side(self.after),
            "change": None
            if change is None
            else {
                "kind": change.kind,
                "value": finite(change.value),
                "low": finite(change.low),
                "high": finite(change.high),
            },
            "verdict": self.verdict,
        } | ({"why": self.why} if self.why else {})


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side: A is the earlier one, B what is held against it."""

    before: Snapshot
    after: Snapshot
    changed: Sequence[Difference]  # beside the experiment: seed, version, machine ...
    scale: float  # by how much B's phases are longer
    rows: Sequence[Row]

    @property
    def new_findings(self) -> list[Mapping[str, Any]]:
        """Seen in B and not in A."""
        return _only(self.after, self.before)

    @property
    def gone_findings(self) -> list[Mapping[str, Any]]:
        """Seen in A and not in B."""
        return _only(self.before, self.after)

    def to_json(self) -> dict[str, Any]:
        """What `compare --json` prints."""
        sides = {
            name: {
                "scenario": one.scenario,
                "started": one.started,
                "verdict": one.verdict,
                "doubts": [*one.doubts],
                "objectives": [dict(row) for row in one.objectives],
            }
            for name, one in (("a", self.before), ("b", self.after))
        }
        return {
            "schema": 1,
            **sides,
            "changed": [{"what": one.path, "a": one.before, "b": one.after} for one in self.changed],
            "duration_scale": self.scale,
            "rows": [row.to_json() for row in self.rows],
            "findings": {"new": self.new_findings, "gone": self.gone_findings},
            "counts": {word: sum(row.verdict == word for row in self.rows) for word in _WORDS},
        }


_WORDS = (WORSE, BETTER, CHANGED, SAME, UNKNOWN)


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """Every figure that one of the runs has; raises ChaosError for runs of different scenarios."""
    scale = same_experiment(before.identity, after.identity)
    changed = [
        Difference(name, before.around.get(name), after.around.get(name))
        for name in dict.fromkeys((*before.around, *after.around))
        if before.around.get(name) != after.around.get(name)
    ]
    rows = [
        row(metric, phase, before.figures.get(phase, {}).get(metric), after.figures.get(phase, {}).get(metric))
        for phase in dict.fromkeys((*before.figures, *after.figures))
        for metric in dict.fromkeys((*before.figures.get(phase, {}), *after.figures.get(phase, {})))
    ]
    rows = [_timed(one, before.lengths.get(one.phase), after.lengths.get(one.phase)) for one in rows]
    rows = [one for one in rows if one.before.value is not None or one.after.value is not None]
    return Comparison(before, after, changed, scale, rows)


def same_experiment(before: Mapping[str, Leaf], after: Mapping[str, Leaf]) -> float:
    """By how much the second's phases are longer; raises ChaosError when what was done is not the same."""
    found, scale = differences(before, after)
    if found:
        told = "; ".join(map(str, found[:_MOST])) + (f"; and {len(found) - _MOST} more" if len(found) > _MOST else "")
        raise ChaosError(
            f"the two runs are of different scenarios: {told}",
            hint="run the same scenario; seed, version, machine, app, --duration-scale and live commands may differ",
            exit_code=Exit.USAGE,
        )
    return scale


def row(metric: str, phase: str, before: Measured | None, after: Measured | None) -> Row:
    """One figure of both runs; None where a run has none of that name."""
    missing = Measured(None, why="the run has no such figure: it was judged by another version")
    mine, other = before or missing, after or missing
    kind = kind_of(metric)
    if kind is None:  # a metric of a plugin, or of another version
        return Row(metric, phase, "ratio", mine, other, None, UNKNOWN, "this chaosllm has no such metric")
    change, why = change_of(kind, mine, other, CONFIDENCE)
    return Row(metric, phase, kind.unit, mine, other, change, UNKNOWN if why else _said(kind, change), why)


def _timed(found: Row, before: float | None, after: float | None) -> Row:
    """The row, with nothing said of a total where the phase did not last as long in both runs (seconds)."""
    kind = kind_of(found.metric)
    if kind is None or not kind.total or found.before.value is None or found.after.value is None:
        return found
    if before is None or after is None or math.isclose(before, after, rel_tol=SAME_LENGTH):
        return found
    why = f"a total grows with its phase, which lasted {format_duration(before)} in A and {format_duration(after)} in B"
    return replace(found, change=None, verdict=UNKNOWN, why=why)


def kind_of(metric: str) -> Kind | None:
    """What is known of a metric by its name; None for one that this chaosllm does not have."""
    if metric == TOKENS:
        return Kind("count", "lower", 30)
    member = registry.members("metrics").get(metric)
    return None if member is None else Kind(member.unit, member.better, member.needs[metric], member.total)


def change_of(
    kind: Kind, before: Measured, after: Measured, confidence: float, names: tuple[str, str] = ("A", "B")
) -> tuple[Change | None, str]:
    """(the change with its interval, "" or why none can be told)."""
    sides = tuple(zip(names, (before, after), strict=True))
    for name, one in sides:
        if one.value is None or one.spoiled:
            return None, f"{name}: {one.why or 'nothing was measured'}"
    if before.exact and after.exact and before.value == after.value:
        return None, ""
    for name, one in sides:
        if one.n < kind.needs:
            return None, f"{name}: needs {kind.needs} operations, had {one.n}"
    if (before.offered is None) != (after.offered is None):
        lacks = names[before.offered is not None]
        return None, f"{lacks}: the load that was offered is not on record: judge the run again, or save it again"
    mine, other = (_by_load(one.within(confidence), one.offered) for one in (before, after))
    if before.exact or after.exact:
        return None, "one number a run has no interval: repeat both runs to see how far it varies"
    if mine is None or other is None:
        return None, "no interval is kept at this confidence"
    change = share_change(mine, other) if kind.unit == "share" else ratio_change(mine, other)
    if change is None:
        return None, "" if mine == other else "a value of 0 has no ratio"
    if not (math.isfinite(change.low) or math.isfinite(change.high)):
        return change, "the samples bound nothing"
    return change, ""


def _by_load(found: tuple[float, float, float] | None, offered: float | None) -> tuple[float, float, float] | None:
    """A rate as a share of the load that was offered, because another seed offers another one and no app did that."""
    if found is None or offered is None:
        return found
    value, low, high = found
    return value / offered, low / offered, high / offered


def _said(kind: Kind, change: Change | None) -> str:
    if change is None or change.low <= change.none <= change.high:
        return SAME
    if not kind.better:
        return CHANGED
    return BETTER if (change.value > change.none) == (kind.better == "higher") else WORSE


def _only(here: Snapshot, there: Snapshot) -> list[Mapping[str, Any]]:
    known = {(one["code"], one["phase"]) for one in there.findings}
    return [one for one in here.findings if (one["code"], one["phase"]) not in known]


def _side(one: Measured) -> dict[str, Any]:
    found = one.within(CONFIDENCE)
    low, high = (finite(found[1]), finite(found[2])) if found else (None, None)
    told = {"value": finite(one.value), "low": low, "high": high, "n": one.n}
    told |= {"offered": one.offered} if one.offered is not None else {}
    return told | ({"why": one.why} if one.why else {})
