"""Plans over one store decide as one plan that sees every call: identities, counts, buckets, budgets, caps."""

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_provider import PlainProvider, ask

from chaosllm.adapters.proxy.workers.journal import Journal
from chaosllm.distribution import Exponential, Fixed, Weibull
from chaosllm.faults.error import Error
from chaosllm.faults.latency import Latency
from chaosllm.faults.quota import Quota
from chaosllm.faults.rate_limit import Buckets, RateLimit
from chaosllm.faults.reset import ResetFault
from chaosllm.plan import Plan
from chaosllm.providers import Usage
from chaosllm.reference import reference
from chaosllm.scenario import Limits, Load, Phase, Role, Rule, Scenario, Upstream
from chaosllm.script import Door, Place
from chaosllm.store import Memory
from chaosllm.trigger import (
    Brownout,
    Burst,
    Capacity,
    Correlated,
    Outage,
    Ramp,
    Stretch,
    Trace,
    Trigger,
)

SEED = 7
RULES = (
    (Error(status=500), Trigger(share=0.3)),
    (Error(status=503), Trigger(every=3)),
    (Error(status=502), Trigger(first=1, share=0.2)),
    (Error(status=504), Trigger(first=2, of="phase")),
    (RateLimit(buckets=Buckets(rpm=20, tpm=900, concurrency=3)), Trigger()),
    (Quota(budget=400), Trigger()),
    (ResetFault(at=Place.ACCEPT), Trigger(every=2)),
)
#: Triggers on a fault that ends no list, and before those that do, so that each is asked of every call.
TRIGGERS = (
    Trigger(after=21),
    Trigger(after=1, first=1, of="operation"),
    Trigger(burst=Burst(2, 1)),
    Trigger(ramp=Ramp(0, 1)),
    Trigger(outage=Outage(Exponential(1.0), Weibull(1.0, 2.0), Brownout(Fixed(0.5), 0.5))),
    Trigger(trace=Trace(None, (Stretch(1, 2), Stretch(3, 9, 0.5)))),
    Trigger(load=Capacity(1, 2.0)),
    Trigger(correlated=Correlated("load", 0.8)),
    Trigger(correlated=Correlated("outage", delay=0.5)),
)
NAMES = ("after", "again", "burst", "ramp", "outage", "trace", "load", "with-load", "with-outage")
QUIET = tuple(Rule(name, Latency(Fixed(0.001)), when) for name, when in zip(NAMES, TRIGGERS, strict=True))
SCENARIO = Scenario(
    "shared",
    (
        Phase("calm", 10, Role.BASELINE),
        Phase("storm", 10, Role.FAULT, (*QUIET, *(Rule(f"storm.{i}", *rule) for i, rule in enumerate(RULES))), 10),
        Phase("late", 10, Role.FAULT, (Rule("late.0", Error(status=500), Trigger(every=2)),), 20),
    ),
    (Upstream("openai", "simulator"),),
    seed=SEED,
    load=Load(10, "constant", correlate="prompt"),
    limits=Limits(max_active_faults=0.5),
)

#: A step: (which plan, seconds since the last, what). A call has an operation (None: it says none), a prompt, a key and
#: what its SDK declares as its try; an end names the open call that ends; a connection is only accepted.
steps = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([0.0, 0.1, 0.7]),
        st.one_of(
            st.tuples(st.just("call"), st.sampled_from([None, 120, 121, 122, 150]), st.sampled_from(["hi", "ho"]),
                      st.sampled_from(["one", "two"]), st.sampled_from([None, 0, 1])),
            st.tuples(st.just("end"), st.integers(0, 5), st.sampled_from([None, 0, 30, 200])),
            st.tuples(st.just("connection")),
        ),
    ),
    min_size=10,
    max_size=60,
)  # fmt: skip


def plan(store):
    return Plan(SCENARIO, {"openai": PlainProvider()}, key=b"k", store=store)


def history(plans, told):
    """What the plans decide, each step dealt to the plan that it names; a call ends where it began."""
    t, opened, seen = 11.0, [], []
    for which, later, (what, *how) in told:
        t += later
        one = plans[which % len(plans)]
        if what == "connection":
            seen.append(one.accept("openai", t=t, door=Door.LISTENER))
        elif what == "end" and opened:
            who, decision = opened.pop(how[0] % len(opened))
            who.settle(decision, None if how[1] is None else Usage(how[1], how[1]), t=t)
        elif what == "call":
            operation, prompt, key, declared = how
            headers = (("authorization", key),)
            if declared is not None:
                headers += (("x-stainless-retry-count", str(declared)),)
            text = prompt if operation is None else f"{prompt} {reference(operation, SEED)}"
            request = ask(text, headers=headers)
            decision = one.decide(one.identify(request), request, t=t, now=1e9 + t)
            opened.append((one, decision))
            seen.append(decision)
    return seen


@given(steps)
@settings(max_examples=100, deadline=None)
def test_plans_over_a_journal_decide_as_one(told):
    """Whatever the history and whoever meets which call, decisions are equal: ids, attempts, scripts and headers."""
    alone = history([plan(Memory())], told)
    with tempfile.TemporaryDirectory() as folder:
        journals = [Journal(Path(folder) / "journal") for _ in range(3)]
        shared = history([plan(journal) for journal in journals], told)
        for journal in journals:
            journal.close()
    assert shared == alone


def test_every_trigger_has_its_say_in_the_property():
    """Each rule fires on some of the calls and leaves others, so an equal history says something of each."""
    told = [(0, 0.05, ("call", 100 + n // 2, "hi", "one", n % 2)) for n in range(170)]
    seen = [part for decision in history([plan(Memory())], told) for part in decision.applied]
    for name in NAMES:
        assert {part.planned for part in seen if part.rule == name} == {True, False}, name


def test_what_the_property_can_see():
    """Three plans that share nothing decide otherwise, so an equal history is no accident of the rules."""
    told = [(n, 0.1, ("call", None, "hi", "one", None)) for n in range(30)]
    assert history([plan(Memory()) for _ in range(3)], told) != history([plan(Memory())], told)
    seen = [part for decision in history([plan(Memory())], told) for part in decision.applied]
    assert {part.rule for part in seen if part.planned} >= {f"storm.{rule}" for rule in range(5)}
    assert any(part.why == "max_active_faults" for part in seen)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_one_plan_pays_for_no_sharing(share):
    """A memory keeps the pieces as they are: the same object is changed, nothing is packed."""
    store = Memory()
    seen = []
    store.change("a", type("Piece", (list,), {}), seen.append)
    store.change("a", list, seen.append)
    assert seen[0] is seen[1]
    counted = Plan(
        replace(SCENARIO, limits=Limits(max_active_faults=share)), {"openai": PlainProvider()}, key=b"k", store=store
    )
    request = ask("hi")
    counted.decide(counted.identify(request), request, t=11.0, now=1e9)
    assert ("active" in store._pieces) == (share < 1)  # nothing is counted that no limit asks for
