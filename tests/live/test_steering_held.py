"""A phase that is held has no clock: its rules are on, others' are not, and nothing of it can be made longer."""

from __future__ import annotations

import pytest
import run_factory as made

from chaosllm.errors import ChaosError
from chaosllm.live.commands import Command
from chaosllm.live.steering import Steering

HELD = Steering(made.scenario(), hold="storm")
#: A second at which every phase of the scenario is over by the clock.
LATE = 1e6


def test_a_held_rule_can_be_triggered_however_late_it_is() -> None:
    """The clock says that the phase is over, and it is not."""
    now, text = HELD.take(Command("trigger", rule="storm.0"), LATE)
    assert now.switch("storm.0").owed == 1 and now.hold == "storm"
    assert "over" not in text


def test_a_rule_of_another_phase_cannot() -> None:
    """It would strike nothing, so it is refused, and switching it says so."""
    other = Steering(made.scenario(), hold="baseline")
    with pytest.raises(ChaosError, match="belongs to the phase storm, and baseline is held"):
        other.take(Command("trigger", rule="storm.0"), LATE)
    assert "not the one that is held" in other.take(Command("disable", rule="storm.0"), LATE)[1]


@pytest.mark.parametrize("command", [Command("extend", by=3.0), Command("end"), Command("end", phase="storm")])
def test_its_length_cannot_be_changed(command: Command) -> None:
    """There is none."""
    with pytest.raises(ChaosError, match="the phase storm is held, by no clock"):
        HELD.take(command, 0.0)
