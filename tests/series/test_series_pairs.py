"""Two runs laid on one clock."""

from __future__ import annotations

import numpy as np
import pytest
import run_factory as made

from chaosllm.scenario import Role
from chaosllm.series.pairs import Pair, overlay, roles


def test_rates_are_those_of_a_count_by_hand():
    """In each window stand the operations of each run that were due in it, over its seconds."""
    pair = Pair(made.run(made.calm), made.run(made.calm, rate=5))
    found = overlay(pair)
    for (_, run), (_, rates) in zip(pair.sides, found.sides, strict=True):
        for at, (start, end) in enumerate(zip(found.into.edges, found.into.edges[1:], strict=False)):
            due = sum(bool(start <= t < end) for t in run.samples.t_due)
            assert rates.offered[at] == pytest.approx(due / (end - start))


def test_a_run_that_was_stopped_has_no_rate_after_its_end():
    """What was never asked is no goodput of 0, and the axis is that of the run that went on."""
    stopped = made.run(made.calm, until=12.0, meta={"stopped": "limit"})
    pair = Pair(stopped, made.run(made.calm))
    found = overlay(pair)
    assert pair.frame is pair.b
    past = found.into.edges[1:] > 12.2
    assert np.isnan(found.a.goodput[past]).all()
    assert not np.isnan(found.a.goodput[~past]).any()
    assert not np.isnan(found.b.goodput).any()


def test_phases_of_another_length_lie_over_each_other():
    """B of half the length is drawn at A's pace, and its rates are those of its own clock."""
    short = made.scenario(warmup=2.5, baseline=10, fault=10, recovery=10)
    pair = Pair(made.run(made.calm, made.scenario(warmup=5, baseline=20, fault=20, recovery=20)),
                made.run(made.calm, short), 0.5)  # fmt: skip
    found = overlay(pair)
    assert (pair.pace(pair.a), pair.pace(pair.b)) == (1.0, 0.5)
    assert not np.isnan(found.b.offered).any()
    assert np.nanmean(found.b.offered) == pytest.approx(np.nanmean(found.a.offered), rel=0.05)


def test_phases_are_paired_by_role():
    """Baseline with baseline, all faults with all faults; warm-up with none."""
    run = made.run(made.calm, rate=1)
    assert [mine.role for mine, _ in roles(Pair(run, run))] == [Role.BASELINE, Role.FAULT, Role.RECOVERY]
