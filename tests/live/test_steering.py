"""What live commands make of a run: what each does, what is refused, and that the past stays as it was."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.distribution import Fixed
from chaosllm.errors import ChaosError
from chaosllm.faults.error import Error
from chaosllm.faults.latency import Latency
from chaosllm.faults.rate_limit import Buckets, RateLimit
from chaosllm.faults.reset import ResetFault
from chaosllm.live.commands import Command, read_command
from chaosllm.live.steering import LEAD, Steering, Switch, can_share, can_trigger, capped, chosen, steered
from chaosllm.scenario import Limits, Phase, Role, Rule, Scenario, Upstream
from chaosllm.script import Place
from chaosllm.trigger import Ramp, Trigger

RULES = (
    Rule("storm.0", Error(status=500), Trigger(share=0.4)),
    Rule("storm.1", Latency(first_token=Fixed(1.0)), Trigger(every=3)),
    Rule("storm.2", RateLimit(buckets=Buckets(rpm=60))),
    Rule("storm.3", ResetFault(at=Place.ACCEPT), Trigger(share=0.1)),
)
#: baseline 0-10 s, storm 10-30 s, recovery 30-40 s
RUN = Scenario(
    "day",
    (
        Phase("baseline", 10, Role.BASELINE),
        Phase("storm", 20, Role.FAULT, RULES, 10),
        Phase("recovery", 10, Role.RECOVERY, (), 30),
    ),
    (Upstream("openai", "simulator"),),
)
BOUND = dataclasses.replace(RUN, limits=Limits(max_duration=60.0))


def steer(*commands: tuple[float, dict[str, Any]], run: Scenario = RUN) -> tuple[Steering, str]:
    """The run after the commands, each at its second, and what was said of the last."""
    steering, text = Steering(run), ""
    for t, said in commands:
        steering, text = steering.take(read_command(said), t)
    return steering, text


def lengths(steering: Steering) -> list[float]:
    return [phase.duration for phase in steering.timed.phases]


PAUSE, RESUME = {"do": "pause"}, {"do": "resume"}
OFF, ON = {"do": "disable", "rule": "storm.0"}, {"do": "enable", "rule": "storm.0"}


def share(of: Any, rule: str = "storm.0") -> dict[str, Any]:
    return {"do": "share", "rule": rule, "share": of}


def trigger(count: int = 1, rule: str = "storm.0") -> dict[str, Any]:
    return {"do": "trigger", "rule": rule, "count": count}


def extend(by: str, phase: str | None = None) -> dict[str, Any]:
    return {"do": "extend", "by": by, "phase": phase}


def end(phase: str | None = None) -> dict[str, Any]:
    return {"do": "end", "phase": phase}


DONE: list[tuple[list[tuple[float, dict[str, Any]]], str, dict[str, Any]]] = [
    ([(15, PAUSE)], "injection is paused; what was held passes", {"paused": True}),
    ([(15, PAUSE), (16, RESUME)], "injection goes on", {}),
    ([(15, OFF)], "storm.0 (error) is off", {"on": False}),
    ([(5, OFF)], "storm.0 (error) is off, from 10s on", {"on": False}),
    ([(35, OFF)], "storm.0 (error) is off; but its phase storm is over", {"on": False}),
    ([(15, OFF), (16, ON)], "storm.0 (error) is on", {}),
    ([(15, share("60%"))], "storm.0 (error) strikes 60% of calls, before 40%", {"share": 0.6}),
    ([(15, share(0))], "storm.0 (error) strikes 0% of calls, before 40%", {"share": 0.0}),
    ([(15, share(0)), (16, share("40%"))], "storm.0 (error) strikes 40% of calls, before 0%", {"share": 0.4}),
    ([(15, trigger())], "storm.0 (error) strikes the next call that matches it", {"owed": 1}),
    ([(15, trigger(3)), (16, trigger(2))], "storm.0 (error) strikes the next 2 calls that match it", {"owed": 5}),
    ([(15, extend("5s"))], "the phase storm lasts 5s longer, until 35s", {"lengths": [10, 25, 10]}),
    ([(5, extend("1m30s", "recovery"))], "the phase recovery lasts 1m30s longer, until 2m10s",
     {"lengths": [10, 20, 100]}),
    ([(15, extend("5s")), (32, extend("5s"))], "the phase storm lasts 5s longer, until 40s", {"lengths": [10, 30, 10]}),
    ([(12, end())], "the phase storm ends, 18s early", {"lengths": [10, 2 + LEAD, 10]}),
    ([(10, end("storm"))], "the phase storm ends, 20s early", {"lengths": [10, LEAD, 10]}),
    ([(35, end())], "the phase recovery ends, 5s early", {"lengths": [10, 20, 5 + LEAD]}),
    ([(5, end()), (6, extend("2s"))], "the phase storm lasts 2s longer, until 27.3s",
     {"lengths": [5 + LEAD, 22, 10]}),
]  # fmt: skip


@pytest.mark.parametrize(("commands", "said", "now"), DONE, ids=lambda one: one if isinstance(one, str) else "")
def test_what_each_command_does(commands: list[Any], said: str, now: dict[str, Any]) -> None:
    """A command changes what it names and nothing else, and says so."""
    steering, text = steer(*commands)
    assert text == said
    assert lengths(steering) == pytest.approx(now.get("lengths", [10, 20, 10]))
    assert steering.paused is now.get("paused", False)
    assert steering.switch("storm.0") == Switch(now.get("on", True), now.get("share"), now.get("owed", 0))
    assert [steering.switch(rule.name) for rule in RULES[1:]] == [Switch()] * 3
    assert steering.touched is bool(now)


REFUSED: list[tuple[list[tuple[float, dict[str, Any]]], str, str]] = [
    ([(15, PAUSE), (16, PAUSE)], "injection is paused already", "`resume` goes on"),
    ([(15, RESUME)], "injection is not paused", ""),
    ([(15, ON)], "storm.0 is on already", ""),
    ([(15, OFF), (16, OFF)], "storm.0 is off already", ""),
    ([(15, {**OFF, "rule": "strom.0"})], "there is no rule `strom.0`", "did you mean `storm.0`"),
    ([(15, {**OFF, "rule": "zz"})], "there is no rule `zz`", "expected one of storm.0, storm.1, storm.2, storm.3"),
    ([(15, share("40%"))], "storm.0 strikes 40% already", ""),
    ([(15, share("100%", "storm.1"))], "storm.1 strikes every call that its `when` chooses already", ""),
    ([(15, share("50%")), (16, share(0.5))], "storm.0 strikes 50% already", ""),
    ([(15, share("50%", "storm.2"))], "storm.2 (rate_limit) goes by live limits, and so has no share",
     "switch it off and on with disable and enable"),
    ([(15, trigger(rule="storm.2"))], "storm.2 (rate_limit) strikes no single calls",
     "it goes by live limits: use disable and enable"),
    ([(15, trigger(rule="storm.3"))], "storm.3 (reset) strikes no single calls", "change its share"),
    ([(14, OFF), (15, trigger())], "storm.0 is off", "enable storm.0 first"),
    ([(4, trigger())], "storm.0 belongs to the phase storm, which begins in 6s",
     "a fault outside its phase would spoil what is compared with it"),
    ([(31, trigger())], "storm.0 belongs to the phase storm, which is over", "a fault outside its phase"),
    ([(12, end()), (13, trigger())], "storm.0 belongs to the phase storm, which is over", "a fault outside its phase"),
    ([(15, extend("1s", "baseline"))], "the phase baseline is over", ""),
    ([(15, end("baseline"))], "the phase baseline is over", ""),
    ([(15, end("recovery"))], "the phase recovery has not begun", "end the one before it, or wait"),
    ([(29.8, end())], "the phase storm is about to end by itself", ""),
    ([(29.8, extend("5s"))], "the phase storm is about to end by itself", ""),
    ([(15, end()), (15.1, end())], "the phase storm is about to end by itself", ""),
    ([(15, end("strom"))], "there is no phase `strom`", "did you mean `storm`"),
    ([(41, end())], "the last phase is over", ""),
    ([(41, extend("5s"))], "the last phase is over", ""),
    ([(-0.1, end())], "no phase is on", ""),
    ([(15, {"do": "note", "text": "x"})], "`note` does not steer a run", ""),
]  # fmt: skip


@pytest.mark.parametrize(("commands", "what", "hint"), REFUSED, ids=lambda one: one if isinstance(one, str) else "")
def test_what_is_refused(commands: list[Any], what: str, hint: str) -> None:
    """The last command changes nothing, and says why and what would work."""
    before, _ = steer(*commands[:-1])
    (t, last), kept = commands[-1], before.to_json()
    with pytest.raises(ChaosError) as caught:
        before.take(read_command(last), t)
    assert caught.value.what == what
    assert caught.value.hint.startswith(hint)
    assert bool(caught.value.hint) is bool(hint)
    assert before.to_json() == kept


def test_no_run_is_made_longer_than_its_limit() -> None:
    """The limit counts what earlier commands added, and the refusal says how much is left."""
    steering, _ = steer((15, extend("15s")), run=BOUND)
    with pytest.raises(ChaosError, match=r"the run would last 1m1s, limits.max_duration is 1m$") as caught:
        steering.take(read_command(extend("6s")), 16)
    assert caught.value.hint == "extend by at most 5s"
    whole, _ = steering.take(read_command(extend("5s")), 16)
    with pytest.raises(ChaosError) as caught:
        whole.take(read_command(extend("1s")), 17)
    assert "max_duration leaves no more" in caught.value.hint
    ended, _ = steering.take(read_command(end()), 20)  # gives time back
    assert ended.take(read_command(extend("6s", "recovery")), 21)[0].timed.duration < 60


def test_what_can_be_commanded_of_a_rule() -> None:
    """Live limits have no share and strike no single call; what strikes a connection knows no call."""
    assert [(can_share(rule), can_trigger(rule)) for rule in RULES] == [
        (True, True), (True, True), (False, False), (True, False)
    ]  # fmt: skip


def test_of_which_calls_a_share_is() -> None:
    """The trigger in words without the share, which is told beside it; a ramp has shares of its own below it."""
    ramp = Rule("storm.4", Error(status=500), Trigger(share=0.4, ramp=Ramp(0.0, 0.6)))
    assert [(chosen(rule), capped(rule)) for rule in (*RULES, ramp)] == [
        ("", False), ("on every 3rd operation of the phase", False), ("beyond its live limits", False), ("", False),
        ("on a share of attempts that goes from 0% to 60% over the phase", True),
    ]  # fmt: skip


def test_whoever_decides_sees_shares_and_phases_as_they_are_now() -> None:
    """`steered` sets the share beside the rule's other conditions, and leaves the scenario as written."""
    steering, _ = steer((1, share("60%")), (2, share("10%", "storm.1")), (3, end()))
    seen = steered(steering)
    assert [rule.when for rule in seen.rules[:2]] == [Trigger(share=0.6), Trigger(share=0.1, every=3)]
    assert seen.rules[2:] == RULES[2:]
    assert [phase.start for phase in seen.phases] == pytest.approx([0, 3 + LEAD, 23 + LEAD])
    assert steering.scenario is RUN
    assert steered(Steering(RUN)) == RUN


# What holds for any commands ---------------------------------------------------------------------

NAMES = st.sampled_from([rule.name for rule in RULES] + ["strom"])
PHASES = st.none() | st.sampled_from(["baseline", "storm", "recovery", "strom"])
COMMANDS = st.one_of(
    st.sampled_from([Command("pause"), Command("resume")]),
    st.builds(Command, st.sampled_from(["enable", "disable"]), rule=NAMES),
    st.builds(Command, st.just("share"), rule=NAMES, share=st.floats(0, 1)),
    st.builds(Command, st.just("trigger"), rule=NAMES, count=st.integers(1, 9)),
    st.builds(Command, st.just("extend"), by=st.floats(0.001, 86400), phase=PHASES),
    st.builds(Command, st.just("end"), phase=PHASES),
)


@given(st.lists(st.tuples(st.floats(0, 9) | st.floats(0, 0.5), COMMANDS), max_size=12), st.sampled_from([RUN, BOUND]))
def test_what_has_been_cannot_be_changed(commands: list[tuple[float, Command]], run: Scenario) -> None:
    """Phases that are over stay, those to come follow each other, and the limit holds, whatever is commanded when."""
    steering, t = Steering(run), -0.2
    for later, command in commands:
        t += later
        before = steering.timed.phases
        try:
            steering, text = steering.take(command, t)
        except ChaosError:
            assert steering.timed.phases == before
            continue
        assert text.isprintable()
        after = steering.timed.phases
        assert [one.name for one in after] == [one.name for one in before]
        assert after[0].start == 0
        assert all(one.end == another.start for one, another in pairwise(after))
        assert all(one.duration > 0 for one in after)
        for was, is_ in zip(before, after, strict=True):
            if was.end <= t:
                assert is_ == was
            elif was.start <= t:
                assert is_.start == was.start
                assert is_.end > t
        assert steering.timed.duration <= (run.limits.max_duration or float("inf"))
        told = json.loads(json.dumps(steering.to_json()))
        assert Steering.from_json(run, told) == steering


SWITCH = {"on": False, "share": 0.5, "owed": 2}
NOT_TOLD = ("x", None, 7, [], {}, "true", float("nan"), float("inf"), -1, 10**400)


@pytest.mark.parametrize(
    "path", ["paused", "durations", "durations.0", "rules", "rules.storm.0", "on", "share", "owed"]
)
@pytest.mark.parametrize("value", NOT_TOLD, ids=lambda one: str(one)[:8])
def test_what_is_no_steering_is_refused(path: str, value: Any) -> None:
    """A record or a message that is damaged is a ValueError, whatever stands where."""
    told: Any = {"paused": False, "durations": [1.0, 2.0, 3.0], "rules": {"storm.0": dict(SWITCH)}}
    told = json.loads(json.dumps(told))
    where = {"on": told["rules"]["storm.0"], "share": told["rules"]["storm.0"], "owed": told["rules"]["storm.0"]}
    if path == "durations.0":
        told["durations"][0] = value
    elif path == "rules.storm.0":
        told["rules"]["storm.0"] = value
    else:
        where.get(path, told)[path] = value
    means_something = {("durations", "[]"), ("rules", "{}"), ("share", "None"), ("owed", "7"), ("durations.0", "7")}
    if (path, str(value)) in means_something:
        Steering.from_json(RUN, told)
        return
    with pytest.raises((KeyError, ValueError)):
        Steering.from_json(RUN, told)


@pytest.mark.parametrize(
    "told",
    [{}, {"paused": False}, {"paused": False, "durations": [1.0], "rules": {}},
     {"paused": False, "durations": [], "rules": {"gone.0": {"on": True, "share": None, "owed": 0}}},
     {"paused": False, "durations": [], "rules": {"storm.0": {"on": True}}}],
)  # fmt: skip
def test_what_is_of_another_run_is_refused(told: dict[str, Any]) -> None:
    """Neither rules nor phases that the scenario does not have, nor half a record."""
    with pytest.raises((KeyError, ValueError)):
        Steering.from_json(RUN, told)
