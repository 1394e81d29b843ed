"""What a sweep found: from the summary of each run to sweep.json and its one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from chaosllm import registry
from chaosllm.levels import Range
from chaosllm.metrics import finite
from chaosllm.power import ALPHA
from chaosllm.scenario import Comparator, Objective
from chaosllm.stats import wilson
from chaosllm.sweeping import Standing, Told, standing

#: The number of sweep.json's form; it grows with a change that breaks a reader.
SCHEMA = 1
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Level:
    """One run at a level; `told` is None when it is no data, and `why` says why."""

    value: float
    seed: int
    folder: str
    told: Told | None = None
    why: str = ""
    row: Mapping[str, Any] = field(default_factory=dict)  # the objective's, of summary.json


@dataclass(frozen=True, slots=True)
class Sweep:
    """What is swept, as far as it came. `tolerance` is in units of the value, None for a plain grid."""

    scenario: str
    range: Range
    objective: Objective
    tolerance: float | None = None
    levels: tuple[Level, ...] = ()
    stopped: str = ""

    @property
    def bound(self) -> float | None:
        """The share of operations that must be good; None where only the verdict of a run tells."""
        return bound_of(self.objective)

    @property
    def now(self) -> Standing:
        """What is known, and which place to run next."""
        told = [level.told for level in self.levels if level.told is not None]
        width = (self.tolerance or 0.0) / (self.range.high - self.range.low)
        if self.range.by_ratio and self.tolerance:  # its width at the geometric middle, where it means the same
            middle = (self.range.low * self.range.high) ** 0.5
            width = self.range.place(min(middle + self.tolerance, self.range.high)) - 0.5
        return standing(told, self.bound, width, 0.0 if self.range.given else self.range.lowest)


def bound_of(objective: Objective) -> float | None:
    """The share that must be good, of an objective whose operations can be counted."""
    metric = registry.members("metrics").get(objective.metric)
    if metric is None or metric.unit != "share" or objective.reference is not None or not 0 < objective.bound < 1:
        return None
    if objective.comparator in (Comparator.GE, Comparator.GT):
        return objective.bound
    return 1 - objective.bound if objective.comparator in (Comparator.LE, Comparator.LT) else None


def told_by(row: Mapping[str, Any], place: float, objective: Objective) -> Told | str:
    """What a run showed at a place; why it shows nothing, when nothing was measured."""
    if bound_of(objective) is None:
        verdict = str(row.get("verdict"))
        if verdict not in ("pass", "fail", "inconclusive"):
            return "the objective was not judged"
        return Told(place, verdict=cast(Literal["pass", "fail", "inconclusive"], verdict))
    value, n = row.get("value"), row.get("n") or 0
    if value is None or not n:
        return str(row.get("why") or "nothing was measured")
    good = value if objective.comparator in (Comparator.GE, Comparator.GT) else 1 - value
    return Told(place, good * n, float(n), _worth(value, row.get("low"), row.get("high"), n))


def _worth(value: float, low: float | None, high: float | None, n: float) -> float:
    """The effective n that a row's interval was made with: Wilson's width falls with it."""
    if low is None or high is None:
        return n
    least, most = 1e-3, float(n)
    for _ in range(60):
        middle = (least + most) / 2
        below, above = wilson(value * middle, middle, 1 - 2 * ALPHA)
        least, most = (middle, most) if above - below > high - low else (least, middle)
    return most


def to_json(sweep: Sweep) -> dict[str, Any]:
    """sweep.json: every run, the curve, the breaking point with its interval, and why the sweep ended."""
    found, span = sweep.now, sweep.range
    data = [level for level in sweep.levels if level.told is not None]
    low, high = (None if at is None else _value(sweep, at) for at in (found.low, found.high))
    shown = found.kind == "found"
    breaking = {
        "kind": found.kind,
        "value": span.value(found.point) if shown else None,
        "low": low,
        "high": high,
        "confidence": CONFIDENCE,
        "holds": "above" if found.down else "below",
        "text": {
            "value": span.text(span.value(found.point)) if shown else None,
            "low": None if low is None else span.text(low),
            "high": None if high is None else span.text(high),
        },
    }
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "scenario": sweep.scenario,
        "path": span.path,
        "range": {"low": span.low, "high": span.high, "kind": span.kind.name, "by_ratio": span.by_ratio},
        "objective": {
            "text": sweep.objective.text,
            "bound": sweep.objective.bound,
            "counted": sweep.bound is not None,
            "good": sweep.bound,
        },
        "tolerance": sweep.tolerance,
        "breaking_point": breaking,
        "curve": [_curve(sweep, value, data) for value in sorted({level.value for level in data})],
        "runs": [_run(sweep, level) for level in sweep.levels],
        "stopped": sweep.stopped,
    }
    return made | {"says": says(made)}


def _value(sweep: Sweep, place: float) -> float:
    """The level that was run at a place; an interval always ends at such."""
    data = [level for level in sweep.levels if level.told is not None]
    return min(data, key=lambda level: abs(sweep.range.place(level.value) - place)).value


def _curve(sweep: Sweep, value: float, data: Sequence[Level]) -> dict[str, Any]:
    """One point of the degradation curve: all runs of a level together."""
    here = [level for level in data if level.value == value]
    told = [level.told for level in here if level.told is not None]
    point = {"value": value, "text": sweep.range.text(value), "runs": len(here)}
    if sweep.bound is None:
        passed = sum(one.verdict == "pass" for one in told)
        failed = sum(one.verdict == "fail" for one in told)
        share = passed / (passed + failed) if passed + failed else None
        low, high = wilson(passed, passed + failed)
        measured = [row.get("value") for row in (level.row for level in here)]
        known = [float(one) for one in measured if one is not None]
        return point | {
            "passed": passed, "failed": failed, "share": share, "low": low, "high": high,
            "measured": sum(known) / len(known) if known else None,
        }  # fmt: skip
    of, worth = sum(one.of for one in told), sum(one.worth for one in told)
    share = sum(one.good for one in told) / of
    low, high = wilson(share * worth, worth)
    return point | {"n": round(of), "effective_n": round(worth, 1), "share": share, "low": low, "high": high}


def _run(sweep: Sweep, level: Level) -> dict[str, Any]:
    told = level.told
    row = {name: level.row.get(name) for name in ("value", "low", "high", "n", "verdict")}
    return {
        "level": sweep.range.text(level.value), "at": level.value, "seed": level.seed, "folder": level.folder,
        "data": told is not None, "why": level.why,
        "good": finite(told.good) if told else None, "of": finite(told.of) if told else None,
        "worth": finite(told.worth) if told else None, **row,
    }  # fmt: skip


def levels_of(stored: Mapping[str, Any], span: Range) -> tuple[Level, ...]:
    """The runs of an earlier sweep.json that are data, to be taken up again; raises KeyError, TypeError, ValueError."""
    found = []
    for run in stored["runs"]:
        if not run["data"]:
            continue
        place, counted = span.place(float(run["at"])), bool(stored["objective"]["counted"])
        told = (
            Told(place, float(run["good"]), float(run["of"]), float(run["worth"]))
            if counted
            else Told(place, verdict=run["verdict"])
        )
        row = {name: run[name] for name in ("value", "low", "high", "n", "verdict")}
        found.append(Level(float(run["at"]), int(run["seed"]), str(run["folder"]), told, "", row))
    return tuple(found)


def gate(made: Mapping[str, Any], least: float) -> Literal["pass", "fail", "inconclusive"]:
    """Whether the objective holds up to a level, by the interval of what a sweep found."""
    breaking = made["breaking_point"]
    if breaking["kind"] == "everywhere":
        return "pass"
    if breaking["kind"] in ("nowhere", "found", "unknown") and breaking["holds"] == "below":
        if breaking["low"] is not None and breaking["low"] >= least:
            return "pass"
        if breaking["high"] is not None and breaking["high"] <= least:
            return "fail"
    return "inconclusive"


def says(made: Mapping[str, Any]) -> str:
    """The one line: how far the objective holds."""
    breaking, path, objective = made["breaking_point"], made["path"], made["objective"]["text"]
    text, sure = breaking["text"], f"{CONFIDENCE:.0%}"
    up = "down" if breaking["holds"] == "above" else "up"
    last = made["curve"][-1]["text"] if made["curve"] else ""
    match breaking["kind"]:
        case "found":
            said = f"holds {up} to {text['value']} ({sure} interval {text['low']} to {text['high']})"
        case "everywhere":
            said = f"holds up to at least {last}"
        case "nowhere":
            said = f"fails already at {made['curve'][0]['text']}"
        case "not_monotone":
            said = (
                "has no breaking point that these runs agree with: it fails at some level and holds beyond it, so look "
                "at the curve for what else changed"
            )
        case _ if not made["curve"]:
            said = "is undecided: no run gave data"
        case _:
            known = [f"holds at {text['low']}"] if text["low"] else []
            known += [f"fails at {text['high']}"] if text["high"] else []
            said = "is undecided" + (f": it {' and '.join(known)}" if known else "") + f" ({sure} interval)"
            said += "; more runs or longer phases decide it"
    return f"{objective} {said} [{path}]"
