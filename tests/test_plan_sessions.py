"""What happens to the calls of users who ask several times in a row."""

import dataclasses
import random

from plain_provider import PlainProvider
from test_plan import REFUSE, call, scenario

from chaosllm.faults.error import Error
from chaosllm.plan import Plan
from chaosllm.scenario import Operation, Session
from chaosllm.trigger import Trigger


def talks(*rules):
    """A plan of the scenario whose users ask three times each."""
    of = scenario(*rules)
    sessions = (Session((0, 0, 0)),)
    return Plan(
        dataclasses.replace(of, target=dataclasses.replace(of.target, operations=(Operation(),), sessions=sessions)),
        {"openai": PlainProvider()},
        key=b"k",
    )


def test_of_a_session_the_first_step_is_due_and_the_others_follow_the_clock():
    """Who came in the baseline meets the storm's faults in a later turn, and none once it is over."""
    plan = talks((Error(status=500),))
    assert call(plan, 3 * 99, t=10.2).script == ()  # due in the baseline, asked in the storm
    assert call(plan, 3 * 99 + 1, t=10.4).script != ()
    assert call(plan, 3 * 150 + 2, t=19.9).script != ()
    assert call(plan, 3 * 150 + 2, t=20.1).script == ()


def test_chance_breaks_the_same_steps_in_any_order():
    """A share hangs on the operation alone, also in sessions; the rounds in which they come do not matter."""
    operations = [3 * user + step for user in range(100, 200) for step in range(3)]

    def broken(order):
        plan = talks(REFUSE)
        return {operation for operation in order if call(plan, operation, t=15.0).script}

    shuffled = operations[:]
    random.Random(1).shuffle(shuffled)
    assert broken(operations) == broken(shuffled)
    assert 80 < len(broken(operations)) < 160


def test_a_count_of_the_phase_counts_steps_as_they_come():
    """`first: 2, of: phase` strikes two operations of a phase whoever asks them."""
    plan = talks((Error(status=500), Trigger(first=2, of="phase")))
    order = [3 * 160 + 1, 3 * 150, 3 * 150 + 1, 3 * 170]
    assert [bool(call(plan, operation, t=15.0).script) for operation in order] == [True, True, False, False]
