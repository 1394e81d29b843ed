"""Which runs go: by number, age and size, and never one that is asked to stay."""

from __future__ import annotations

import pytest

from chaosllm.retention import Retention, Stored
from chaosllm.units import format_size, parse_size

DAY, MB = 86_400.0, 1_000_000
#: a is the newest, a day apart each, 100 MB each.
RUNS = [Stored(name, -at * DAY, 100 * MB) for at, name in enumerate("abcdef")]


@pytest.mark.parametrize(
    ("retention", "goes"),
    [
        (Retention(), ""),
        (Retention(keep=0), "abcdef"),
        (Retention(keep=4), "ef"),
        (Retention(keep=6), ""),
        (Retention(keep=99), ""),
        (Retention(older_than=2.5 * DAY), "def"),
        (Retention(older_than=2.5 * DAY, keep=5), "f"),
        (Retention(older_than=99 * DAY, keep=1), ""),
        (Retention(max_size=250 * MB), "cdef"),
        (Retention(max_size=600 * MB), ""),
        (Retention(max_size=0), "abcdef"),
        (Retention(max_size=0, keep=2), "cdef"),
        (Retention(max_size=400 * MB, older_than=2.5 * DAY), "def"),
        (Retention(max_size=200 * MB, older_than=4.5 * DAY, keep=3), "def"),
    ],
)
def test_what_goes(retention: Retention, goes: str) -> None:
    """Age and size each are a reason to go, a number is a promise to stay, and nothing asked is nothing gone."""
    found = retention.going(RUNS[::-1], now=0.0)
    assert "".join(found) == goes
    assert all(found.values())


def test_size_takes_the_oldest() -> None:
    """Once the room is full everything older goes, also what is small; a run that stays for its number takes room."""
    runs = [Stored("new", 3.0, 10), Stored("big", 2.0, 1000), Stored("small", 1.0, 1)]
    assert [*Retention(max_size=100).going(runs, 4.0)] == ["big", "small"]
    assert [*Retention(max_size=100, keep=2).going(runs, 4.0)] == ["small"]


def test_equal_times_are_told_apart_by_name() -> None:
    """Which of two runs of one second goes does not depend on the order in which they were found."""
    runs = [Stored(name, 0.0, 1) for name in "bca"]
    assert [*Retention(keep=2).going(runs, 1.0)] == [*Retention(keep=2).going(runs[::-1], 1.0)] == ["c"]


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 500 * MB), ("2GB", 2000 * MB), ("1.5 GiB", 1_610_612_736), ("0B", 0), ("12kb", 12_000), ("1TB", 10**12)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    """A size has its unit, decimal or binary as it says."""
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["2", "GB", "-1GB", "2 gigs", "", "1e9B", "9" * 65 + "B", 5, None])
def test_no_size(text: object) -> None:
    """What is no size is refused with an example."""
    with pytest.raises(ValueError, match="such as 500MB or 2GB"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (3_240_000, "3.2 MB"), (999_600, "1 MB"), (1.4e9, "1.4 GB"),
     (2.5e15, "2,500.0 TB")],
)  # fmt: skip
def test_sizes_are_shown(size: float, text: str) -> None:
    """A size is short, in the unit that fits."""
    assert format_size(size) == text
