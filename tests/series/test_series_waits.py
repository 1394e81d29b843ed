"""Pauses before the next attempt beside what Retry-After asked for."""

from __future__ import annotations

import math

import numpy as np
import pytest
import run_factory as made
from run_factory import Operation, Try, refused

from chaosllm.record import Outcome
from chaosllm.series import waits as module
from chaosllm.series.waits import MOST_ROWS, waits


def storm(number: int) -> Operation:
    """By turns: waits 1.2 s where 1 s was asked, 0.5 s where 2 s were, gives up, or pauses 0.3 s unasked."""
    match number % 4:
        case 0:
            return Operation(seconds=1.4, tries=[refused(retry_after=1.0), Try(at=1.21)])
        case 1:
            return Operation(seconds=0.7, tries=[refused(retry_after=2.0), Try(at=0.51)])
        case 2:
            return Operation(Outcome.ERROR, 0.1, [refused(retry_after=2.0)])
        case _:
            return Operation(seconds=0.5, tries=[refused(retry_after=None), Try(at=0.31)])


def test_each_failure_is_in_the_row_of_its_wish():
    """What was asked, what was done, and what was given up are counted apart."""
    found = waits(made.run(made.only_in_storm(storm)))
    assert found is not None
    one, two, own = found.rows
    assert (one.low, one.high, int(one.kept.sum()), int(one.soon.sum()), one.over) == (1, 1, 100, 0, 0)
    assert (two.low, int(two.kept.sum()), int(two.soon.sum()), two.over, two.n) == (2, 0, 100, 100, 200)
    assert math.isnan(own.low)
    assert (int(own.kept.sum()), int(own.soon.sum())) == (100, 0)
    assert (found.asked, found.soon, found.every) == (300, 100, 1)
    assert (found.gap, found.wish) == (pytest.approx(0.5), 2.0)


def test_a_pause_stands_in_its_bin():
    """The bin of a pause holds it, and the shortest and the longest are not lost."""
    found = waits(made.run(made.only_in_storm(storm)))
    assert found is not None
    for row, gap in zip(found.rows, (1.2, 0.5, 0.3), strict=True):
        (place,) = np.flatnonzero(row.soon + row.kept)
        assert found.edges[place] <= gap * 1.0001
        assert gap <= found.edges[place + 1] * 1.0001
    quick = waits(made.run(made.only_in_storm(lambda _: Operation(tries=[refused(retry_after=0.06), Try(at=0.01)]))))
    assert quick is not None
    assert quick.rows[0].soon[0] == 400, "no pause at all is in the first bin"


def test_many_wishes_share_rows():
    """A hundred values of Retry-After are five rows, each with its range, and none is lost."""
    spread = made.only_in_storm(lambda n: Operation(tries=[refused(retry_after=1.005 + n % 100 / 100), Try(at=1.5)]))
    found = waits(made.run(spread))
    assert found is not None
    assert len(found.rows) == MOST_ROWS
    assert sum(row.n for row in found.rows) == 400
    assert all(one.high < other.low for one, other in zip(found.rows, found.rows[1:], strict=False))
    assert found.soon == sum(1.005 + n % 100 / 100 - 0.05 > 1.49 for n in range(500, 900))


def test_of_very_many_failures_every_kth_is_looked_at(monkeypatch):
    """The part that was looked at is told, and is spread over the whole run."""
    monkeypatch.setattr(module, "MOST_OPERATIONS", 100)
    found = waits(made.run(made.only_in_storm(storm)))
    assert found is not None
    assert found.every == 4
    assert sum(row.n for row in found.rows) == 100


def test_no_failure_is_no_wait():
    """A calm run, and one whose failures nobody tried again unasked, have nothing to show."""
    assert waits(made.run(made.calm)) is None
    gave_up = made.only_in_storm(lambda _: Operation(Outcome.ERROR, 0.1, [refused(retry_after=None)]))
    assert waits(made.run(gave_up)) is None
