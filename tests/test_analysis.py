"""What is measured by phase, by rule and over time."""

import json
from dataclasses import replace

import pytest
import run_factory as made
from run_factory import Operation, Try

from chaosllm.analysis import analyse, injection
from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.mix import Mix
from chaosllm.record import Did, Ended, Event, Outcome, RulePart
from chaosllm.scenario import Operation as Asked


def test_a_phase_block_has_what_the_contract_says():
    """The block of a phase holds role, counts, success rate with interval, percentiles and ratios."""
    found = analyse(made.run()).phases["storm"]
    assert found["role"] == "fault"
    assert (found["operations"], found["attempts"]) == (400, 800)
    assert found["attempts_by_provider"] == {"openai": 800}
    assert found["outcomes"] == {"good": 400, "degraded": 0, "wrong": 0, "error": 0, "hang": 0, "dropped": 0}
    assert found["success_rate"]["value"] == 1.0
    assert found["success_rate"]["low"] == pytest.approx(0.99, abs=0.001)
    assert found["latency"] == pytest.approx({"p50": 1.3, "p95": 1.3, "p99": 1.3})
    assert set(found["ttft"]) == {"p50", "p95"}
    assert found["goodput"] == pytest.approx(20)
    assert found["retry_amplification"] == 2.0
    assert found["cost_amplification"] == pytest.approx(1.0)
    assert found["effective_n"] == 400


def test_attempts_by_provider_tell_fallback_apart():
    """Calls to the second provider are counted as its own."""
    run = made.run(
        made.only_in_storm(lambda number: Operation(tries=[made.refused(), Try(at=1, provider="anthropic")]))
    )
    assert analyse(run).phases["storm"]["attempts_by_provider"] == {"openai": 400, "anthropic": 400}


def test_without_the_join_attempts_are_those_of_the_proxys_clock():
    """Phase totals are still shown when calls cannot be matched."""

    def spoil(samples, events):
        for at, event in enumerate(events):
            events[at] = replace(event, operation=None)

    found = analyse(made.run(change=spoil)).phases["storm"]
    assert found["attempts"] == 800
    assert found["retry_amplification"] is None
    assert "0% of calls" in found["metrics"]["retry_amplification"]["why"]


def part(planned, fired, delivered, why="", **event):
    return Event(
        "c", 30.0, phase="storm", rules=[RulePart(made.RULE, "rate_limit", planned, fired, delivered, why)], **event
    )


@pytest.mark.parametrize(
    ("event", "counts"),
    [
        (part(False, False, False), (1, 0, 0, 0, 0, 0, 0)),
        (part(True, True, True), (1, 1, 1, 1, 0, 0, 0)),
        (part(True, False, False, "max_active_faults"), (1, 1, 0, 0, 1, 0, 0)),
        (part(True, False, False), (1, 1, 0, 0, 0, 0, 0)),  # lost, not capped: nothing says which limit
        (part(True, True, False, ended=Ended.IN_FLIGHT), (1, 1, 1, 0, 0, 1, 0)),
        (part(True, True, False, "no tool call", did=Did.SKIPPED), (1, 1, 1, 0, 0, 0, 1)),
        (part(True, True, False), (1, 1, 1, 0, 0, 0, 0)),
    ],
)
def test_injection_counts_are_those_of_law_4(event, counts):
    """Eligible, planned, fired, delivered, capped, in flight and skipped are told apart."""
    (row,) = injection(join(made.scenario(), Samples.of([]), [event], {}))
    found = (row.eligible, row.planned, row.fired, row.delivered, row.capped, row.in_flight, row.skipped)
    assert found == counts


def test_a_rule_that_never_came_up_is_listed_with_zeros():
    """Silence of a rule is shown, not left out."""
    (row,) = injection(made.run(made.calm, change=lambda samples, events: events.clear()))
    assert (row.rule, row.phase, row.eligible) == (made.RULE, "storm", 0)


@pytest.mark.parametrize("of", [{}, {"baseline": 0}, {"recovery": 0}, {"fault": 0, "rules": ()}])
def test_empty_records_are_analysed_without_a_trace(of):
    """No sample and no event give zeros and nulls that JSON can hold."""
    run = join(made.scenario(**of), Samples.of([]), [], {})
    found = analyse(run)
    json.dumps(found.phases, allow_nan=False)
    assert all(phase["operations"] == 0 for phase in found.phases.values())
    assert all(phase["success_rate"]["value"] is None for phase in found.phases.values())


def test_several_operations_are_told_apart():
    """Each by its own count, share and percentiles; they add up to the phase's."""
    of = made.scenario()
    both = (Asked(name="chat", weight=3.0), Asked(name="search"))
    of = replace(of, target=replace(of.target, operations=both))
    mix = Mix(of.target, of.seed)

    def conduct(number, due, phase):
        return Operation(Outcome.ERROR if mix.name(number) == "search" else Outcome.GOOD)

    block = analyse(made.run(conduct, of)).phases["storm"]
    told = block["by_operation"]
    assert [*told] == ["chat", "search"]
    assert sum(one["operations"] for one in told.values()) == block["operations"] == 400
    assert told["chat"]["operations"] > 2 * told["search"]["operations"]
    assert (told["chat"]["success_rate"]["value"], told["search"]["success_rate"]["value"]) == (1.0, 0.0)
    assert sum(one["attempts"] for one in told.values()) == block["attempts"]
    assert told["chat"]["latency"]["p95"] == block["latency"]["p95"]
    json.dumps(told, allow_nan=False)
    assert "by_operation" not in analyse(made.run()).phases["storm"]
