"""What several runs came to together: the suite's summary.json, from those of its runs.

Laws:
1. PASS takes a verdict of every run: one that failed makes FAIL, one without a verdict INCONCLUSIVE, none at all too.
2. A run that was not begun, could not run or is damaged is counted and named, never left out.
3. Of each class of faults the worst run stands, because an average hides it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from chaosllm.live.stopping import Kind
from chaosllm.score import CLASSES, Score, together

SCHEMA = 1
#: What tells the suite's summary.json from that of a run.
KIND = "suite"

#: How a run stands, in the order in which it is told.
STATES = (
    "failed", "stopped", "not_run", "damaged", "interrupted", "unfinished", "inconclusive", "not_begun", "passed",
)  # fmt: skip
#: Metric of the matrix -> (whether more is better, its unit).
METRICS: Mapping[str, tuple[bool, str]] = {
    "success_rate": (True, "share"),
    "good_fraction": (True, "share"),
    "degradation": (False, "ratio"),
    "retry_amplification": (False, "ratio"),
    "cost_amplification": (False, "ratio"),
    "time_to_recover": (False, "seconds"),
    "score": (True, "points"),
}
_SEVERITIES = ("critical", "major", "minor", "info")
#: What `Ran.stopped` says of a run whose process died, or is still at it: no word of its own (join.Run.stopped).
KILLED = "killed"
#: What ended a run before its time -> how it is counted; the kinds are those of `live.stopping.Stop`.
_STOPPED: dict[str, str] = {
    **dict.fromkeys(get_args(Kind.__value__), "stopped"),
    **dict.fromkeys(("interrupt", "interrupted"), "interrupted"),
    **dict.fromkeys(("crash", "bypass"), "not_run"),
    KILLED: "unfinished",
}


@dataclass(frozen=True, slots=True)
class Ran:
    """A run of the suite: what is known of it, be it nothing but that it was wanted."""

    name: str
    folder: str = ""  # from the suite's folder, with slashes; "" when there is none
    summary: Mapping[str, Any] | None = None  # its summary.json; None when there was nothing to judge
    error: str = ""  # what kept it from running to its end
    damaged: str = ""  # what cannot be read of its folder
    started: str = ""  # ISO 8601
    stopped: str = ""  # meta.json's word for what ended it early, or KILLED
    app: str = ""
    report: bool = False  # whether its folder has a page

    @property
    def state(self) -> str:
        """One of STATES."""
        verdict = str((self.summary or {}).get("verdict"))
        if self.summary is None:
            if self.stopped in _STOPPED and not self.damaged:
                return _STOPPED[self.stopped]
            return "damaged" if self.damaged else "not_run" if self.error or self.folder else "not_begun"
        if self.stopped in _STOPPED:
            return _STOPPED[self.stopped]
        if self.error:
            return "not_run"
        if self.damaged and verdict != "fail":  # a finding rests on its own evidence; a PASS rests on all of it
            return "damaged"
        return {"pass": "passed", "fail": "failed"}.get(verdict, "inconclusive")

    @property
    def counts(self) -> bool:
        """Whether its numbers may stand for the app: all of its records are there, and it ran to its end."""
        return self.summary is not None and self.state not in ("not_run", "damaged")


def outcome(name: str, runs: Sequence[Ran]) -> dict[str, Any]:
    """The suite's summary.json."""
    counts = {state: sum(one.state == state for one in runs) for state in STATES}
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "suite": name,
        "verdict": _verdict(runs),
        "counts": {"runs": len(runs), **counts},
        "started": min((one.started for one in runs if one.started), default=""),
        "seconds": round(sum(_seconds(one) for one in runs), 3),
        "apps": sorted({one.app for one in runs if one.app}),
        "score": scored([one.summary if one.counts else None for one in runs]).to_json(),
        "findings": findings(runs),
        "matrix": matrix([one for one in runs if one.counts]),
        "coverage": coverage([one for one in runs if one.counts]),
        "runs": [_row(one) for one in runs],
    }


def _verdict(runs: Sequence[Ran]) -> str:
    if any(str((one.summary or {}).get("verdict")) == "fail" for one in runs):
        return "fail"
    return "pass" if runs and all(one.state == "passed" for one in runs) else "inconclusive"


def scored(summaries: Sequence[Mapping[str, Any] | None]) -> Score:
    """The score of all together; None is a run without a result, which costs the grade.

    A run that planned no fault has nothing to score and costs nothing.
    """
    parts: list[Mapping[str, Any]] = []
    for summary in summaries:
        rows = None if summary is None else summary.get("injection")
        calm = rows is not None and not any(_whole(row.get("planned")) for row in _rows(rows))
        if summary is None or not calm or summary.get("verdict") not in ("pass", "fail"):
            parts.append({"why": "not run"} if summary is None else _object(summary.get("score")))
    return together(parts)


def _row(one: Ran) -> dict[str, Any]:
    summary = one.summary or {}
    found = [row for row in _rows(summary.get("findings")) if not _holds(row)]
    reasons = [str(line) for line in _list(summary.get("reasons"))]
    why = [f"damaged: {one.damaged}"] if one.damaged else []
    why += [one.error] if one.error else []
    why += reasons if one.state != "passed" else []
    return {
        "name": one.name,
        "folder": one.folder,
        "report": one.report,
        "state": one.state,
        "verdict": summary.get("verdict"),
        "why": list(dict.fromkeys(why)),
        "error": one.error,
        "started": one.started,
        "seconds": round(_seconds(one), 3) if one.summary else None,
        "seed": summary.get("seed"),
        "classes": list(_object(_object(summary.get("score")).get("classes"))) if one.counts else [],
        "score": _float(_object(summary.get("score")).get("minimum")) if one.counts else None,
        "findings": {word: sum(row.get("severity") == word for row in found) for word in _SEVERITIES},
    }


def _seconds(one: Ran) -> float:
    phases = _object((one.summary or {}).get("phases")).values()
    return sum(_float(_object(phase).get("seconds")) or 0.0 for phase in phases)


# Findings ------------------------------------------------------------------------------------------------------


def findings(runs: Sequence[Ran]) -> list[dict[str, Any]]:
    """One of each kind, the worst first, with the runs that saw it; words are those of the run that saw it most."""
    seen: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    for one in runs:
        for row in _rows((one.summary or {}).get("findings")):
            seen.setdefault(str(row.get("code")), []).append((one.name, row))
    made = [_together(code, rows) for code, rows in seen.items()]
    return sorted(made, key=lambda row: (row["accepted"], _rank(row), -row["count"], row["code"]))


def _together(code: str, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    def order(pair: tuple[str, Mapping[str, Any]]) -> tuple[bool, int, float]:
        return _holds(pair[1]), _rank(pair[1]), -(_whole(pair[1].get("count")) or 0)

    ordered = sorted(rows, key=order)
    name, worst = ordered[0]
    of = [_whole(row.get("of")) for _, row in rows]
    return {
        "code": code,
        "severity": str(worst.get("severity")),
        "title": str(worst.get("title") or code),
        "count": sum(_whole(row.get("count")) or 0 for _, row in rows),
        "of": None if None in of else sum(number or 0 for number in of),
        "accepted": all(_holds(row) for _, row in rows),
        "sentence": str(worst.get("sentence") or ""),
        "in": name,
        "advice": str(worst.get("advice") or ""),
        "docs": str(worst.get("docs") or ""),
        "runs": [
            {
                "name": one, "phase": row.get("phase"), "severity": str(row.get("severity")),
                "count": _whole(row.get("count")), "of": _whole(row.get("of")),
            }
            for one, row in ordered
        ],
    }  # fmt: skip


def _rank(row: Mapping[str, Any]) -> int:
    severity = str(row.get("severity"))
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _holds(row: Mapping[str, Any]) -> bool:
    accepted = _object(row.get("accepted"))
    return bool(accepted) and not accepted.get("expired")


# Classes of faults ---------------------------------------------------------------------------------------------


def matrix(runs: Sequence[Ran]) -> list[dict[str, Any]]:
    """A row for each class that was injected; of each metric the value of its worst run, and which that is."""
    rows = []
    for name in CLASSES:
        cells: dict[str, dict[str, Any] | None] = {}
        for metric in METRICS:
            found = [(_goodness(metric, cell), cell) for one in runs for cell in _cells(one, name, metric)]
            cells[metric] = min(found, key=lambda pair: pair[0])[1] if found else None
        if any(_phases(one, name) for one in runs):
            rows.append({"class": name, "cells": cells})
    return rows


def _goodness(metric: str, cell: Mapping[str, Any]) -> float:
    """Lower is worse; an app that did not come back is worse than any that did."""
    value = cell["value"]
    if value is None:
        return float("-inf")
    return float(value) if METRICS[metric][0] else -float(value)


def _cells(one: Ran, name: str, metric: str) -> Iterator[dict[str, Any]]:
    phases, summary = _phases(one, name), one.summary or {}
    if metric == "score":
        row = _object(_object(_object(summary.get("score")).get("classes")).get(name))
        if (value := _float(row.get("value"))) is not None:
            yield _cell(one, "", value, row)
    elif metric == "time_to_recover":
        # of the last fault phase alone, because only that one has nothing but recovery after it
        if not phases or phases[-1] != _last(summary):
            return
        value, why = _float(summary.get(metric)), str(summary.get("time_to_recover_why") or "")
        if value is not None or why.startswith("not recovered"):  # the metric's own words, held by a test
            yield _cell(one, phases[-1], value, {}) | ({"why": why} if value is None else {})
    else:
        for phase in phases:
            row = _object(_object(_object(_object(summary.get("phases")).get(phase)).get("metrics")).get(metric))
            if (value := _float(row.get("value"))) is not None:
                yield _cell(one, phase, value, row)


def _cell(one: Ran, phase: str, value: float | None, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "value": value, "low": _float(row.get("low")), "high": _float(row.get("high")), "run": one.name, "phase": phase,
    }  # fmt: skip


def _phases(one: Ran, name: str) -> list[str]:
    """The fault phases of a run in which a fault of this class was delivered, in order."""
    summary = one.summary or {}
    hit = {
        str(row.get("phase"))
        for row in _rows(summary.get("injection"))
        if row.get("fault") in CLASSES[name] and (_whole(row.get("delivered")) or 0) > 0
    }
    return [phase for phase in _object(summary.get("phases")) if phase in hit]


def _last(summary: Mapping[str, Any]) -> str:
    roles = {phase: _object(row).get("role") for phase, row in _object(summary.get("phases")).items()}
    return next((phase for phase in reversed(roles) if roles[phase] == "fault"), "")


def coverage(runs: Sequence[Ran]) -> list[dict[str, Any]]:
    """For each of the classes the runs that tested it, and those that tried and hardly met it."""
    rows = []
    for name, faults in CLASSES.items():
        tested = [one.name for one in runs if name in _object(_object((one.summary or {}).get("score")).get("classes"))]
        tried = [
            one.name
            for one in runs
            if one.name not in tested
            and any(row.get("fault") in faults for row in _rows((one.summary or {}).get("injection")))
        ]
        rows.append({"class": name, "faults": list(faults), "tested_by": tested, "hardly_met_by": tried})
    return rows


# A summary.json is somebody's file: what is not of its kind counts as not there ---------------------------------


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _rows(value: object) -> list[Mapping[str, Any]]:
    return [row for row in _list(value) if isinstance(row, Mapping)]


def _float(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if known else None  # type: ignore[arg-type]  # known to be a number


def _whole(value: object) -> int | None:
    found = _float(value)
    return None if found is None else int(found)
