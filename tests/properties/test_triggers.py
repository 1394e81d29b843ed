"""What fires is what was defined: shares, bursts, ramps and chains within 99.9 % intervals, the same every time."""

import json
import math
import os
import subprocess
import sys
from itertools import islice

import numpy as np
import pytest
from scipy import stats as law
from trigger_rules import CHAIN, DUE, LASTS, SEED, TRIGGERS, fired

from chaosllm.distribution import Fixed
from chaosllm.faults.error import Error
from chaosllm.scenario import Phase, Role, Rule
from chaosllm.schedule import SHORTEST, Chain, firings
from chaosllm.stats import binomial_interval
from chaosllm.tallies import Recent
from chaosllm.trigger import Capacity, Correlated, Outage, Tick, Trigger


@pytest.fixture(scope="module")
def told():
    """What fires in the order of the operations."""
    return fired()


def within(hits, n, share):
    """Whether so many hits are what chance gives, within 99.9 %."""
    low, high = binomial_interval(n, share, 0.999)
    return low <= hits <= high


def between(start, end):
    """Operations due between two seconds."""
    return {n for n, t in enumerate(DUE) if start <= t < end}


def test_a_share_is_the_share(told):
    """30 % of 6 000 operations, and of them that another rule follows, 80 %."""
    assert len(DUE) > 5_500
    assert within(len(told["share"]), len(DUE), 0.3)
    assert told["with-share"] < told["share"]
    assert within(len(told["with-share"]), len(told["share"]), 0.8)


def test_counts_are_exact(told):
    """Each third operation; fifty after the first hundred."""
    assert told["every"] == set(range(2, len(DUE), 3))
    assert told["after"] == set(range(100, 150))


def test_bursts_come_when_they_are_due(told):
    """All that is due in the first 5 s of each 20 s, and nothing else."""
    assert told["burst"] == {n for n, t in enumerate(DUE) if t - 20 * math.floor(t / 20) < 5}
    assert within(len(told["window"]), len(between(100, 200)), 0.5)
    assert told["window"] <= between(100, 200)


@pytest.mark.parametrize(
    ("name", "over", "low", "high"), [("ramp", (0, 600), 0.1, 0.7), ("ramp-down", (100, 500), 0.8, 0.2)]
)
def test_a_ramp_has_its_slope(told, name, over, low, high):
    """The slope of a line through what fired is the one that was written, and each tenth has its mean share."""
    start, end = over
    rows = sorted(between(start, end))
    assert told[name] <= set(rows)
    t = np.array([DUE[n] for n in rows])
    hits = np.array([n in told[name] for n in rows], dtype=float)
    chance = low + (high - low) * (t - start) / (end - start)
    away = t - t.mean()
    slope = float((away * hits).sum() / (away**2).sum())
    spread = math.sqrt(float((away**2 * chance * (1 - chance)).sum())) / float((away**2).sum())
    assert abs(slope - (high - low) / (end - start)) < 3.29 * spread
    assert 10 * spread < abs(slope)  # so that the line above says something
    for tenth in np.array_split(np.arange(len(rows)), 10):
        mean, sd = chance[tenth].sum(), math.sqrt((chance[tenth] * (1 - chance[tenth])).sum())
        assert abs(hits[tenth].sum() - mean) < 3.29 * sd + 1


def test_a_trace_is_played_as_it_was(told):
    """All in the first stretch, 40 % in the second, none outside."""
    assert told["trace"] & between(0, 100) == between(3, 9)
    assert within(len(told["trace"] & between(200, 400)), len(between(200, 400)), 0.4)
    assert told["trace"] <= between(3, 9) | between(200, 400)


def spells(seed, lasts):
    """The spells of the chain with this seed, those that end in the phase."""
    chain, t, found = Chain(CHAIN, seed, "outage"), 0.0, []
    while (spell := chain.spell(t)).end < lasts:
        found.append(spell)
        t = spell.end
    return found


def test_a_chain_goes_up_degraded_down():
    """Spells follow one another without a gap, in that order, beginning up."""
    found = spells(SEED, 100_000.0)
    assert [one.share for one in found] == [(0.0, 0.3, 1.0)[number % 3] for number in range(len(found))]
    assert [one.end for one in found[:-1]] == [one.start for one in found[1:]]
    assert found[0].start == 0.0


@pytest.mark.parametrize(
    ("place", "cdf"),
    [
        (0, law.expon(scale=20).cdf),
        (1, law.lognorm(math.log(3) / law.norm.ppf(0.95), scale=4).cdf),
        (2, law.weibull_min(1.5, scale=8).cdf),
    ],
    ids=["up", "degraded", "down"],
)
def test_spells_last_as_their_distributions_say(place, cdf):
    """3 000 spells of each state pass Kolmogorov and Smirnov at 99.9 %, and do not hang on the one before."""
    lengths = np.array([one.end - one.start for one in spells(SEED, 110_000.0)[place::3]])
    assert len(lengths) > 3000
    assert law.kstest(lengths, cdf).pvalue > 0.001
    assert abs(law.spearmanr(lengths[:-1], lengths[1:]).statistic) < 3.29 / math.sqrt(len(lengths))
    assert lengths.min() >= SHORTEST * (1 - 1e-6)


def test_an_outage_strikes_by_its_spell(told):
    """None while up, all while down, 30 % of what is due while degraded; a follower does so 2 s later."""
    found = [*spells(SEED, LASTS)]
    found.append(Chain(CHAIN, SEED, "outage").spell(LASTS - 1e-9))
    assert {one.share for one in found} == {0.0, 0.3, 1.0}
    hits = tries = 0
    for one in found:
        rows = between(one.start, min(one.end, LASTS))
        if one.share in (0.0, 1.0):
            assert rows & told["outage"] == (rows if one.share else set())
            later = between(one.start + 2, min(one.end + 2, LASTS))
            assert later & told["with-outage"] == (later if one.share else set())
        else:
            hits, tries = hits + len(rows & told["outage"]), tries + len(rows)
    assert within(hits, tries, 0.3)
    assert within(len(told["with-both"]), len(told["with-outage"]), 0.5)
    assert told["with-both"] < told["with-outage"]


@pytest.mark.parametrize("rate", [10, 20, 40, 80])
def test_load_refuses_what_is_beyond_the_capacity(rate):
    """Of a steady load what gets through is the capacity, and below it everything."""
    when, recent, hits, n = Trigger(load=Capacity(20)), Recent(), 0, 40 * rate
    firing = firings(SEED, Phase("p", 1, Role.FAULT, (Rule("load", Error(), when),)))["load"]
    for number in range(n):
        told = recent.come(number / rate, 5.0)
        tick = firing.at(Tick(number / rate, number, 0, 0, 0.0, 1.0, rate=told), f"op:{number}:0", lambda _: 0.0)
        hits += when.fires(tick) and number >= 5 * rate  # from when the 5 s are full
    assert within(hits, 35 * rate, 1 - 20 / rate) if rate > 20 else hits == 0


def test_the_stretches_are_those_in_which_it_may_fire(told):
    """What the reader and `explain` take for its times is when it fires, and when nothing else could."""
    rules = tuple(Rule(name, Error(), when) for name, when in TRIGGERS.items())
    bound = firings(SEED, Phase("storm", LASTS, Role.FAULT, rules))
    for name in ("window", "burst", "outage", "trace", "with-outage", "with-both"):
        rows = set().union(*(between(one.start, one.end) for one in bound[name].stretches(LASTS)))
        assert told[name] <= rows, name
        assert 0 < len(rows) < len(DUE)
        if name == "burst":
            assert told[name] == rows


def test_what_is_expected_is_what_fires(told):
    """The sum of the chances is the number that fired, within 99.9 %."""
    rules = tuple(Rule(name, Error(), when) for name, when in TRIGGERS.items())
    bound = firings(SEED, Phase("storm", LASTS, Role.FAULT, rules))
    for name, firing in bound.items():
        chances = np.array([firing.expected(Tick(t, n, 0, 0, 0.0, LASTS)) for n, t in enumerate(DUE)])
        spread = math.sqrt(float((chances * (1 - chances)).sum()))
        assert abs(len(told[name]) - chances.sum()) <= 3.29 * spread + 1e-6, name


@pytest.mark.parametrize("in_flight", [1, 10, 100])
def test_the_same_seed_decides_the_same_in_any_order(told, in_flight):
    """10 of 10 runs, with so many operations in flight, each next one any of them; another seed decides otherwise."""
    for run in range(10):
        random = np.random.default_rng(run)
        waiting, order, rows = [], [], iter(range(200))
        while len(order) < 200:
            waiting.extend(islice(rows, in_flight - len(waiting)))
            order.append(waiting.pop(random.integers(len(waiting))))
        found = fired(order=order)
        assert found == {name: {n for n in hits if n < 200} for name, hits in told.items()}
    assert fired(order=range(200), seed=8)["share"] != {n for n in told["share"] if n < 200}


def test_other_processes_decide_the_same(told):
    """Two processes of their own, each with its own hash seed, tell the same operations."""
    told_there = "{name: sorted(hits) for name, hits in t.fired(order=range(1500)).items()}"
    code = f"import json, trigger_rules as t; print(json.dumps({told_there}))"
    here = os.path.dirname(__file__)
    first = {name: {n for n in hits if n < 1500} for name, hits in told.items()}
    for hashes in ("1", "2"):
        path = os.pathsep.join([here, *sys.path])
        env = {**os.environ, "PYTHONHASHSEED": hashes, "PYTHONPATH": path}
        out = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stdout
        assert {name: set(hits) for name, hits in json.loads(out).items()} == first


def test_a_rule_without_its_leader_never_fires():
    """What the reader refuses fires nowhere, in place of everywhere."""
    lost = {"a": Trigger(correlated=Correlated("nobody")), "b": Trigger(correlated=Correlated("b"))}
    circle = {"c": Trigger(correlated=Correlated("d")), "d": Trigger(correlated=Correlated("c"))}
    assert not any(fired(lost | circle, order=range(100)).values())


def test_spells_of_fixed_length_are_as_written():
    """Up 3 s, down 1 s, for ever; asked from the end, too."""
    chain = Chain(Outage(Fixed(3), Fixed(1)), SEED, "r")
    times = (4003.5, 0, 2.99, 3, 3.99, 4)
    assert [chain.spell(t).share for t in times] == [1.0, 0.0, 0.0, 1.0, 1.0, 0.0]
    assert chain.first_down() == 3
