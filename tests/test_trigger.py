"""Triggers and the draw: chance without a shared generator."""

import math

from chaosllm.trigger import Tick, Trigger, Window, draw


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
