"""The run over time, against loops over its samples."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation

from chaosllm.columns import Samples
from chaosllm.join import join
from chaosllm.record import Outcome
from chaosllm.series.timeline import LEAST, MOST_WINDOWS, good_in_time, percentiles, rates, windows


def ragged(seed: int = 1, **more):
    chance = random.Random(seed)

    def conduct(number, due, phase):
        outcome = chance.choice(list(Outcome))
        tries = [] if outcome is Outcome.DROPPED else [made.Try(at=0.3 * at) for at in range(chance.randint(1, 3))]
        return Operation(outcome, chance.uniform(0.05, 4), tries)

    return made.run(conduct, **more)


@pytest.mark.parametrize("stopped", [False, True])
def test_rates_are_those_of_a_loop(stopped):
    """Each operation counts where it was due, each call where it was made, each window by its own length."""
    run = ragged(until=41.3, meta={"stopped": "limit"}) if stopped else ragged()
    into = windows(run)
    found = rates(run, into)
    samples = run.samples
    for at, (low, high) in enumerate(zip(into.edges[:-1], into.edges[1:], strict=True)):
        last = at == len(into) - 1
        rows = [
            row
            for row in range(len(samples))
            if (low <= samples.t_due[row] < high or (last and samples.t_due[row] == high)) and not run.unfinished[row]
        ]
        assert found.offered[at] * (high - low) == pytest.approx(len(rows))
        good = [row for row in rows if samples.was(Outcome.GOOD)[row]]
        assert found.goodput[at] * (high - low) == pytest.approx(len(good))
        for outcome in Outcome:
            count = sum(bool(samples.was(outcome)[row]) for row in rows)
            assert found.outcomes[outcome.value][at] * (high - low) == pytest.approx(count)
        calls = [event for event in run.events if low <= event.t < high or (last and event.t == high)]
        assert found.calls[at] * (high - low) == pytest.approx(len(calls))


def test_no_window_holds_parts_of_two_phases():
    """Each border of a phase is a border of windows, up to where the run went."""
    run = ragged(until=41.3, meta={"stopped": "limit"})
    into = windows(run)
    assert {5.0, 25.0} <= set(into.edges)
    assert into.edges[-1] == pytest.approx(41.25)
    assert (into.widths > 0).all()


@pytest.mark.parametrize("hours", [0.01, 1, 30])
def test_windows_are_few(hours):
    """However long a run is, there are about as many windows as a phone can show."""
    run = made.run(made.calm, made.scenario(baseline=3600 * hours), rate=0.2 / hours)
    assert 3 <= len(windows(run)) <= MOST_WINDOWS + len(run.scenario.phases)


def test_percentiles_are_order_statistics_where_enough_operations_bear_them():
    """Of fewer than 20 operations there is no p95, of fewer than 100 no p99; the slowest is always told."""
    for rate in (2.0, 20.0, 150.0):
        run = ragged(rate=rate, of=made.scenario(baseline=10, fault=5, recovery=5))
        into = windows(run)
        found = percentiles(run, run.latency, into)
        at = into.at(run.samples.t_due)
        for window in range(len(into)):
            values = sorted(v for v, w in zip(run.latency, at, strict=True) if w == window and math.isfinite(v))
            assert found.n[window] == len(values)
            assert found.slowest[window] == pytest.approx(values[-1] if values else np.nan, nan_ok=True)
            for q, row in found.of.items():
                if len(values) < LEAST[q]:
                    assert np.isnan(row[window])
                else:
                    assert row[window] == values[math.ceil(len(values) * q / 100 - 1e-9) - 1]


def test_goodput_keeps_to_the_objectives_of_its_phase():
    """A good answer that came later than its phase's objective allows is none in time."""
    slow = made.only_in_storm(lambda number: Operation(seconds=2.0 if number % 2 else 0.2))
    run = made.run(slow, made.scenario(objectives=[made.objective("latency_p95(storm) <= 1s")]))
    storm = run.due("storm")
    assert good_in_time(run)[storm].sum() == len(storm) / 2
    assert good_in_time(run)[run.due("baseline")].all()


def test_a_run_that_never_began_has_no_window():
    """Without a sample a stopped run has no time at all, and an unstopped one has empty windows."""
    assert len(windows(join(made.scenario(), Samples.of([]), [], {"stopped": "limit"}))) == 0
    run = join(made.scenario(), Samples.of([]), [], {"driver": {"due": 0}, "proxy": {"lag_p99": 0}})
    assert rates(run, windows(run)).offered.sum() == 0
