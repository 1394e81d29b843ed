"""The way back after a fault."""

from __future__ import annotations

import math

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation

from chaosllm.record import Outcome
from chaosllm.scenario import Role
from chaosllm.series.returns import way_back


def late(seconds: float):
    """Bad in the storm and for some time after it."""

    def conduct(number, due, phase):
        bad = phase.role is Role.FAULT or (phase.role is Role.RECOVERY and due < phase.start + seconds)
        return Operation(Outcome.ERROR, 0.1) if bad else made.calm(number, due, phase)

    return conduct


def test_the_turn_is_where_service_came_back():
    """Shares before and after the end of the fault are those of a loop, and time counts from that end."""
    run = made.run(late(4.0))
    found = way_back(run)
    assert found is not None
    assert (found.fault, found.took.value, found.never, found.lasts) == ("storm", 4.0, False, 30)
    end = 45.0
    for low, high, share, n in zip(found.edges[:-1], found.edges[1:], found.good, found.n, strict=True):
        rows = [row for row in range(len(run.samples)) if low <= run.samples.t_due[row] - end < high]
        assert n == len(rows)
        assert share == pytest.approx(np.mean([run.good[row] for row in rows]))
    assert found.edges[0] < 0 < found.edges[-1]
    assert found.edges[-1] == 16, "four times as long as it took, so that the turn is not in a corner"
    assert (found.before_good, found.before_p95) == (1.0, pytest.approx(0.294, abs=0.01))


def test_never_is_told_from_unknown():
    """An app that stays down never came back; a recovery too short to judge says neither."""
    never = way_back(made.run(late(99)))
    assert never is not None
    assert never.never
    short = way_back(made.run(late(0), made.scenario(recovery=2), rate=2))
    assert short is not None
    assert (short.took.value, short.never) == (None, False)
    assert short.took.why


def test_without_a_recovery_there_is_no_way_back():
    """A run that ends with its fault, or was stopped in it, shows none."""
    assert way_back(made.run(late(1), made.scenario(recovery=0))) is None
    assert way_back(made.run(late(1), until=40, meta={"stopped": "limit"})) is None


def test_no_baseline_leaves_its_lines_out():
    """Without a baseline nothing is held against it."""
    found = way_back(made.run(late(1), made.scenario(baseline=0)))
    assert found is not None
    assert math.isnan(found.before_good)
    assert found.took.value is None
