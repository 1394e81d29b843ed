"""A game day as its record would tell it: two steps, a stop by hand, a page that did not arrive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import rendering_factory as made

from chaosllm.post_mortem import PostMortem, post_mortem

#: UNIX seconds at which the day began: 2026-11-30 09:00 UTC.
T0 = 1_796_029_200.0


def summary(**fields: Any) -> dict[str, Any]:
    """What a step that failed left behind."""
    return made.summary(stopped=None, stop=None, steering=None, commands=[], commands_left_out=0, **fields)


def passed() -> dict[str, Any]:
    """What a step that passed left behind."""
    rows = [dict(row, verdict="pass") for row in made.summary()["objectives"]]
    return summary(verdict="pass", reasons=[], findings=[], objectives=rows)


def step(number: int, name: str, **fields: Any) -> dict[str, Any]:
    """A step that is over."""
    began = T0 + 600 * number
    return {
        "number": number, "name": name, "kind": "scenario", "what": f"../{name}.yaml",
        "hypothesis": "Users get an answer.",
        "expect": {"verdict": "pass", "findings": [], "objectives": [], "summary": "users notice nothing"},
        "status": "done", "approved": {"by": "lead", "via": "console:Ada", "at": began - 1}, "began": began,
        "ended": began + 70, "folder": f"{number}-{name}", "verdict": "pass", "exit": 0, "as_expected": True,
        "differences": [], "error": None, "rollback": [{"check": "/healthz answers 200", "ok": True, "text": ""}],
    } | fields  # fmt: skip


def day(*steps: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """day.json."""
    return {
        "schema": 1, "gameday": "release-1.4", "summary": "Does it hold?", "started": "2026-11-30T09:00:00+00:00",
        "ended": "2026-11-30T09:40:00+00:00", "time_box": 7200.0,
        "roles": [{"role": "lead", "name": "Ada", "does": "approves"}], "stopped": None, "exit": 0,
        "steps": [*steps], "pages": [],
    } | fields  # fmt: skip


def event(seq: int, type_: str, at: float = 0.0, /, **fields: Any) -> dict[str, Any]:
    """A line of log.jsonl; `at` is seconds since the day began."""
    return {"seq": seq, "at": T0 + at, "t": None, "type": type_, "who": "chaosllm", **fields}


def command(
    seq: int, do: str, at: float = 0.0, *, ok: bool = True, t: float | None = None, **fields: Any
) -> dict[str, Any]:
    """The event of a command."""
    told = {"id": str(seq), "do": do, "args": {}, "ok": ok, "result": "it is done", "took": 0.001, **fields}
    return event(seq, "command", at, **{"who": "console:Ada", "t": t, **told})


def write(folder: Path, found: dict[str, Any], events: list[dict[str, Any]], summaries: dict[str, Any]) -> Path:
    """The folder of such a day; `summaries` is step folder -> its summary.json."""
    folder.mkdir(parents=True)
    (folder / "day.json").write_text(json.dumps(found))
    (folder / "log.jsonl").write_text("".join(json.dumps(one) + "\n" for one in events))
    for name, told in summaries.items():
        (folder / name).mkdir()
        (folder / name / "summary.json").write_text(json.dumps(told))
        (folder / name / "report.html").write_text("<!doctype html>")
    return folder


def surprised() -> PostMortem:
    """A step that passed, one that failed, and a stop."""
    stop = {"kind": "command", "text": "enough", "who": "console:Ada", "at": T0 + 1300}
    steps = step(1, "calm"), step(2, "storm")
    events = [command(1, "share", 1210, t=9.0, args={"rule": "storm.0", "share": "60%"}, result="strikes 60%"),
              event(2, "stop", 1300, **stop)]  # fmt: skip
    return post_mortem(day(*steps, stopped=stop), events, {1: passed(), 2: summary()})


def hostile(bad: str) -> PostMortem:
    """The same string in every place that others fill."""
    rows = [{**row, **dict.fromkeys(("title", "advice", "sentence", "phase"), bad)}
            for row in summary()["findings"]]  # fmt: skip
    found = summary(findings=[*rows, {**rows[0], "code": bad, "severity": bad}], reasons=[bad])
    found |= {"hypothesis": bad, "stopped": "command", "stop": {"kind": "command", "text": bad, "who": bad}}
    found["phases"] = {bad: summary()["phases"]["storm"]}
    expect = {"verdict": "pass", "findings": [bad], "objectives": [bad], "summary": bad}
    first = step(1, bad, what=bad, hypothesis=bad, expect=expect, folder=bad, status=bad,
                     approved={"by": bad, "via": bad, "at": 1}, error={"what": bad, "hint": bad},
                     rollback=[{"check": bad, "ok": False, "text": bad}])  # fmt: skip
    other = step(2, bad, differences=[bad], as_expected=False, status="failed")
    stop = {"kind": bad, "text": bad, "who": bad, "at": 1}
    page_ = {"at": 1, "to": bad, "why": bad, "ok": False, "what": bad}
    events = [
        command(1, bad, who=bad, args={bad: bad, "rule": bad}, result=bad),
        command(2, "share", who=bad, ok=False, args={"rule": bad}, result={"what": bad, "hint": bad}),
        event(3, "note", who=bad, text=bad), event(4, "warning", text=bad),
        event(5, "finding", code=bad, severity=bad, phase=bad, title=bad), event(6, "phase", phase=bad),
        event(7, "stop", who=bad, kind=bad, text=bad), event(8, bad, who=bad),
    ]  # fmt: skip
    roles = [{"role": bad, "name": bad, "does": bad}]
    told = day(first, other, gameday=bad, summary=bad, roles=roles, stopped=stop, pages=[page_], damaged=[bad])
    return post_mortem(told, events, {1: found, 2: None})
