"""The plan's part in connection faults: chance by connection or by second, providers, windows, held phases."""

import pytest

from chaosllm.distribution import Fixed
from chaosllm.faults.connection import ConnectionFault
from chaosllm.faults.reset import ResetFault
from chaosllm.plan import Plan
from chaosllm.registry import members
from chaosllm.scenario import Match, Phase, Role, Rule, Scenario, Target, Upstream
from chaosllm.script import Door, Place, Reset, Unreachable
from chaosllm.trigger import Burst, Correlated, Outage, Stretch, Trace, Trigger, Window

UPSTREAMS = (Upstream("openai", "simulator"), Upstream("anthropic", "simulator"))
REFUSED, RESET = ConnectionFault(kind="refused"), ResetFault(at=Place.ACCEPT)


def plan_of(*rules, hold=None):
    made = tuple(Rule(f"storm.{number}", fault, when, match) for number, (fault, when, match) in enumerate(rules))
    phases = (Phase("calm", 10, Role.BASELINE, (), 0.0), Phase("storm", 100, Role.FAULT, made, 10.0))
    scenario = Scenario("s", upstreams=UPSTREAMS, phases=phases, target=Target(), seed=7)
    return Plan(scenario, dict(members("providers")), key=b"k" * 16, hold=hold)


def fired(decision):
    return bool(decision.script)


def test_a_port_is_decided_by_the_second():
    """The same seed closes it in the same seconds, whoever asks and however often."""
    plan, again = (plan_of((REFUSED, Trigger(share=0.5), Match())) for _ in range(2))
    ask = [plan.accept("openai", t=10 + n + 0.3, door=Door.PORT, number=n) for n in range(100)]
    assert 30 < sum(map(fired, ask)) < 70
    assert [fired(again.accept("openai", t=10 + n, door=Door.PORT, number=n)) for n in range(100)] == [*map(fired, ask)]
    assert {one.script for one in ask} == {(), (Unreachable("refused"),)}
    assert all(one.applied[0].planned == fired(one) == bool(one.applied[0].steps) for one in ask)
    other = [fired(plan.accept("anthropic", t=10.5 + n, door=Door.PORT, number=n)) for n in range(100)]
    assert other != [*map(fired, ask)]  # each port has seconds of its own


def test_first_and_every_count_connections():
    """`first: 2` strikes two connections, not all; `every: 3` each third."""
    first = plan_of((RESET, Trigger(first=2), Match()))
    assert [fired(first.accept("openai", t=15.0)) for _ in range(4)] == [True, True, False, False]
    every = plan_of((RESET, Trigger(every=3), Match()))
    assert [fired(every.accept("openai", t=15.0, door=Door.TUNNEL)) for _ in range(6)] == [False, False, True] * 2


def test_each_phase_counts_its_own_connections():
    """`first: 1` strikes the first connection of the second storm too; every connection keeps a name of its own."""
    rules = (Rule("a.0", RESET, Trigger(first=1)),), (Rule("b.0", RESET, Trigger(first=1)),)
    phases = (Phase("a", 10, Role.FAULT, rules[0], 0.0), Phase("b", 10, Role.FAULT, rules[1], 10.0))
    scenario = Scenario("s", upstreams=UPSTREAMS, phases=phases, target=Target(), seed=7)
    plan = Plan(scenario, dict(members("providers")), key=b"k" * 16)
    found = [plan.accept("openai", t=t) for t in (1.0, 2.0, 11.0, 12.0)]
    assert [*map(fired, found)] == [True, False, True, False]
    assert len({decision.call.id for decision in found}) == 4


def test_a_rule_may_name_providers():
    """By globs, as for calls; another provider's connection is not even eligible."""
    plan = plan_of((RESET, Trigger(), Match(provider=("anthro*",))))
    assert plan.accept("openai", t=15.0) is None
    assert plan.accept("anthropic", t=15.0).script == (Reset(Place.ACCEPT),)
    assert (plan.connecting("openai", t=15.0), plan.connecting("anthropic", t=15.0)) == ((), ("storm.0",))


def test_a_door_at_which_no_rule_can_strike_is_not_eligible():
    """Refused is no matter of accepted connections, nor a reset one of ports."""
    plan = plan_of((REFUSED, Trigger(), Match()), (RESET, Trigger(), Match()))
    assert [part.rule for part in plan.accept("openai", t=15.0).applied] == ["storm.1"]
    assert [part.rule for part in plan.accept("openai", t=15.0, door=Door.PORT, number=5).applied] == ["storm.0"]
    assert [part.rule for part in plan.accept("openai", t=15.0, door=Door.TUNNEL).applied] == ["storm.0"]


@pytest.mark.parametrize("hold", [None, "storm"])
def test_windows_and_seconds_count_from_the_phase(hold):
    """Of a held phase from the run's start."""
    plan = plan_of((REFUSED, Trigger(window=Window(20.0, 30.0)), Match()), hold=hold)
    start = 0.0 if hold else 10.0
    assert [plan.connecting("openai", t=start + t) for t in (19.0, 20.0, 30.0)] == [(), ("storm.0",), ()]
    assert plan.second(start + 20.5) == 20
    assert fired(plan.accept("openai", t=start + 25.0, door=Door.PORT, number=25))
    assert not fired(plan.accept("openai", t=start + 35.0, door=Door.PORT, number=35))


@pytest.mark.parametrize("hold", [None, "storm"])
@pytest.mark.parametrize(
    ("when", "on"),
    [
        (Trigger(burst=Burst(20.0, 2.5)), [(0.0, 2.5), (20.0, 22.5)]),
        (Trigger(outage=Outage(Fixed(8.0), Fixed(4.0)), share=0.5), [(8.0, 12.0), (20.0, 24.0)]),
        (Trigger(trace=Trace(None, (Stretch(3.0, 5.0),))), [(3.0, 5.0)]),
        (Trigger(correlated=Correlated("storm.1", delay=1.0)), [(7.0, 10.0)]),
    ],
    ids=["burst", "outage", "trace", "correlated"],
)
def test_ports_close_and_open_with_every_clock(hold, when, on):
    """A rule is said to be on while its clock is, that of its leader included; not in a burst's pause."""
    plan = plan_of(
        (REFUSED, when, Match()), (RESET, Trigger(window=Window(6.0, 9.0)), Match(provider=("none",))), hold=hold
    )
    start = 0.0 if hold else 10.0
    for tenth in range(250):
        t = tenth / 10 + 0.05
        said = plan.connecting("openai", t=start + t)
        assert said == (("storm.0",) if any(begin <= t < end for begin, end in on) else ()), t
        if not said:
            assert not fired(plan.accept("openai", t=start + t, door=Door.PORT, number=int(t)))


def test_nothing_is_struck_before_the_start_outside_the_phase_or_when_clean():
    """And no rule is said to be on."""
    plan = plan_of((RESET, Trigger(), Match()))
    for t in (None, 5.0, 200.0):
        assert plan.accept("openai", t=t) is None
        assert plan.connecting("openai", t=t) == ()
    plan.injecting = False
    assert plan.accept("openai", t=15.0) is None
    assert plan.connecting("openai", t=15.0) == ()
