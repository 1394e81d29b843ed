"""A rule that was switched off all the time was no part of the run; a run without any other proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
import run_factory as made

from chaosllm.faults.error import MEMBER as Error
from chaosllm.scenario import Rule
from chaosllm.validity import Check, check
from chaosllm.verdict import judge

BOTH = made.scenario(rules=[*made.scenario().rules, Rule("storm.1", Error())])
#: Of the storm, which lasts from 25 s to 45 s.
BEFORE, WITHIN, AFTER = 10.0, 30.0, 50.0


def injection(rule: str, meta: dict[str, Any], *, struck: bool = True) -> Check:
    run = made.run(made.hit if struck else made.calm, BOTH, meta=meta)
    return next(one for one in check(run) if one.name == f"injection of {rule}")


def off(*turned: tuple[float, str], on: bool = False) -> dict[str, Any]:
    """What the record says of storm.1, which ended as `on` says, and was turned by hand at those seconds."""
    rows = [{"t": t, "do": do, "rule": "storm.1", "ok": True} for t, do in turned]
    rules = {"storm.1": {"on": on, "share": None, "owed": 0}}
    return {"steering": {"paused": False, "durations": [], "rules": rules}, "commands": rows}


@pytest.mark.parametrize(
    "meta",
    [off(), off((BEFORE, "disable")), off((AFTER, "enable"), on=True), off((AFTER, "enable"), (AFTER + 1, "disable"))],
)
def test_off_throughout(meta: dict[str, Any]) -> None:
    """By the plan or by hand: it says so, and the other rule of the phase carries the verdict."""
    found = injection("storm.1", meta)
    assert (found.ok, found.what) == (True, "storm.1 (error): switched off throughout")


@pytest.mark.parametrize(
    "meta", [{}, off(on=True), off((WITHIN, "disable")), off((AFTER, "disable")), {"steering": "x"},
             {"steering": {"rules": {"storm.1": 3}}}],
)  # fmt: skip
def test_on_for_a_while(meta: dict[str, Any]) -> None:
    """A rule that was on, and met no call, still spoils the run."""
    found = injection("storm.1", meta)
    assert not found.ok
    assert "no call matched it" in found.what


def test_all_of_a_phase_off() -> None:
    """With nothing injected nothing is proved, and it says how to switch it on."""
    rules = {name: {"on": False, "share": None, "owed": 0} for name in ("storm.0", "storm.1")}
    run = made.run(made.calm, BOTH, meta={"steering": {"paused": False, "durations": [], "rules": rules}},
                   change=lambda _, events: [event.rules.clear() for event in events] and None)  # fmt: skip
    found = [one for one in check(run) if one.name.startswith("injection of")]
    assert [one.ok for one in found] == [False, False]
    assert all("switched off throughout, and no other rule of its phase struck" in one.what for one in found)
    assert "chaosllm ctl enable storm.0" in found[0].hint


def paused(*turned: tuple[float, str], rule: str | None = None) -> dict[str, Any]:
    """What the record says of a run in which injection, or a rule, was held back and let go at those seconds."""
    rows = [{"t": t, "do": do, "rule": rule, "ok": True} for t, do in turned]
    return {"steering": {"paused": False, "durations": [], "rules": {}}, "commands": rows}


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        (paused((BEFORE, "pause")), "injection was paused for all of storm"),
        (paused((BEFORE, "pause"), (AFTER, "resume")), "injection was paused for all of storm"),
        (paused((25.4, "pause"), (AFTER, "resume")), "injection was paused for all of storm"),
        (paused((WITHIN, "pause")),
         "injection was paused for 15s of the 20s of storm, and no call matched it in the rest"),
        (paused((BEFORE, "pause"), (WITHIN, "resume"), (40.0, "pause")),
         "injection was paused for 10s of the 20s of storm, and no call matched it in the rest"),
        (paused((WITHIN, "enable"), rule="storm.0"),
         "it was switched off for 5s of the 20s of storm, and no call matched it in the rest"),
        (paused((WITHIN, "disable"), rule="storm.1"), "no call matched it"),
        (paused((AFTER, "pause")), "no call matched it"),
    ],
)  # fmt: skip
def test_a_phase_in_which_injection_was_paused(meta: dict[str, Any], said: str) -> None:
    """The run shows nothing, and the reason is what was done by hand and no fault of `match`."""
    run = made.run(made.calm, meta=meta, change=lambda _, events: [event.rules.clear() for event in events] and None)
    found = next(one for one in check(run) if one.name == "injection of storm.0")
    assert (found.ok, found.what) == (False, f"storm.0 (rate_limit): nothing was injected, {said}")
    assert ("held back test nothing" in found.hint) is (said != "no call matched it")
    assert judge(run)["verdict"] == "inconclusive"
