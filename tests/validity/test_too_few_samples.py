"""Too few samples for an objective: undecided just below what it needs, decided by as many as it asks for."""

import re

import pytest
import run_factory as made
from bounds import RATE, of, quick
from run_factory import Operation, Try, refused

from chaosllm.objectives import judge_objectives
from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.verdict import judge

NEEDS = re.compile(r"^needs (?:about )?(?P<n>[\d,]+) operations in (?P<phase>\w+)(?: to decide)?, had (?P<had>[\d,]+)$")


def observed(text, n, bad_in=0, baseline=400):
    """A storm of n operations, of which one in `bad_in` fails, and its objective."""
    first = RATE + baseline

    def conduct(number, due, phase):
        tries = [refused(), Try(at=1.2)] if phase.role is Role.FAULT else [Try()]
        failing = phase.role is Role.FAULT and bad_in and (number - first) % bad_in == bad_in - 1
        return Operation(Outcome.ERROR if failing else Outcome.GOOD, 0.2 + 0.002 * (number % 50), tries)

    objectives = [made.objective(text)]
    return quick(conduct, of(baseline=baseline / RATE, fault=n / RATE, recovery=0, objectives=objectives))


def verdict(run):
    (found,) = judge_objectives(run, [], lambda _: None)
    return found.verdict, found.why


@pytest.mark.parametrize(
    ("text", "enough", "bad_in"),
    [
        ("latency_p95(storm) <= 10s", 300, 0),  # METHOD metric 3
        ("latency_p99(storm) <= 10s", 1000, 0),
        ("latency_p50(storm) <= 10s", 30, 0),
        ("success_rate(storm) >= 99%", 268, 0),  # Wilson's one-sided 95 % bound of all good
        ("success_rate(storm) >= 95%", 52, 0),
        ("error_rate(storm) <= 5%", 52, 0),
    ],
)
def test_both_sides_of_what_an_objective_needs(text, enough, bad_in):
    """One operation less is undecided and says how many would do; so many pass."""
    said, why = verdict(observed(text, enough - 1, bad_in))
    found = NEEDS.match(why)
    assert (said, int(found["n"]), int(found["had"]), found["phase"]) == ("inconclusive", enough, enough - 1, "storm")
    assert verdict(observed(text, enough, bad_in)) == ("pass", "")


@pytest.mark.parametrize(
    ("text", "had", "bad_in", "said"),
    [
        ("success_rate(storm) >= 95%", 200, 40, "pass"),
        ("success_rate(storm) >= 95%", 50, 10, "fail"),
        ("error_rate(storm) <= 10%", 80, 20, "pass"),
    ],
)
def test_as_many_as_it_asks_for_decide_it(text, had, bad_in, said):
    """If the share stays what it is, the number that an undecided objective names is enough."""
    before, why = verdict(observed(text, had, bad_in))
    n = int(NEEDS.match(why)["n"])
    assert before == "inconclusive"
    assert had < n
    assert verdict(observed(text, -(-n // bad_in) * bad_in, bad_in)) == (said, "")


@pytest.mark.parametrize(("baseline", "said"), [(303, "inconclusive"), (308, "pass")])
def test_a_reference_needs_as_many(baseline, said):
    """A baseline that is too short for its percentile decides nothing; what reaches into the storm is not of it."""
    found, why = verdict(observed("latency_p95(storm) <= 3 * latency_p95(baseline)", 400, baseline=baseline))
    assert found == said
    assert not why or NEEDS.match(why)["phase"] == "baseline"


def test_an_undecided_run_says_the_number_and_the_lever():
    """What is to be changed, to how much, in one sentence."""
    found = judge(observed("latency_p95(storm) <= 10s", 120))
    assert found["verdict"] == "inconclusive"
    assert found["fix_first"] == (
        "latency_p95(storm) <= 10s is undecided: needs 300 operations in storm, had 120: "
        "raise load.rate or the phase's duration."
    )
