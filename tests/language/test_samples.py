"""Objectives that a phase is too short to judge: warned of exactly where a run would leave them undecided."""

import re

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.errors import Level
from chaosllm.language.samples import Samples
from chaosllm.objectives import judge_objectives
from chaosllm.reader import read
from chaosllm.record import Outcome
from chaosllm.scenario import Load, Role
from chaosllm.verdict import find

TEXT = """\
version: 1
name: short
seed: {seed}
upstreams:
  - {{provider: openai, url: simulator}}
load: {{rate: {rate}}}
phases:
  - {{name: baseline, duration: {baseline}}}
  - name: storm
    duration: {storm}
    rules:
      - fault: rate_limit
  - {{name: recovery, duration: {recovery}}}
objectives:
  - {objective}
"""


def warnings(objective, *, rate="10/s", baseline="60s", storm="60s", recovery="60s", seed=7):
    text = TEXT.format(objective=objective, rate=rate, baseline=baseline, storm=storm, recovery=recovery, seed=seed)
    return [problem for problem in read(text).problems if problem.level is Level.WARNING]


#: Objective, then durations of baseline, storm and recovery.
ROWS = [
    ("success_rate(storm) >= 95%", 10, 5, 5),
    ("success_rate(storm) >= 95%", 10, 2.55, 5),
    ("success_rate(storm) >= 95%", 10, 2.6, 5),
    ("success_rate(storm) > 90%", 10, 1, 5),
    ("error_rate(storm) <= 1%", 10, 13.3, 5),
    ("error_rate(storm) <= 1%", 10, 13.4, 5),
    ("error_rate(storm) <= 0%", 10, 0.45, 5),
    ("error_rate(storm) <= 0%", 10, 0.55, 5),
    ("latency_p50(storm) <= 2s", 10, 1, 5),
    ("latency_p95(storm) <= 2s", 1, 14.9, 5),
    ("latency_p95(storm) <= 2s", 1, 15, 5),
    ("latency_p95(storm) <= 2 * latency_p95(baseline)", 14, 16, 5),
    ("latency_p95(storm) <= 2 * latency_p95(baseline)", 16, 16, 5),
    ("retry_amplification(storm) <= 1.5", 1, 5, 5),
    ("retry_amplification(storm) <= 1.5", 5, 1, 5),
    ("retry_amplification(storm) <= 1.5", 5, 5, 5),
    ("attempt_peak(storm) <= 3", 5, 1, 5),
] + [
    (f"time_to_recover <= {bound}s", 5, 5, recovery)
    for bound, recovery in ((1, 1), (1, 2), (1, 3), (1, 6), (5, 6), (5, 10), (10, 15), (10, 16), (20, 30), (20, 33))
]


def well(number, due, phase):
    return made.calm(number, due, phase) if phase.role is not Role.FAULT else Operation(tries=[Try(rule=made.RULE)])


def badly(number, due, phase):
    """Fails, slowly and after many attempts, from the storm on."""
    if phase.role not in (Role.FAULT, Role.RECOVERY):
        return made.calm(number, due, phase)
    return Operation(Outcome.ERROR, 9.0, [refused(at) for at in range(8)])


@pytest.mark.parametrize(("text", "baseline", "storm", "recovery"), ROWS)
def test_warned_of_is_what_a_run_would_not_decide(text, baseline, storm, recovery):
    """Without a warning the best app passes and the worst one fails; with one, one of the two is undecided."""
    objective = made.objective(text)
    scenario = made.scenario(
        warmup=0, baseline=baseline, fault=storm, recovery=recovery, objectives=[objective],
        load=Load(rate=20.0, arrivals="constant"),
    )  # fmt: skip
    short = list(Samples(scenario.phases, scenario.load, scenario.seed).shortages([objective]))
    verdicts = []
    for conduct in (well, badly):
        run = made.run(conduct, scenario)
        verdicts += [one.verdict for one in judge_objectives(run, find(run)[0], lambda _: None)]
    assert (verdicts == ["pass", "fail"]) is not bool(short)


@pytest.mark.parametrize(
    ("objective", "phases"),
    [
        ("success_rate(storm) >= 95%", {"storm": "3s"}),
        ("latency_p95(storm) <= 2s", {"storm": "12s"}),
        ("latency_p99(storm) <= 2s", {}),
        ("latency_p95(storm) <= 2 * latency_p95(baseline)", {"baseline": "20s"}),
        ("retry_amplification(storm) <= 1.5", {"baseline": "1s"}),
        ("time_to_recover <= 30s", {"recovery": "30s"}),
        ("time_to_recover <= 3s", {"recovery": "2s"}),
        ("time_to_recover <= 3s", {"recovery": "10s", "rate": "1/s"}),
        ("goodput(storm) >= 9.9/s", {"storm": "10s"}),
    ],
)
def test_cure_cures(objective, phases):
    """The length that a warning proposes, and the load, are enough: for 30 seeds nothing is warned of any more."""
    (warning,) = warnings(objective, **phases)
    proposals = [
        {**phases, found[1]: found[2]} for found in re.finditer(r"make (\w+) ([\w.]+)", warning.hint)
    ] + [{**phases, "rate": found[1]} for found in re.finditer(r"load\.rate ([\d.]+/s)", warning.hint)]  # fmt: skip
    assert proposals
    for proposal in proposals:
        assert not [one for seed in range(30) for one in warnings(objective, **proposal, seed=seed)], proposal


def test_warning_stands_on_the_objective_and_says_the_numbers():
    """The line is the objective's; phase, operations needed and had, and what to change are named."""
    (warning,) = warnings("latency_p95(storm) <= 2s", storm="12s")
    assert warning.where.line == 15
    assert warning.what == "`latency_p95(storm) <= 2s` needs 300 operations of storm, it has 124"
    assert warning.hint == "make storm 37s, or load.rate 31/s"


def test_long_runs_are_counted_by_their_mean():
    """Of ten million operations none is looked at, and the verdict of the warning is the same."""
    assert warnings("latency_p95(storm) <= 2s", baseline="10h", recovery="10h", rate="100/s", storm="1s")
    assert not warnings("latency_p95(storm) <= 2s", baseline="10h", recovery="10h", rate="100/s", storm="5s")


def test_one_recovery_that_can_fail_is_enough():
    """After several faults each recovery must have operations enough; that it never recovers, one may show."""
    text = TEXT.format(
        objective="time_to_recover <= 15s", rate="10/s", baseline="60s", storm="20s", recovery="60s", seed=7
    )
    again = "  - {name: calm, duration: CALM}\n  - {name: again, duration: 20s, rules: [{fault: hang}]}\n"
    both = text.replace("  - {name: recovery", again + "  - {name: recovery")

    def said(calm, recovery="60s"):
        told = both.replace("CALM", calm).replace("recovery, duration: 60s", f"recovery, duration: {recovery}")
        return [problem.what for problem in read(told).problems]

    assert said("10s") == []
    assert "it has" in said("2s")[0]
    assert "can pass, but not fail: 12s of recovery" in said("10s", "12s")[0]


def test_users_who_come_in_bursts_need_more():
    """The cure of gamma arrivals is enough for every seed too, and longer than that of Poisson ones."""
    load = "{{rate: {rate}}}"
    text = TEXT.replace(load, "{{rate: {rate}, arrivals: gamma, cv: 3}}")

    def told(storm, seed=7):
        filled = text.format(
            objective="latency_p95(storm) <= 2s", rate="10/s", baseline="60s", storm=storm, recovery="60s", seed=seed
        )
        return [problem for problem in read(filled).problems if "needs 300" in problem.what]

    found = re.match(r"make storm ([\w.]+), or", told("5s")[0].hint)
    assert not [one for seed in range(30) for one in told(found[1], seed)]
    assert told("31s", 4) or told("31s", 5) or told("31s", 6)


def test_load_of_a_locustfile_is_not_known():
    """A closed loop's operations are known by nobody beforehand, so nothing is warned of."""
    text = TEXT.format(
        objective="latency_p95(storm) <= 2s", rate="1/s", baseline="9s", storm="9s", recovery="9s", seed=7
    )
    closed = text.replace("load: {rate: 1/s}", "load: {locustfile: users.py, users: 5}")
    problems = [problem.what for problem in read(closed).problems]
    assert problems or read(closed).scenario is not None
    assert not [what for what in problems if "needs" in what]
