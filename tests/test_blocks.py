"""Rounds of a repeated phase are one thing to judge: metrics, objectives, findings and reports."""

from dataclasses import replace

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.analysis import analyse, measure
from chaosllm.reader import read
from chaosllm.record import Outcome
from chaosllm.verdict import judge

TEXT = """\
version: 1
name: rounds
upstreams: [{provider: openai, url: simulator}]
load: {rate: 20/s, arrivals: constant}
phases:
  - name: block
    repeat: 3
    phases:
      - {name: baseline, duration: 10s}
      - {name: storm, duration: 20s, rules: [{fault: rate_limit}]}
  - {name: recovery, duration: 60s}
objectives: [success_rate(storm) >= 50%, success_rate(storm) >= 95%, hang(storm) == 0]
"""


def conduct(number, due, phase):
    """In the second storm users wait for ever; in each storm every call is refused once by its own rule."""
    if phase.block != "storm":
        return made.calm(number, due, phase)
    refused = Try(0.0, 0.01, 429, phase.rules[0].name, fields={"retry_after": 1.0})
    if phase.name == "storm-2" and number % 10 == 0:
        return Operation(Outcome.HANG, 30.0, [refused])
    return Operation(seconds=1.3, tries=[refused, Try(at=1.2)])


@pytest.fixture(scope="module")
def run():
    return made.run(conduct, read(TEXT).unwrap())


def test_block_counts_all_rounds(run):
    """A metric of a block is that of all its operations, over all its seconds."""
    parts = [measure(run, "success_rate", f"storm-{at}") for at in (1, 2, 3)]
    whole = measure(run, "success_rate", "storm")
    assert whole.n == sum(part.n for part in parts) == 1200
    assert [part.value for part in parts] == [1, 0.9, 1]
    assert whole.value == pytest.approx(np.mean([part.value for part in parts]))
    assert run.seconds("storm") == 60
    assert run.hits["storm"] == sum(run.hits[f"storm-{at}"] for at in (1, 2, 3))


def test_block_is_held_against_all_rounds_of_its_baseline(run):
    """The ratio of a block is over the whole alternating baseline, that of one round over the round before it."""
    for name, baseline in (("storm", "baseline"), ("storm-3", "baseline-3"), ("storm-1", "baseline-1")):
        here, there = (measure(run, "attempts", one).value for one in (name, baseline))
        assert measure(run, "retry_amplification", name).value == pytest.approx(here / there)
    assert run.due("baseline").size == 3 * run.due("baseline-2").size


def test_single_round_is_as_any_phase(run):
    """A block of one round has the numbers of its phase, interval included."""
    once = made.run(conduct, read(TEXT.replace("repeat: 3", "repeat: 1")).unwrap())
    block, phase = measure(once, "latency_p95", "storm"), measure(once, "latency_p95", "storm-1")
    assert (block.value, block.low, block.high, block.n) == (phase.value, phase.low, phase.high, phase.n)


def test_objectives_and_findings_name_the_block(run):
    """An objective on a block is decided by all rounds, and a finding in one of them is told of the block, once."""
    summary = judge(run)
    assert [one["verdict"] for one in summary["objectives"]] == ["pass", "inconclusive", "fail"]
    hangs = [one for one in summary["findings"] if one["code"] == "hang"]
    assert [(one["phase"], one["count"], one["of"]) for one in hangs] == [("storm", 40, 1200)]
    assert list(analyse(run).phases) == [phase.name for phase in run.scenario.phases]


def test_recovery_after_rounds(run):
    """Time to recover is measured after the last round, against the baseline in all rounds."""
    assert measure(run, "time_to_recover", None).value == 0
    never = made.run(
        lambda number, due, phase: (
            replace(conduct(number, due, phase), outcome=Outcome.ERROR)
            if phase.name == "recovery"
            else conduct(number, due, phase)
        ),
        read(TEXT).unwrap(),
    )
    assert measure(never, "time_to_recover", None).value is None
