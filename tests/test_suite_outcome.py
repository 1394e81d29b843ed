"""What several runs came to together: verdict, counts, findings, worst of each class, coverage."""

from __future__ import annotations

from typing import Any

import pytest

from chaosllm.score import CLASSES
from chaosllm.suite_outcome import METRICS, Ran, coverage, findings, matrix, outcome, scored


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.1, "high": value + 0.1, "n": 100}


def summary(verdict: str = "pass", fault: str = "quota", good: float = 0.9, **fields: Any) -> dict[str, Any]:
    name = next(name for name, faults in CLASSES.items() if fault in faults)
    return {
        "verdict": verdict,
        "reasons": [] if verdict == "pass" else ["because"],
        "phases": {
            "before": {"role": "baseline", "seconds": 5.0, "metrics": {"success_rate": estimate(0.1)}},
            "on": {"role": "fault", "seconds": 10.0, "metrics": {"success_rate": estimate(good)}},
            "after": {"role": "recovery", "seconds": 5.0, "metrics": {}},
        },
        "injection": [{"rule": "on.0", "fault": fault, "phase": "on", "planned": 9, "delivered": 9}],
        "score": {"classes": {name: {"value": 100 * good, "low": 1.0, "high": 100.0}}, "why": "", "grade": "A"},
        "time_to_recover": 2.0,
        "time_to_recover_why": "",
        "findings": [],
        **fields,
    }


def finding(code: str = "hang", severity: str = "critical", count: int = 3, **fields: Any) -> dict[str, Any]:
    return {"code": code, "severity": severity, "count": count, "of": 10, "phase": "on", "title": code, **fields}


def run(name: str = "a", verdict: str = "pass", **fields: Any) -> Ran:
    return Ran(name, name, summary(verdict, **fields), report=True)


@pytest.mark.parametrize(
    ("runs", "verdict"),
    [
        ([], "inconclusive"),
        ([run()], "pass"),
        ([run(), run("b", "fail")], "fail"),
        ([run(), run("b", "inconclusive")], "inconclusive"),
        ([run(), Ran("b")], "inconclusive"),
        ([run(), Ran("b", error="no such file")], "inconclusive"),
        ([run("b", "fail"), Ran("c")], "fail"),
        ([Ran("a", "a", summary(), damaged="no events.jsonl")], "inconclusive"),
        ([Ran("a", "a", summary(), stopped="interrupted")], "inconclusive"),
        ([Ran("a", "a", {})], "inconclusive"),
    ],
)
def test_pass_takes_all(runs: list[Ran], verdict: str) -> None:
    """Only runs that all passed, and of which there is one, make a PASS."""
    found = outcome("s", runs)
    assert found["verdict"] == verdict
    assert found["counts"]["runs"] == len(runs) == sum(found["counts"].values()) - found["counts"]["runs"]


@pytest.mark.parametrize(
    ("one", "state"),
    [
        (Ran("a"), "not_begun"),
        (Ran("a", error="gone"), "not_run"),
        (Ran("a", "a"), "not_run"),
        (Ran("a", "a", damaged="its meta.json is no JSON"), "damaged"),
        (Ran("a", "a", summary("fail"), damaged="no samples.npz"), "failed"),
        (Ran("a", "a", summary(), damaged="no samples.npz"), "damaged"),
        (Ran("a", "a", summary(), stopped="stop_when"), "stopped"),
        (Ran("a", "a", summary(), stopped="lever"), "stopped"),
        (Ran("a", "a", summary(), stopped="dead_man"), "stopped"),
        (Ran("a", "a", summary(), stopped="crash"), "not_run"),
        (Ran("a", "a", summary("made up")), "inconclusive"),
    ],
)
def test_state(one: Ran, state: str) -> None:
    """How a run stands follows from what there is of it; damage spoils a PASS, and no FAIL."""
    assert one.state == state


def test_the_worst_run_of_a_class_stands() -> None:
    """Each cell is the worst fault phase of any run with that class, and says which run; other phases never count."""
    (row,) = matrix([run("a", good=0.9), run("b", good=0.4), run("c", good=0.7)])
    assert (row["class"], row["cells"]["success_rate"]["run"]) == ("quota", "b")
    assert (row["cells"]["success_rate"]["value"], row["cells"]["score"]["value"]) == (0.4, 40.0)
    assert row["cells"].keys() == METRICS.keys()
    assert row["cells"]["degradation"] is None


def test_not_coming_back_is_the_worst() -> None:
    """A run that did not recover is worse than the slowest that did, and one that could not tell is left out."""
    stuck = run("stuck", time_to_recover=None, time_to_recover_why="not recovered within the 5s of after")
    untold = run("untold", time_to_recover=None, time_to_recover_why="there is no recovery phase")
    (row,) = matrix([run("slow", time_to_recover=99.0), stuck, untold])
    assert row["cells"]["time_to_recover"]["run"] == "stuck"
    (row,) = matrix([untold])
    assert row["cells"]["time_to_recover"] is None


def test_findings_of_all_runs() -> None:
    """A kind of finding stands once, with the users of all runs; the gravest first, the accepted last."""
    known = {"owner": "ana", "until": "2099-01-01", "reason": "x", "expired": False}
    runs = [
        run("a", findings=[finding(count=2), finding("no_retry", "major", 9)]),
        run("b", findings=[finding(count=5), finding("stack_trace", accepted=known)]),
    ]
    found = findings(runs)
    assert [row["code"] for row in found] == ["hang", "no_retry", "stack_trace"]
    assert (found[0]["count"], found[0]["of"], [row["name"] for row in found[0]["runs"]]) == (7, 20, ["b", "a"])


def test_coverage() -> None:
    """Every class is there; a run that hardly met a class has not tested it, and a damaged one neither."""
    hardly = run("hardly", fault="hang")
    hardly.summary["score"]["classes"] = {}  # type: ignore[index]  # made above
    rows = {row["class"]: row for row in coverage([run("a"), hardly])}
    assert rows.keys() == CLASSES.keys()
    assert rows["quota"]["tested_by"] == ["a"]
    assert (rows["hangs"]["tested_by"], rows["hangs"]["hardly_met_by"]) == ([], ["hardly"])
    found = outcome("s", [Ran("a", "a", summary(), damaged="no events.jsonl")])
    assert not any(row["tested_by"] for row in found["coverage"])


def test_a_calm_run_costs_no_grade() -> None:
    """A run that planned no fault has no score to give; one without a result costs the grade."""
    calm = summary(injection=[], score={"classes": {}, "why": "no fault was met often enough"})
    assert scored([summary(good=0.99), calm]).grade == "A"
    assert not scored([summary(good=0.99), None]).grade
