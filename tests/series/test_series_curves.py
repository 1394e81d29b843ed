"""Cumulative curves, against counting."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest

from chaosllm.chunk_gaps import middle, place
from chaosllm.series.curves import MOST_POINTS, cumulative, of_classes, pooled


@pytest.mark.parametrize("n", [1, 2, 7, 199, 5000])
def test_each_point_is_the_share_at_or_below_it(n):
    """No point lies: so many really ended by then; the thinned curve keeps its first, its last and its middle."""
    chance = random.Random(n)
    values = [chance.choice([chance.lognormvariate(0, 1), 1.0, math.inf, math.nan]) for _ in range(n)] + [0.5]
    found = cumulative(np.array(values))
    real = [value for value in values if not math.isnan(value)]
    assert found is not None
    assert found.n == len(real)
    assert len(found.x) <= MOST_POINTS + 1
    for x, share in zip(found.x, found.share, strict=True):
        assert share == pytest.approx(sum(value <= x for value in real) / len(real))
    ended = [value for value in real if math.isfinite(value)]
    assert found.x[-1] == max(ended)
    assert found.share[-1] == pytest.approx(len(ended) / len(real))
    assert (np.diff(found.x) > 0).all()
    assert max(np.diff(found.share, prepend=0)) <= 0.02 + max(real.count(v) / len(real) for v in set(ended))


def test_half_is_read_off_where_half_had_ended():
    """The time at a share is the first by which so many had ended, and none when they never had."""
    found = cumulative(np.array([1.0, 2.0, 3.0, math.inf]))
    assert found is not None
    assert (found.at(0.25), found.at(0.5), found.at(0.75)) == (1, 2, 3)
    assert math.isnan(found.at(0.95))
    assert found.never == 0.25


def test_hangs_alone_are_a_curve_without_a_point():
    """A phase in which nobody got anything is not a phase without users; dropped operations alone are none."""
    found = cumulative(np.array([math.inf, math.nan, math.inf]))
    assert found is not None
    assert (len(found.x), found.n, found.never) == (0, 2, 1.0)
    assert math.isnan(found.at(0.5))
    assert cumulative(np.array([math.nan])) is None
    assert cumulative(np.array([])) is None


def test_gaps_are_pooled_over_answers():
    """Counts by class add up over the rows asked for; rows without gaps, and rows past the record, add none."""
    stored = [[3, 2, 7, 1], [], [3, 5], [9, 100]]
    found = pooled(stored, [0, 1, 2, 99])
    assert {at: int(count) for at, count in enumerate(found) if count} == {3: 7, 7: 1}
    assert of_classes(pooled(stored, [1])) is None


def test_curve_of_classes_is_within_five_percent():
    """The median of a million gaps is kept although only their classes are."""
    chance = random.Random(1)
    gaps = sorted(chance.lognormvariate(-3, 0.5) for _ in range(4001))
    found = of_classes(pooled([[place(gap), 1] for gap in gaps], range(len(gaps))))
    assert found is not None
    assert found.n == 4001
    assert found.at(0.5) == pytest.approx(gaps[2000], rel=0.06)
    assert found.x[0] == middle(place(gaps[0]))
