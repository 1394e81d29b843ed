"""`chaosllm run` on users who come back: turns that carry what answers held, and steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import run, tiny

pytestmark = pytest.mark.end_to_end

CHAT = {
    "name": "chat",
    "weight": 2,
    "turns": 3,
    "think": "200ms",
    "take": {"before": "$.answer"},
    "path": "/chat",
    "json": {"message": "{prompt}", "before": "{before}"},
    "answer": "$.answer",
}
BUY = {
    "name": "buy",
    "steps": [
        {"name": "login", "path": "/login", "json": {"message": "{prompt}"}, "take": {"token": "$.answer"}},
        {"name": "pay", "path": "/pay", "json": {"message": "{prompt}", "token": "{token}"}, "answer": "$.answer"},
    ],
}


def test_sessions_are_driven_faulted_and_judged(tmp_path: Path) -> None:
    """Every step is an operation with its call; a rule strikes the step that it names, and users go on as they can."""
    rule = {"fault": "error", "status": 500, "when": {"share": "50%"}, "match": {"operation": ["chat", "buy.login"]}}
    phases = [
        {"name": "baseline", "duration": "3s"},
        {"name": "broken", "duration": "3s", "rules": [rule]},
        {"name": "recovery", "duration": "2s"},
    ]
    args = tiny(tmp_path, target={"operation": None, "operations": [CHAT, BUY]}, phases=phases)
    code, summary, err = run(*args, cwd=tmp_path)
    assert code in (0, 4), err
    assert summary["match_rate"] == 1.0
    (struck,) = summary["injection"]
    assert struck["planned"] == struck["fired"] == struck["delivered"] > 20
    broken = summary["phases"]["broken"]
    told = broken["by_operation"]
    assert list(told) == ["chat", "buy.login", "buy.pay"]
    assert all(part["attempts"] == part["operations"] for part in told.values())
    errors = {name: phase["outcomes"]["error"] for name, phase in summary["phases"].items()}
    assert sum(errors.values()) == struck["delivered"], "each fault fails its own step, and nothing else fails"
    assert errors["broken"] > errors["baseline"] + errors["recovery"], "some are due before, and meet it late"
    assert 0.3 < told["chat"]["success_rate"]["value"] < 0.7
    assert told["buy.pay"]["success_rate"]["value"] == 1.0
    assert told["buy.pay"]["operations"] < told["buy.login"]["operations"], "who was not let in does not pay"
    assert broken["effective_n"] <= broken["operations"]
    failed = {check["name"] for check in summary["validity"] if not check["ok"]}
    assert not failed & {"samples", "match rate", "one run", "share of broken.0"}, failed
    meta = json.loads((tmp_path / "out" / "meta.json").read_text())
    assert meta["driver"]["sessions_cut_short"] > 0
    assert [one["name"] for one in meta["preflight"]["operations"]] == ["chat", "buy.login", "buy.pay"]
    assert meta["failures"] == []
