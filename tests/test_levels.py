"""The levels of a sweep: read with their units, spread over the range, and written as a scenario spells them."""

from __future__ import annotations

import pytest

from chaosllm.levels import LevelError, parse_range


@pytest.mark.parametrize(
    ("text", "lowest", "middle", "highest"),
    [
        ("rules.0.when.share=0%..80%", "2%", "40%", "80%"),
        ("rules.0.when.share=0..80%", "2%", "40%", "80%"),
        ("load.rate=5/s..50/s", "5/s", "27.6/s", "50/s"),
        ("load.rate=60/min..120/min", "1/s", "1.5/s", "2/s"),
        ("rules.0.first_token=100ms..5s", "100ms", "2.56s", "5s"),
        ("rules.0.first_token=10ms..1m30s", "10ms", "950ms", "90s"),
        ("rules.0.when.every=1..10", "1", "6", "10"),
        ("rules.0.jitter=0.5..2.5", "0.5", "1.5", "2.5"),
        ("rules.0.budget=1000 tokens..5000 tokens", "1000 tokens", "3000 tokens", "5000 tokens"),
    ],
)
def test_a_range_is_spread(text: str, lowest: str, middle: str, highest: str) -> None:
    """Both ends and the middle, in the unit of the scenario; by ratio over two decades; never a fault of nothing."""
    found = parse_range(text)
    assert [found.text(found.value(place)) for place in (0.0, 0.5, 1.0)] == [lowest, middle, highest]
    assert found.setting(found.value(1.0)) == f"{text.partition('=')[0]}={highest}"


@pytest.mark.parametrize("text", ["a=0%..80%", "a=5/s..50/s", "a=10ms..90s", "a=1..10", "a=0..1000"])
def test_place_and_value_agree(text: str) -> None:
    """A level that was run is found again at its place, and its value is the one that was run."""
    found = parse_range(text)
    for step in range(101):
        value = found.value(step / 100)
        assert found.value(found.place(value)) == pytest.approx(value)
        assert found.low <= value <= found.high
        assert parse_range(f"a={found.text(value)},{found.text(found.high * 1.2)}").low == pytest.approx(value)


def test_a_list_keeps_its_order() -> None:
    """A list is run as it stands, 0 included, because it was asked for by name."""
    found = parse_range("rules.0.when.share=0%,20%,10%")
    assert (found.low, found.high, found.given) == (0.0, 0.2, (0.0, 0.2, 0.1))


@pytest.mark.parametrize(
    ("text", "what", "hint"),
    [
        ("rules.0.when.share", "expected PATH=LOW..HIGH", "such as"),
        ("=0%..10%", "expected PATH=LOW..HIGH", "such as"),
        ("a=10%", "is one value", "such as a=0%..10%"),
        ("a=10%..10%", "is one value", ""),
        ("a=80%..0%", "begins with the higher end", "write a=0%..80%"),
        ("a=0%..5s", "0% is a share and 5s is a duration", "the same unit"),
        ("a=10..20%", "10 is a count and 20% is a share", "the same unit"),
        ("a=0%..140%", "found '140%', expected a share of at most 100%", "such as"),
        ("a=0%..much", "found 'much'", "such as"),
        ("a=0%..1%..2%", "two values with `..`", "such as"),
        ("a=1%,,2%", "before and after each comma", ""),
        ("a=1%,2%,1%", "1% is listed twice", ""),
        ("a=" + ",".join(str(n) for n in range(1, 200)), "199 levels are listed", "vary a range"),
    ],
)
def test_what_is_no_range_is_told(text: str, what: str, hint: str) -> None:
    """Each mistake says what was found and what would work."""
    with pytest.raises(LevelError) as caught:
        parse_range(text)
    assert what in caught.value.what
    assert hint in caught.value.hint
