"""A plan that is steered: chance stays that of each call, whatever a live command makes of the run."""

from __future__ import annotations

import dataclasses
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_provider import PlainProvider, ask

from chaosllm.adapters.proxy.workers.journal import Journal
from chaosllm.arrivals import Ramp, Spike, Steps
from chaosllm.faults.error import Error
from chaosllm.faults.reset import ResetFault
from chaosllm.live.steering import Steering, Switch
from chaosllm.plan import GRACE, Plan
from chaosllm.reference import reference
from chaosllm.scenario import Limits, Load, Phase, Role, Rule, Scenario, Upstream
from chaosllm.script import Door, Place
from chaosllm.trigger import Trigger

SEED = 7
STORM = range(100, 200)


def scenario(*rules, load=None, **more):
    """baseline 0-10 s, storm 10-20 s with the rules, recovery 20-30 s; operation i is due at i / 10 s."""
    named = tuple(Rule(f"storm.{i}", *rule) for i, rule in enumerate(rules))
    phases = (
        Phase("baseline", 10, Role.BASELINE),
        Phase("storm", 10, Role.FAULT, named, 10),
        Phase("recovery", 10, Role.RECOVERY, (), 20),
    )
    load = load or Load(10.0, "constant")
    return Scenario("test", phases, (Upstream("openai", "simulator"),), seed=SEED, load=load, **more)


def plan_of(run, steering=None, store=None):
    plan = Plan(run, {"openai": PlainProvider()}, key=b"k", store=store)
    if steering is not None:
        plan.steer(steering)
    return plan


def call(plan, operation, t=None):
    """The decision on the first call of an operation, which comes when it is due if no `t` is said."""
    request = ask(f"hello {reference(operation, SEED)}")
    decision = plan.decide(plan.identify(request), request, t=operation / 10 if t is None else t, now=1e9)
    plan.settle(decision, None, t=0.0)
    return decision


def struck(plan, operations=STORM):
    return {operation for operation in operations if call(plan, operation).script}


def told(run, **changes):
    return Steering(run, **changes)


def switched(run, **switch):
    return told(run, switches={"storm.0": Switch(**switch)})


REFUSE = (Error(status=500), Trigger(share=0.4))


def test_a_plan_that_nobody_touched_decides_as_one_that_was_steered_back():
    """To be steered is to forget nothing: after all is undone, each call meets what it would have met."""
    run = scenario(REFUSE, (Error(status=503), Trigger(every=3)))
    plain, steered_ = plan_of(run), plan_of(run)
    for steering in (told(run, paused=True), told(run, durations=(10, 20, 10)), switched(run, on=False), told(run)):
        steered_.steer(steering)
    for operation in range(90, 210):
        assert call(plain, operation) == call(steered_, operation)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=3))
def test_a_larger_share_strikes_the_same_calls_and_more(shares):
    """The draw belongs to the call: a share only says how far up it reaches."""
    run = scenario(REFUSE)
    found = [struck(plan_of(run, switched(run, share=share))) for share in sorted(shares)]
    assert all(less <= more for less, more in pairwise(found))


def test_all_or_none_are_struck():
    """The ends of the scale are meant."""
    run = scenario(REFUSE)
    assert struck(plan_of(run, switched(run, share=0.0))) == set()
    assert struck(plan_of(run, switched(run, share=1.0))) == {*STORM}


def test_a_share_stands_beside_what_else_the_rule_says():
    """A rule that strikes every third call strikes some of these, and no other, when it is given a share."""
    run = scenario((Error(status=500), Trigger(every=3)))
    every, some = struck(plan_of(run)), struck(plan_of(run, switched(run, share=0.5)))
    assert some < every
    assert len(some) > 5


@pytest.mark.parametrize("paused", [True, False])
def test_what_is_off_counts_nobody(paused):
    """A call is eligible only while its rule is on (law 4): neither a pause nor a switch thins out a share."""
    run = scenario(REFUSE, (Error(status=503), Trigger()))
    plan = plan_of(run, told(run, paused=True) if paused else switched(run, on=False))
    decisions = [call(plan, operation) for operation in STORM]
    assert {decision.phase for decision in decisions} == {"storm"}
    assert {part.rule for decision in decisions for part in decision.applied} == (set() if paused else {"storm.1"})
    plan.steer(told(run))
    assert call(plan, 150, 15.0).applied[0].rule == "storm.0"


def test_no_connection_is_struck_while_it_is_off():
    """What strikes at the door obeys the same switches."""
    run = scenario((ResetFault(at=Place.ACCEPT), Trigger()))
    plan = plan_of(run)
    assert plan.accept("openai", t=15.0, door=Door.LISTENER) is not None
    for steering in (told(run, paused=True), switched(run, on=False)):
        plan.steer(steering)
        assert plan.accept("openai", t=15.0, door=Door.LISTENER) is None
        assert plan.connecting("openai", t=15.0) == ()
    plan.steer(told(run))
    assert plan.connecting("openai", t=15.0) == ("storm.0",)


@pytest.mark.parametrize("how_many", [1, 3])
def test_so_many_faults_are_triggered_over_all_proxies(how_many, tmp_path):
    """Two proxies that count together strike n calls by hand, told once or ten times, and then no more."""
    run = scenario((Error(status=500), Trigger(share=0.0)))
    plans = [plan_of(run, store=Journal(tmp_path / "journal")) for _ in range(2)]
    met = []
    for operation in range(100, 120):
        for plan in plans:
            plan.steer(switched(run, owed=how_many, share=0.0))
        met.append(bool(call(plans[operation % 2], operation).script))
    assert met == [True] * how_many + [False] * (20 - how_many)
    for plan in plans:
        plan.steer(switched(run, owed=how_many + 2, share=0.0))
    assert sum(bool(call(plans[operation % 2], operation).script) for operation in range(120, 140)) == 2


def test_what_strikes_anyway_is_no_trigger_used_up():
    """A call that chance strikes leaves the fault that was asked for to the next one that would have gone free."""
    run = scenario(REFUSE)
    by_chance = struck(plan_of(run))
    free = [one for one in STORM if one not in by_chance]
    assert struck(plan_of(run, switched(run, owed=2))) - by_chance == set(free[:2])


def test_a_triggered_fault_keeps_within_the_limits():
    """A person's hand reaches no further than `max_duration`, a pause and a switch let it."""
    run = scenario((Error(status=500), Trigger(share=0.0)), limits=Limits(max_duration=15.0))
    owed = Switch(share=0.0, owed=9)
    plan = plan_of(run, told(run, switches={"storm.0": owed}))
    assert call(plan, 149).script
    assert not call(plan, 151).script
    assert not call(plan_of(run, told(run, paused=True, switches={"storm.0": owed})), 120).script
    assert not call(plan_of(run, switched(run, share=0.0, owed=9, on=False)), 120).script
    assert not call(plan, 50).script, "nor into a phase that is not its rule's"


# Phases ------------------------------------------------------------------------------------------


def test_an_early_end_moves_later_operations_to_the_next_phase():
    """By when they were due, at once; a call of before keeps its grace, and none is struck long after."""
    run = scenario((Error(status=500), Trigger()))
    plan = plan_of(run, told(run, durations=(10.0, 4.0, 10.0)))
    assert call(plan, 139).script
    assert [(one.phase, one.script) for one in (call(plan, 140), call(plan, 199))] == [("recovery", ())] * 2
    assert call(plan, 138, t=14 + GRACE / 2).script
    assert not call(plan, 137, t=14 + GRACE * 2).script
    assert call(plan, 250).phase == "", "the run is shorter by as much"


def test_a_longer_phase_goes_on_with_its_rules():
    """Operations due in what was the recovery belong to the storm, and are drawn as any others."""
    run = scenario(REFUSE)
    plan = plan_of(run, told(run, durations=(10.0, 20.0, 10.0)))
    assert struck(plan) == struck(plan_of(run))
    late = struck(plan, range(200, 300))
    assert 20 < len(late) < 60
    assert struck(plan, range(300, 500)) == set()
    assert call(plan, 399).phase == "recovery"


def test_counts_go_on_where_a_phase_goes_on_and_begin_with_the_next():
    """`every` counts from the phase's first operation, wherever a command has moved its border."""
    run = scenario((Error(status=500), Trigger(every=4)))
    shorter = plan_of(run, told(run, durations=(5.0, 20.0, 10.0)))
    assert struck(shorter, range(40, 260)) == {*range(53, 250, 4)}


LOADS = [
    Load(10.0, "constant"),
    Load(10.0, "poisson"),
    Load(10.0, "gamma", cv=2.0),
    Load(10.0, "poisson", shape=Ramp(2.0, 20.0, 30.0)),
    Load(10.0, "constant", shape=Ramp(20.0, 0.0, 30.0)),
    Load(10.0, "poisson", shape=Steps(((5.0, 7.0), (20.0, 8.0)))),
    Load(10.0, "constant", shape=Spike(12.0, 50.0, 3.0)),
]


@settings(deadline=None)
@given(st.sampled_from(LOADS), st.tuples(*[st.floats(0.5, 40)] * 3), st.tuples(*[st.floats(0.5, 40)] * 3))
def test_who_was_due_stays_due(load, first, second):
    """However often phases change, who comes before both ends comes when they always would; proxy and driver agree."""
    run = scenario(REFUSE, load=load)
    plan = plan_of(run)
    due = load.due_times(SEED, run.duration)
    driver = run
    for durations in (first, second):
        plan.steer(told(run, durations=durations))
        driver = driver.retimed(durations)  # as the driver does: from what it had, again and again
        now = plan._due
        assert list(now) == list(driver.load.due_times(SEED, driver.duration))
        both = min(bisect_left(due, min(run.duration, driver.duration) - 1e-6), len(due))
        assert list(now[:both]) == pytest.approx(list(due[:both]), abs=1e-9)
        assert all(one < driver.duration for one in now)
        assert [phase.start for phase in driver.phases] == [phase.start for phase in plan.scenario.phases]


def test_a_pause_does_not_reckon_again_who_is_due(monkeypatch):
    """Fifty commands a second must not hold up the streams of a long run."""
    run = scenario(REFUSE)
    plan, asked = plan_of(run), []
    monkeypatch.setattr(Load, "due_times", lambda *given: asked.append(given) or ())
    for paused in (True, False) * 3:
        plan.steer(told(run, paused=paused))
    assert asked == []
    plan.steer(dataclasses.replace(told(run), durations=(10, 11, 10)))
    assert len(asked) == 1
