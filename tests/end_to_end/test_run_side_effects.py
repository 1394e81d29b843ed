"""An agent that begins again after a fault runs its side effect twice, and is told so; one that resumes does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from running import SMALL, run, tiny

pytestmark = pytest.mark.end_to_end

#: Strikes the calls that bring a tool's result, and no other.
FAULT = {"fault": "error", "status": 503, "when": {"share": "60%"}, "match": {"prompt": "receipt"}}
PHASES = [{"name": "baseline", "duration": "1s"}, {"name": "broken", "duration": "1500ms", "rules": [FAULT]}]


def test_a_repeated_side_effect_is_found(tmp_path: Path) -> None:
    """Of two agents under the same faults one repeats its tool; the finding names its calls and no other's."""
    asked = {key: value for key, value in SMALL["target"]["operation"].items() if key != "path"}
    operations = [
        asked | {"name": "mail", "path": "/careless", "side_effects": ["send_email"]},
        asked | {"name": "room", "path": "/careful", "side_effects": ["book_room"]},
    ]
    target = {"operations": operations, "operation": None}
    arguments = tiny(tmp_path, app="agent_app.py", target=target, phases=PHASES, load={"rate": "16/s"})
    _, summary, err = run(*arguments, cwd=tmp_path)
    found = [one for one in summary["findings"] if one["code"] == "duplicate_side_effect"]
    assert [(one["phase"], one["severity"]) for one in found] == [("broken", "critical")], err
    (record,) = (tmp_path / "out").rglob("events.jsonl")
    text = record.read_text()
    events = {event["call"]: event for event in map(json.loads, text.splitlines())}
    assert {one["tool"] for call in found[0]["evidence"] for one in events[call]["effects"]} == {"send_email"}
    met = [event for event in events.values() if event.get("did") == "injected"]
    assert {one["tool"] for event in met for one in event["effects"]} == {"send_email", "book_room"}
    assert "ana@" not in text, "arguments are printed, never kept"
