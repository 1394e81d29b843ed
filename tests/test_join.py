"""Operations and attempts find each other, and nothing is guessed."""

import time
from dataclasses import replace

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.record import Did, Ended, Event, Outcome, RulePart, Sample


def test_attempts_belong_to_their_operation_in_order_of_time():
    """The calls of an operation come back in order, whatever the order of the log."""
    run = made.run(change=lambda samples, events: events.reverse())
    row = int(run.due("storm")[3])
    assert [event.call for event in run.attempts_of(row)] == [f"op-{row}/call-0", f"op-{row}/call-1"]
    assert run.match_rate == 1.0


def test_an_operation_belongs_to_the_phase_in_which_it_was_due():
    """A due time on a border belongs to the phase that begins there; times outside belong to none."""
    scenario = made.scenario()
    samples = Samples.of([Sample(number, t) for number, t in enumerate([0.0, 4.999, 5.0, 74.999, 75.0, -1.0])])
    assert join(scenario, samples, [], {}).phase_of.tolist() == [0, 0, 1, 3, -1, -1]


def test_samples_in_any_order_are_found():
    """The driver writes operations as they end, not as they were due."""
    run = made.run(change=lambda samples, events: samples.reverse())
    row = int(np.flatnonzero(run.samples.operation == 500)[0])
    assert {event.operation for event in run.attempts_of(row)} == {500}


def test_preflight_is_left_out():
    """What was called before the phases is no part of the run."""
    run = made.run(change=lambda samples, events: events.append(Event("call-x", -1.0, phase="preflight")))
    assert all(event.phase != "preflight" for event in run.events)


def test_match_rate_counts_unknown_and_strange_operations():
    """A call without an operation, or of one that no sample has, is not matched."""

    def spoil(samples, events):
        for at in range(0, len(events), 10):
            events[at] = replace(events[at], operation=None if at % 20 else 10**9)

    run = made.run(made.calm, change=spoil)
    assert run.match_rate == 0.9
    assert not run.joined


def test_calls_outside_the_phases_do_not_lower_the_match_rate():
    """Calls after the last phase say nothing about the join."""
    run = made.run(change=lambda samples, events: events.append(Event("call-x", 80.0)))
    assert run.match_rate == 1.0


def test_baseline_leaves_out_what_reached_into_the_fault():
    """An operation of the baseline that ended under the fault is no baseline; in other phases it stays."""
    run = made.run(lambda number, due, phase: Operation(seconds=3.0))
    assert len(run.due("baseline")) == 400
    assert run.samples.t_end[run.rows("baseline")].max() <= 25.0
    assert len(run.rows("baseline")) == 341
    assert len(run.rows("storm")) == len(run.due("storm"))


def test_a_dropped_operation_stays_in_the_baseline():
    """What was never sent cannot reach into the fault, and must count."""
    run = made.run(lambda number, due, phase: Operation(Outcome.DROPPED, tries=[]))
    assert len(run.rows("baseline")) == 400


def test_a_hang_counts_as_the_deadline_or_more():
    """The latency of a hang is not shorter than the deadline; of a dropped operation there is none."""
    samples = Samples.of(
        [
            Sample(0, 0.0, 0.0, None, None, 10.2, Outcome.HANG),
            Sample(1, 0.0, 0.0, None, None, None, Outcome.HANG),
            Sample(2, 0.0),
            Sample(3, 0.0, 0.0, None, None, 0.5, Outcome.ERROR),
        ]
    )
    over = {"driver": {"due": 4}, "proxy": {"calls": 0}}
    latency = join(made.scenario(), samples, [], over).latency
    assert latency[[0, 1, 3]].tolist() == [10.2, 10.0, 0.5]
    assert np.isnan(latency[2])


def test_a_stop_does_not_make_hangs():
    """An operation that a stop cut off before its deadline is neither good nor bad."""
    samples = Samples.of(
        [
            Sample(0, 26.0, 26.0, None, None, 28.0, Outcome.HANG),
            Sample(1, 26.0, 26.0, None, None, 36.0, Outcome.HANG),
        ]
    )
    run = join(made.scenario(), samples, [], {"stopped": "interrupted"})
    assert run.unfinished.tolist() == [True, False]
    assert run.due("storm").tolist() == [1]


def test_a_skipped_fault_is_no_hit():
    """An operation met a fault only when the fault was played."""

    def skip(samples, events):
        for at, event in enumerate(events):
            if event.did is Did.INJECTED:
                events[at] = replace(event, did=Did.SKIPPED)

    assert made.run().hits["storm"] == 400
    assert made.run(change=skip).hits["storm"] == 0


@pytest.mark.parametrize(("seconds", "hits"), [(1.0, 20), (0.2, 4)])
def test_of_a_port_that_refused_the_operations_due_meanwhile_were_hit(seconds, hits):
    """Nobody sees who knocked: one second of 20 operations is 20 hits, many short ones of nobody are none."""

    def shut(_, events):
        events[:] = [event for event in events if event.phase == "baseline"]
        part = RulePart(made.RULE, "connection", planned=True, fired=True, delivered=True)
        met = {"did": Did.INJECTED, "ended": Ended.NO_ANSWER, "rules": [part], "phase": "storm", "provider": "openai"}
        events.append(Event("port-openai-3", 28.0, endpoint="connection", t_end=28.0 + seconds, **met))
        events += [Event("port-openai-9", 28.01, endpoint="connection", t_end=28.02, **met)]

    assert made.run(change=shut).hits["storm"] == hits


def test_nothing_joins_to_nothing():
    """A run without samples and events is a run."""
    run = join(made.scenario(), Samples.of([]), [], {})
    assert run.match_rate is None
    assert not run.joined
    assert run.attempts.tolist() == []
    assert run.hits == {"warmup": 0, "baseline": 0, "storm": 0, "recovery": 0}


def test_a_call_to_a_second_provider_is_an_attempt_too():
    """Attempts of an operation are its calls to every provider."""
    run = made.run(lambda number, due, phase: Operation(tries=[Try(), Try(at=0.1, provider="anthropic")]))
    assert (run.attempts == 2).all()


def test_a_million_samples_join_in_seconds():
    """Nothing loops over samples in Python."""
    count = 1_000_000
    due = np.arange(count) * 75.0 / count
    nothing = np.full(count, np.nan)
    samples = Samples(
        np.arange(count), due, due, nothing, nothing, due + 0.1, *(np.zeros(count) for _ in range(4)), np.zeros(count)
    )
    began = time.process_time()
    run = join(made.scenario(), samples, [Event("op-5/call-0", 1.0, operation=5, phase="warmup")], {})
    assert run.attempts[5] == 1
    assert len(run.rows("storm")) == 266_666
    assert np.nansum(run.latency) > 0
    assert time.process_time() - began < 10
