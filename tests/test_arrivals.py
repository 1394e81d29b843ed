"""Arrival times: fixed beforehand, the same wherever they are computed."""

import itertools
import statistics

import pytest

from chaosllm.arrivals import Ramp, Recorded, Spike, Steps, due_times, how_many, offered, read_times


def test_constant_arrivals_are_evenly_spaced():
    """20/s for 2 s is 40 arrivals, 50 ms apart."""
    times = due_times(20, "constant", 1, 2)
    assert len(times) == 40
    assert times[1] == 0.05
    assert times[-1] < 2


def test_poisson_arrivals_have_their_rate_and_spread():
    """Gaps average 1/rate and vary as an exponential does."""
    times = due_times(50, "poisson", 1, 400)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert abs(statistics.mean(gaps) * 50 - 1) < 0.03
    assert abs(statistics.stdev(gaps) * 50 - 1) < 0.03


def test_the_seed_decides():
    """The same seed gives the same times, another seed others; a longer run only adds to them."""
    assert due_times(10, "poisson", 3, 10) == due_times(10, "poisson", 3, 10)
    assert due_times(10, "poisson", 3, 10) != due_times(10, "poisson", 4, 10)
    shorter = due_times(10, "poisson", 3, 10)
    assert due_times(10, "poisson", 3, 20)[: len(shorter)] == shorter


SHAPES = [
    (Ramp(1.0, 20.0, 60.0), [(0.0, 30.0, 172.5), (30.0, 60.0, 457.5)]),
    (Ramp(20.0, 0.0, 60.0), [(0.0, 30.0, 450.0), (30.0, 60.0, 150.0)]),
    (Ramp(0.0, 10.0, 20.0), [(0.0, 20.0, 100.0), (20.0, 60.0, 400.0)]),
    (Steps(((5.0, 10.0), (20.0, 10.0), (2.0, 10.0))), [(0.0, 10.0, 50.0), (10.0, 20.0, 200.0), (20.0, 60.0, 80.0)]),
    (Spike(20.0, 50.0, 5.0), [(0.0, 20.0, 100.0), (20.0, 25.0, 250.0), (25.0, 60.0, 175.0)]),
]


@pytest.mark.parametrize(("shape", "counts"), SHAPES)
def test_a_shape_offers_what_it_says(shape, counts):
    """In each stretch: as many as the rate's integral, to the operation when constant, by chance when Poisson."""
    constant = due_times(5.0, "constant", 1, 60.0, shape=shape)
    poisson = [due_times(5.0, "poisson", seed, 60.0, shape=shape) for seed in range(20)]
    for start, end, expected in counts:
        assert offered(5.0, shape, start, end) == pytest.approx(expected)
        assert abs(sum(start <= t < end for t in constant) - expected) <= 1
        seen = sum(start <= t < end for times in poisson for t in times)
        assert abs(seen - 20 * expected) <= 3.29 * (20 * expected) ** 0.5  # 99.9 %
    for times in (constant, *poisson):
        assert list(times) == sorted(times)
        assert times[-1] < 60.0
    assert poisson[0] == due_times(5.0, "poisson", 0, 60.0, shape=shape) != poisson[1]


def test_constant_arrivals_of_a_ramp_are_where_its_integral_is_whole():
    """From 0 to 10/s in 20 s: the nth operation is due when a quarter of t squared is n."""
    times = due_times(5.0, "constant", 1, 20.0, shape=Ramp(0.0, 10.0, 20.0))
    assert list(times) == pytest.approx([2 * number**0.5 for number in range(100)])


def test_gamma_arrivals_come_in_bursts():
    """The same rate; gaps vary as asked."""
    times = due_times(50, "gamma", 1, 400, cv=2.0)
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert abs(statistics.mean(gaps) * 50 - 1) < 0.05
    assert abs(statistics.stdev(gaps) * 50 - 2) < 0.1


def test_recorded_times_come_as_they_were():
    """At their speed, and those after the run's end not at all."""
    shape = Recorded("t.txt", 2.0, (0.0, 1.0, 5.0, 30.0))
    assert list(due_times(5.0, "poisson", 1, 10.0, shape=shape)) == [0.0, 0.5, 2.5]
    assert offered(5.0, shape, 0.5, 10.0) == 2


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("3\n# later\n1.5\n\n2e1", (1.5, 3.0, 20.0)),
        ("250ms\n1m30s # slow", (0.25, 90.0)),
        ("2026-11-24T10:00:00Z\n2026-11-24T10:00:01.5+00:00", (0.0, 1.5)),
    ],
)
def test_times_are_read(text, times):
    """Seconds, durations or timestamps, sorted; the first timestamp is second 0."""
    assert read_times("t.txt", text) == pytest.approx(times)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("soon", "line 1"),
        ("1\n-3", "line 2"),
        ("", "no time"),
        ("1\n2026-11-24T10:00:00Z", "both"),
        ("1e999", "line 1"),
    ],
)
def test_what_is_no_time_is_told_with_its_line(text, said):
    """And what would be one."""
    with pytest.raises(ValueError, match=said):
        read_times("t.txt", text)


@pytest.mark.parametrize("arrivals", ["constant", "poisson", "gamma"])
@pytest.mark.parametrize(
    "shape",
    [None, Ramp(0.5, 9.7, 13.0), Steps(((0.0, 3.3), (7.1, 0.0), (9.0, 8.0))), Recorded("f", 2.0, (0.0, 1.0, 50.0))],
)
def test_they_can_be_counted_without_being_made(arrivals, shape):
    """As many as there are, of any load."""
    for until in (0.5, 8.0, 20.0):
        assert how_many(3.7, arrivals, 5, until, shape=shape) == len(due_times(3.7, arrivals, 5, until, shape=shape))
