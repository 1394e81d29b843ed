"""Calls by operation and by provider, and what they were billed, against loops over the events."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.join import join
from chaosllm.prices import PRICES, Price
from chaosllm.record import Outcome
from chaosllm.series.calls import BINS, by_provider, histogram
from chaosllm.series.groups import groups
from chaosllm.series.spending import bills


def conduct(number, due, phase):
    """In the storm: refusals before an answer, a second provider now and then, and operations never sent."""
    if phase.role is not made.Role.FAULT:
        return Operation(tries=[Try(model="gpt-4o")])
    if number % 11 == 0:
        return Operation(Outcome.DROPPED, tries=[])
    tries = [refused(at=0.1 * at) for at in range(number % 9)]
    last = Try(at=2, provider="anthropic", model="nobody-knows") if number % 3 == 0 else Try(at=2, model="gpt-4o")
    return Operation(Outcome.ERROR if number % 5 == 0 else Outcome.GOOD, 2.2, [*tries, last])


def group(run, name):
    return next(one for one in groups(run) if one.name == name)


def test_histogram_counts_the_calls_of_each_operation_sent():
    """Shares are those of operations sent, in bins that tell one from two and a storm from a few."""
    run = made.run(conduct)
    found = histogram(run, group(run, "storm"))
    assert found is not None
    numbers = [number for number in range(500, 900) if number % 11]
    calls = [number % 9 + 1 for number in numbers]
    named = Counter("6 to 10" if n >= 6 else str(n) for n in calls)
    for name, share in zip(BINS, found.shares, strict=True):
        assert share == pytest.approx(named[name] / len(calls))
    assert (found.mean, found.most, found.n) == (pytest.approx(sum(calls) / len(calls)), 9, len(calls))


@pytest.mark.parametrize("matched", [True, False])
def test_calls_by_provider_are_those_of_the_events(matched):
    """Calls over operations sent; where calls cannot be matched, the proxy's phase says whose they are."""
    run = made.run(conduct)
    if not matched:
        run = join(run.scenario, run.samples, [replace(event, operation=None) for event in run.events], run.meta)
    found = groups(run)
    providers, rate = by_provider(run, found)
    assert providers == ["openai", "anthropic"]
    for at, one in enumerate(found):
        rows = set(run.rows(one.name) if matched else run.due(one.name))
        sent = sum(run.samples.outcome[row] != list(Outcome).index(Outcome.DROPPED) for row in rows)
        for place, name in enumerate(providers):
            mine = [event for event in run.events if event.phase == one.name and event.provider == name]
            calls = sum(not matched or event.operation in rows for event in mine)
            assert rate[at, place] == pytest.approx(calls / sent)


def test_bills_add_up_call_by_call():
    """Refused calls cost nothing; a model without a price is an estimate, and only its phase says so."""
    run = made.run(conduct, made.scenario(prices={"gpt-4o": Price(1.0, 2.0)}))
    before, storm, _ = bills(run, groups(run))
    n = len(run.rows("baseline"))
    assert (before.tokens_in, before.tokens_out, before.good) == (10 * n, 50 * n, n)
    assert before.usd == pytest.approx(n * (10 * 1.0 + 50 * 2.0) / 1e6)
    assert not before.estimated
    served = [event for event in run.events if event.phase == "storm" and event.status == 200]
    ours = sum(event.model == "gpt-4o" for event in served)
    theirs = len(served) - ours
    assert storm.tokens == 60 * len(served)
    assert storm.usd == pytest.approx((ours * (10 + 100) + theirs * (10 * 2.5 + 50 * 10)) / 1e6)
    assert storm.estimated
    assert storm.per_good(storm.tokens) == pytest.approx(storm.tokens / run.good[run.due("storm")].sum())
    assert PRICES["gpt-4o"].input == 2.5, "what an unknown model is taken to cost"
