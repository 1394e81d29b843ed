"""What one process records of itself: lag and CPU second by second, bounded, whatever its timers do."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.vitals import BOUNDS, MOST_BUSY, MOST_LAG, MOST_ROWS, STEP, TICKS, Signs, Vitals, near_limit


class Process:
    """A process whose loop is late by what `lags` says, tick by tick, and that uses `share` of a core."""

    def __init__(self, begun=100.0):
        self.now, self.used, self.share = begun, 5.0, 0.0
        self.vitals = Vitals(lambda: self.now, lambda: self.used, lambda: 2 * self.used)

    def pass_by(self, seconds, *, lag=0.0):
        """So many seconds in which each timer rings late by `lag`."""
        for _ in range(round(seconds / STEP)):
            self.tick(STEP, lag)

    def tick(self, after, lag=0.0):
        at = self.vitals._due if after == STEP else self.now + after
        moved = max(0.0, at + lag - self.now)
        self.now += moved
        self.used += moved * self.share
        self.vitals.beat(self.now)

    def signs(self):
        return Signs.read({"process": "proxy"} | self.vitals.to_json())


def test_a_second_is_its_share_of_a_core_and_its_median_lag():
    process = Process()
    process.share = 0.25
    process.pass_by(3, lag=0.002)
    signs = process.signs()
    assert signs.cpu == pytest.approx([0.25] * 3, abs=0.01)
    assert signs.wait == pytest.approx([0.5] * 3, abs=0.02)
    assert signs.lag == pytest.approx([0.002] * 3)
    assert sum(signs.counts) == 3 * TICKS
    assert process.vitals.newest == pytest.approx({"cpu": 0.25, "wait": 0.5, "lag": 0.002}, abs=0.02)


def test_a_loop_that_freezes_is_late_all_the_while():
    """Three seconds of silence are 60 late ticks, not one (coordinated omission)."""
    process = Process()
    process.pass_by(2)
    process.share = 1.0
    process.tick(3.0)
    process.share = 0.0
    process.pass_by(2)
    signs = process.signs()
    assert sum(lag > 0.4 for lag in signs.lag) == 3
    assert sum(cpu > MOST_BUSY for cpu in signs.cpu) == 3
    assert signs.worst == pytest.approx(3.0 - STEP, abs=0.01)
    assert signs.lag_at(0.5) < MOST_LAG < signs.lag_at(0.6) < 2 < signs.lag_at(0.9)


def test_a_short_hiccup_does_not_make_a_second_late():
    """One tick in twenty says nothing of the second, but shows in the maximum."""
    process = Process()
    process.pass_by(0.5)
    process.tick(STEP, lag=0.2)
    process.pass_by(1.5)
    signs = process.signs()
    assert max(signs.lag) == 0.0
    assert signs.worst == pytest.approx(0.2, abs=0.001)


def test_the_start_forgets_what_came_before_and_may_lie_ahead():
    process = Process()
    process.pass_by(5, lag=0.3)
    t0 = process.now + 0.2
    process.vitals.start(t0)
    process.pass_by(2)
    signs = process.signs()
    assert signs.t == t0
    assert (len(signs.cpu), signs.worst, signs.lag_at(1.0)) == (2, 0.0, 0.0)


@pytest.mark.parametrize("q", [0.5, 0.9, 0.99, 1.0])
@given(lags=st.lists(st.floats(0, 120), min_size=TICKS, max_size=TICKS))
def test_a_quantile_is_right_to_a_bucket(q, lags):
    """Never below the true one, and at most 15 % above it."""
    process = Process()
    process.vitals._lags = [*lags]
    process.vitals._close(process.now)
    true = sorted(lags)[max(0, -int(-q * TICKS // 1) - 1)]
    found = process.vitals.lag_at(q)
    assert found >= true - 1e-9
    assert found <= max(BOUNDS[0], true * 1.15) or found == max(lags)


def test_a_long_run_keeps_its_extremes_in_bounded_memory():
    process = Process()
    process.pass_by(10)
    process.share = 1.0
    process.pass_by(2, lag=0.2)
    process.share = 0.0
    process.pass_by(2 * MOST_ROWS)
    signs = process.signs()
    assert len(signs.cpu) <= MOST_ROWS
    assert signs.width in (2.0, 4.0)
    assert len(signs.cpu) * signs.width == pytest.approx(process.now - process.vitals._t0, abs=signs.width)
    assert max(signs.cpu) > MOST_BUSY
    assert max(signs.lag) == pytest.approx(0.1)  # each late tick stands for those 50 ms, 100 ms ... after it


def test_rows_are_those_of_whole_seconds_between_two_times():
    signs = Signs("proxy", t=100.0, cpu=[0.1] * 10, wait=[0.0] * 10, lag=[0.0] * 10)
    assert signs.rows(100.0, 103.0) == range(3)
    assert signs.rows(103.0, 105.5) == range(3, 5)
    assert signs.rows(102.5, 104.5) == range(3, 4)
    assert signs.rows(90.0, 101.0) == range(1)
    assert signs.rows(108.0, 200.0) == range(8, 10)
    assert not signs.rows(200.0, 300.0)
    assert not signs.rows(100.3, 100.9)


@pytest.mark.parametrize(
    "stored",
    [None, 7, [], {}, {"process": "proxy"}, {"counts": {"x": 1}}]
    + [
        {"process": "proxy", "t": 0, "width": 1, "cpu": [], "wait": [], "lag": [], "counts": {}, "worst": 0} | change
        for change in (
            {"counts": {"999": 1}}, {"counts": []}, {"cpu": "ab"}, {"lag": [1]}, {"width": 0}, {"t": None},
            {"worker": "two"}, {"cpu": [None]}, {"t": float("inf")}, {"cpu": [float("nan")], "wait": [0], "lag": [0]},
        )
    ],
)  # fmt: skip
def test_what_is_no_record_is_none(stored):
    assert Signs.read(stored) is None


def test_ticking_sets_one_timer_at_a_time_and_stops():
    timers = []
    process = Process()
    process.vitals.run(lambda seconds, callback: timers.append((seconds, callback)))
    for number in itertools.count(1):
        seconds, callback = timers[-1]
        assert len(timers) == number
        assert 0 < seconds <= STEP + 1e-9
        process.now += seconds + 0.01
        if number == TICKS:
            process.vitals.stop()
        callback()
        if number == TICKS:
            break
    assert len(timers) == TICKS
    assert process.vitals.to_json()["cpu"] == []  # the last tick came after the end


@pytest.mark.parametrize(
    ("busy", "lag", "near"),
    [
        (0.76, 0.042, ""),
        (0.77, 0.0, "is busy for 77% of a second (limit 90%)"),
        (0.1, 0.043, "runs 43ms late (limit 50ms)"),
    ],
)
def test_near_a_limit(busy, lag, near):
    assert near_limit(busy, lag) == near
