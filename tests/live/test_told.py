"""Live commands as a record tells them: in plain words, bounded, whatever the log holds."""

from __future__ import annotations

from typing import Any

import gameday_factory as made
import pytest
from hostile import HOSTILE

from chaosllm.live.told import MOST, asked, by_hand, commands, steers


def test_rows() -> None:
    """What was asked, by whom, when, and what came of it; one that was refused says why."""
    refused = {"what": "there is no rule `storm.9`", "hint": "did you mean `storm.0`?"}
    found, more = commands(
        [
            made.event(1, "say", text="running"),
            made.command(2, "share", t=7.0, args={"rule": "storm.0", "share": 0.6}, result="strikes 60%"),
            made.command(3, "disable", t=8.0, ok=False, args={"rule": "storm.9"}, result=refused),
        ]
    )
    assert more == 0
    assert [(one["t"], one["who"], one["rule"], one["what"], one["result"]) for one in found] == [
        (7.0, "console:Ada", "storm.0", "share storm.0 60%", "strikes 60%"),
        (8.0, "console:Ada", "storm.9", "disable storm.9",
         "refused: there is no rule `storm.9` (did you mean `storm.0`?)"),
    ]  # fmt: skip
    assert [steers(one) for one in found] == [True, False]


@pytest.mark.parametrize(
    ("do", "args", "said"),
    [
        ("extend", {"by": 90, "phase": None}, "extend 1m30s"), ("trigger", {"rule": "a.0", "count": 1}, "trigger a.0"),
        ("trigger", {"rule": "a.0", "count": 3}, "trigger a.0 3"), ("stop", {"text": "enough"}, "stop enough"),
    ],
)  # fmt: skip
def test_as_ctl_spells_it(do: str, args: dict[str, Any], said: str) -> None:
    """A command reads as it would be typed."""
    assert asked(do, args) == said


def test_bounded() -> None:
    """A script in a loop fills no summary: the rest is counted."""
    found, more = commands(made.command(number, "pause") for number in range(MOST + 7))
    assert (len(found), more) == (MOST, 7)


@pytest.mark.parametrize("odd", [None, 3, [], {}, {"what": None}, True, *HOSTILE])
def test_odd_events(odd: Any) -> None:
    """A log that somebody made up gives rows of their kinds."""
    (row,), _ = commands([{"type": "command", "do": odd, "args": odd, "who": odd, "t": odd, "at": odd, "result": odd}])
    assert all(isinstance(row[name], str) for name in ("who", "do", "what", "result"))
    assert row["ok"] is False
    assert all(len(row[name]) < 2000 for name in ("who", "do", "what", "result"))


RULE = {"on": True, "share": None, "owed": 0}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"storm.1": RULE | {"on": False}}, "switched off from the start: storm.1"),
        ({"storm.1": RULE | {"share": 0.4}}, "steered by hand: commands that its log does not hold"),
        (3, "steered by hand: commands that its log does not hold"),
    ],
)
def test_without_a_log(rules: Any, said: str) -> None:
    """meta.json alone tells that a run is other than its scenario; what a plan switched off, nobody steered."""
    assert by_hand({"steering": {"paused": False, "durations": [], "rules": rules}}) == said


def test_notes_steer_nothing() -> None:
    """A run with notes and a stop alone is as its scenario says."""
    rows, _ = commands([made.command(1, "note"), made.command(2, "stop")])
    assert by_hand({"commands": rows, "steering": None}) == ""
    assert by_hand({"commands": [*rows, *commands([made.command(3, "pause")])[0]]}) == "steered by hand: 1 command"
