"""Hints in the words of whatever load a scenario has, and where there is no number to give."""

import math
from dataclasses import replace

import pytest
import run_factory as made
from bounds import of, quick
from run_factory import Operation

from chaosllm.arrivals import Spike
from chaosllm.record import Outcome, RulePart
from chaosllm.scenario import Load, Role
from chaosllm.units import parse_rate
from chaosllm.validity import check
from chaosllm.validity._amounts import less, more, rounded, surely


def hint(run, name):
    (found,) = [one for one in check(run) if one.name == name]
    assert not found.ok
    return found.hint


@pytest.mark.parametrize(
    ("value", "up", "down"),
    [
        (20.0, "20", "20"), (19.96, "20", "19.9"), (0.01234, "0.0124", "0.0123"), (1234.5, "1240", "1230"),
        (3e-7, "0.0000003", "0.0000003"), (0.1 + 0.2, "0.3", "0.3"), (12345678.0, "12400000", "12300000"),
    ],
)  # fmt: skip
def test_numbers_are_rounded_to_the_sure_side(value, up, down):
    """Three digits, up where more is needed and down where less is, spelt so that a scenario takes them."""
    assert (rounded(value, up=True), rounded(value, up=False)) == (up, down)
    assert parse_rate(f"{up}/s") == pytest.approx(float(up))


@pytest.mark.parametrize("count", [1, 5, 30, 300])
def test_surely_is_enough_and_not_far_too_much(count):
    """A Poisson count with that mean falls short of `count` in at most 1 of 1000 runs."""
    mean = surely(count)
    short = sum(math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(count))
    assert 1e-6 < short <= 1e-3


@pytest.mark.parametrize(
    ("load", "lower", "higher"),
    [
        (Load(rate=5.0), "load.rate from 5/s to 1.66/s", "load.rate from 5/s to 16.7/s"),
        (Load(locustfile="x.py", users=10), "load.users from 10 to 3", "load.users from 10 to 34"),
        (Load(locustfile="x.py", users=1), "load.users from 1 to 1", "load.users from 1 to 4"),
        (Load(shape=Spike(5, 50, 5)), "load.shape to 0.333 times its rates", "load.shape to 3.34 times its rates"),
    ],
)
def test_the_lever_is_the_scenarios_own(load, lower, higher):
    """Rate, users or shape: what is told to be changed is what the scenario has."""
    run = made.run(of=of(load=load), until=0.0)
    assert less(run, 1 / 3) == f"lower {lower}"
    assert more(run, 10 / 3, longer=False) == f"raise {higher}"
    assert less(run, 0.0) == f"lower {load.lever}", "where no number is known none is made up"


def test_nothing_was_sent_because_all_was_dropped():
    """More load would be the wrong thing."""
    scenario = of(rules=(), warmup=0, baseline=0)
    run = quick(lambda *_: Operation(Outcome.DROPPED, tries=[]), scenario)
    assert "200 operations were dropped because load.max_in_flight (500)" in hint(run, "operations")


def test_nothing_was_sent_though_it_was_due():
    """A run that was stopped at once lacks no load."""
    said = hint(quick(until=0.0, meta={"stopped": "interrupted"}), "operations")
    assert said.startswith("no load was driven in 0s: let the run come to its phases")


def test_a_baseline_in_which_nothing_was_due():
    """It is told how much load, or how long a baseline, has operations in it."""
    scenario = of(rate=0.1, baseline=5.0, fault=10.0)
    said = hint(quick(scenario=scenario), "steady state in baseline")
    assert said == "raise load.rate from 0.1/s to 2.31/s, or the duration of baseline from 5s to 1m56s"


def test_a_baseline_in_which_nothing_ended():
    """No duration is named where nobody knows how long an operation takes."""

    def endless(samples, events):
        for sample in samples[20:220]:
            sample.t_end = None

    said = hint(quick(change=endless), "steady state in baseline")
    assert said == "needs 1 operation that ends, had 0 of 200: see app.log and driver.log"


def test_a_baseline_in_which_all_was_dropped():
    """No rate is named where nobody knows how long an operation takes."""
    run = quick(lambda *_: Operation(Outcome.DROPPED, tries=[]))
    assert "lower load.rate or raise load.max_in_flight from 500" in hint(run, "load in baseline")


def test_a_cold_start_without_a_warm_up():
    """A scenario that has none is told to begin with one."""

    def conduct(number, due, phase):
        return Operation(Outcome.ERROR) if due < 2.5 else made.hit(number, due, phase)

    said = hint(quick(conduct, of(warmup=0)), "steady state in baseline")
    assert "lengthen the warm-up to 3s, " in said


def test_a_warm_up_cures_no_later_baseline():
    """What failed between two faults failed in no cold start."""
    scenario = of()
    again = replace(scenario.phases[-1], name="again", role=Role.BASELINE)
    scenario = replace(scenario, phases=(*scenario.phases[:-1], again))

    def conduct(number, due, phase):
        bad = phase.name == "again" and due < again.start + 1
        return Operation(Outcome.ERROR) if bad else made.hit(number, due, phase)

    assert "warm-up" not in hint(quick(conduct, scenario), "steady state in again")


def test_records_that_name_a_rule_of_another_scenario():
    """Damaged records are told from a rule that was never reached."""

    def strange(samples, events):
        for event in events:
            if event.phase == "storm":
                event.rules.append(RulePart("storm.9", "hang", planned=False, fired=False, delivered=False))

    assert "run again" in hint(quick(change=strange), "injection of storm.9")


@pytest.mark.parametrize("lag", [0.0, -1.0, 5e-324, 1e14])
def test_numbers_that_no_process_tells(lag):
    """Damaged records, as far as run_meta.py lets them in, and an idle process end in a check and no traceback."""
    vitals = {"process": "proxy", "t": 0.0, "width": 1, "counts": {}, "worst": 0.0}
    columns = dict.fromkeys(("cpu", "wait", "lag"), [lag] * 21)
    meta = {"proxy": {"lag_p99": lag}, "driver": {"lag_p99": lag}, "vitals": [vitals | columns], "clock": {"t0": 0.0}}
    found = {one.name: one for one in check(quick(meta=meta))}
    assert found["proxy lag"].ok is found["generator lag"].ok is (lag < 1)
    assert all(one.hint for one in found.values() if not one.ok)
    if lag >= 1:
        assert "lower load.rate, so that" in found["proxy lag"].hint
