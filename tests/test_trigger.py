"""Triggers and the draw: chance without a shared generator."""

import math
import pickle

import pytest

from chaosllm.distribution import Fixed
from chaosllm.trigger import (
    Burst,
    Capacity,
    Correlated,
    Outage,
    Ramp,
    Stretch,
    Tick,
    Trace,
    Trigger,
    Window,
    apart,
    draw,
    read_trace,
)


def tick(**given):
    """A Tick with the fields given."""
    return Tick(**{"t": 0.0, "n": 0, "attempt": 0, "ordinal": 0, "u": 0.5, "length": 60.0, **given})


def test_no_condition_means_always():
    """A rule without `when` fires on every call."""
    assert Trigger().fires(tick())


def test_share_compares_the_draw():
    """A share fires exactly below it."""
    assert Trigger(share=0.4).fires(tick(u=0.399999))
    assert not Trigger(share=0.4).fires(tick(u=0.4))
    assert not Trigger(share=0.0).fires(tick(u=0.0))
    assert Trigger(share=1.0).fires(tick(u=0.9999999))


def test_every_third():
    """`every: 3` takes the third, sixth, ninth operation."""
    assert [n for n in range(9) if Trigger(every=3).fires(tick(n=n))] == [2, 5, 8]


def test_first_of_an_operation_and_of_a_phase():
    """`first: 2` counts an operation's attempts, or with `of: phase` the phase's operations."""
    assert [k for k in range(4) if Trigger(first=2).fires(tick(ordinal=k, n=99))] == [0, 1]
    assert [n for n in range(4) if Trigger(first=2, of="phase").fires(tick(ordinal=9, n=n))] == [0, 1]


def test_window_holds_its_start_and_not_its_end():
    """A window is half open."""
    window = Trigger(window=Window(5, 20))
    assert [t for t in (4.999, 5, 19.999, 20) if window.fires(tick(t=t))] == [5, 19.999]


def test_conditions_are_joined():
    """All that is given must hold."""
    both = Trigger(share=0.5, every=2)
    assert both.fires(tick(n=1, u=0.1))
    assert not both.fires(tick(n=0, u=0.1))
    assert not both.fires(tick(n=1, u=0.9))


def test_chance_is_what_the_draw_is_held_against():
    """A share is its own chance; what a count or a clock forbids has none, and all else is sure."""
    both = Trigger(share=0.3, first=1, window=Window(5, 20))
    assert [both.chance(tick(t=t, ordinal=k)) for t, k in ((4, 0), (5, 0), (5, 1))] == [0.0, 0.3, 0.0]
    assert Trigger(every=2).chance(tick(n=1)) == 1.0


def test_after_lets_the_first_pass():
    """`after: 2` spares two operations of the phase, or two attempts of each operation; `first` counts from there."""
    assert [n for n in range(5) if Trigger(after=2).fires(tick(n=n))] == [2, 3, 4]
    assert [k for k in range(5) if Trigger(after=2, of="operation").fires(tick(ordinal=k))] == [2, 3, 4]
    five = Trigger(after=10, first=5, of="phase")
    assert [n for n in range(30) if five.fires(tick(n=n))] == [10, 11, 12, 13, 14]


def test_a_burst_comes_again_and_again():
    """On while t mod every is below the length; the first begins with the phase."""
    burst = Trigger(burst=Burst(20, 5))
    assert [t for t in (0, 4.999, 5, 19.999, 20, 24.999, 25) if burst.fires(tick(t=t))] == [0, 4.999, 20, 24.999]


@pytest.mark.parametrize(
    ("trigger", "t", "chance"),
    [
        (Trigger(ramp=Ramp(0.0, 0.6)), 0, 0.0),
        (Trigger(ramp=Ramp(0.0, 0.6)), 30, 0.3),
        (Trigger(ramp=Ramp(0.0, 0.6)), 90, 0.6),  # a held phase goes on
        (Trigger(ramp=Ramp(0.6, 0.2)), 15, 0.5),
        (Trigger(ramp=Ramp(0.0, 1.0), window=Window(20, 40)), 19.9, 0.0),
        (Trigger(ramp=Ramp(0.0, 1.0), window=Window(20, 40)), 25, 0.25),
        (Trigger(ramp=Ramp(0.0, 1.0), window=Window(20, 40)), 40, 0.0),
    ],
)
def test_a_ramp_is_a_share_that_moves(trigger, t, chance):
    """Linear over the phase, or over the window; past the end it stays."""
    assert trigger.chance(tick(t=t)) == pytest.approx(chance)


def test_a_spell_a_rate_and_a_leader_come_with_the_tick():
    """What a trigger cannot know of itself is told; of several shares the smallest is the chance."""
    outage = Trigger(outage=Outage(Fixed(30), Fixed(10)), share=0.4)
    assert [outage.chance(tick(spell=spell)) for spell in (0.0, 0.3, 1.0)] == [0.0, 0.3, 0.4]
    load = Trigger(load=Capacity(20))
    assert [load.chance(tick(rate=rate)) for rate in (0, 10, 20, 40, 80)] == [0.0, 0.0, 0.0, 0.5, 0.75]
    follower = Trigger(correlated=Correlated("main", 0.8))
    assert [follower.chance(tick(led=led)) for led in (0.0, 1.0)] == [0.0, 0.8]


def test_a_trace_is_on_at_its_times():
    """A line is TIME [LENGTH [SHARE]]; `speed` plays it quicker, and where lines overlap the larger share counts."""
    trace = Trigger(trace=Trace("t", read_trace("t", "# incident\n10s\n30s 10s 40%\n35s 10s 60% # worse\n", speed=10)))
    shares = {0.9: 0.0, 1.0: 1.0, 1.09: 1.0, 1.1: 0.0, 3.0: 0.4, 3.4: 0.4, 3.5: 0.6, 4.4: 0.6, 4.5: 0.0}
    assert {t: trace.chance(tick(t=t)) for t in shares} == shares
    assert Trigger(trace=Trace("t")).chance(tick()) == 0.0  # a file that was not read


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("5s\nsoon\n", "t.txt, line 2: found 'soon'"),
        ("5s 1s 40% 3\n", "line 1: expected TIME"),
        ("5s 1s 140%", "at most 100%"),
        ("# nothing\n", "no time"),
        ("5s 0s\n", "no time"),
    ],
)
def test_a_bad_trace_names_its_line(text, says):
    """A file that is no trace is refused with the line that is wrong."""
    with pytest.raises(ValueError, match=says):
        read_trace("t.txt", text)


def test_stretches_are_laid_apart():
    """Overlaps become neighbours, equal neighbours one; nothing of no length or share stays."""
    laid = apart([Stretch(5, 9, 0.5), Stretch(0, 6, 0.5), Stretch(3, 4), Stretch(20, 20), Stretch(30, 31, 0.0)])
    assert laid == (Stretch(0, 3, 0.5), Stretch(3, 4), Stretch(4, 9, 0.5))


def test_triggers_are_handed_to_other_processes():
    """A trigger with all conditions is the same after pickling."""
    everything = Trigger(0.5, 2, 3, "phase", Window(0, 9), 4, Burst(2, 1), Ramp(0, 1), Outage(Fixed(3), Fixed(1)),
                         Trace(None, (Stretch(0, 1),)), Capacity(3), Correlated("main"))  # fmt: skip
    assert pickle.loads(pickle.dumps(everything)) == everything


def test_the_draw_depends_on_its_arguments_alone():
    """The same arguments give the same number, other ones another."""
    assert draw(7, "storm.0", "op:17:0", 1) == draw(7, "storm.0", "op:17:0", 1)
    others = {
        draw(7, "r", "i", 0),
        draw(8, "r", "i", 0),
        draw(7, "q", "i", 0),
        draw(7, "r", "j", 0),
        draw(7, "r", "i", 1),
    }
    assert len(others) == 5


def test_the_draw_is_uniform():
    """100 000 draws fill [0, 1) evenly (chi-square within 99.8 %) and do not follow one another."""
    n = 100_000
    draws = [draw(1, "rule", f"op:{i}:0", 0) for i in range(n)]
    assert all(0 <= u < 1 for u in draws)
    cells = [0] * 100
    for u in draws:
        cells[int(u * 100)] += 1
    chi = sum((seen - n / 100) ** 2 / (n / 100) for seen in cells)
    assert 60 < chi < 149  # chi-square, 99 degrees of freedom, 0.1 % on each side
    lag = sum((draws[i] - 0.5) * (draws[i + 1] - 0.5) for i in range(n - 1)) / (n - 1) * 12
    assert abs(lag) < 3.3 / math.sqrt(n)
