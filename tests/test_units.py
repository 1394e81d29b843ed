"""Units: strings at the edges, plain numbers inside."""

import pytest

from chaosllm import units


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("2s", 2), ("1m30s", 90), ("1.5h", 5400), ("1d", 86400), (" 2 s ", 2), (0, 0), ("0s", 0)],
)
def test_durations(text, seconds):
    """A duration reads as its seconds."""
    assert units.parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("bad", ["2", 2, 2.5, "2 sec", "s", "", None, True, "-2s", "2s3", [], "1:30", "nan s"])
def test_durations_without_a_right_unit_are_refused(bad):
    """A number without its unit is never a duration."""
    with pytest.raises(ValueError, match="expected a duration"):
        units.parse_duration(bad)


def test_a_bare_number_suggests_its_unit():
    """The hint names the spelling that would work."""
    with pytest.raises(ValueError, match='such as "2s"'):
        units.parse_duration(2)
    with pytest.raises(ValueError, match='such as "40%"'):
        units.parse_share(0.4)
    with pytest.raises(ValueError, match='such as "20/s"'):
        units.parse_rate(20)


@pytest.mark.parametrize(("text", "share"), [("40%", 0.4), ("0%", 0), ("100%", 1), ("0.5%", 0.005), (0, 0), (1, 1)])
def test_shares(text, share):
    """A percentage reads as a share of 1."""
    assert units.parse_share(text) == pytest.approx(share)


@pytest.mark.parametrize("bad", ["140%", "40", 0.4, True, "-1%", None])
def test_bad_shares_are_refused(bad):
    """More than all, or a number without its sign, is no share."""
    with pytest.raises(ValueError, match="expected a"):
        units.parse_share(bad)


@pytest.mark.parametrize(("text", "rate"), [("20/s", 20), ("60/min", 1), ("3600/h", 1), ("1 / second", 1)])
def test_rates(text, rate):
    """A rate reads as events a second."""
    assert units.parse_rate(text) == pytest.approx(rate)


def test_places():
    """A place has a number and one of four units."""
    assert units.parse_counted("50%") == (0.5, "share")
    assert units.parse_counted("1 token") == (1, "tokens")
    assert units.parse_counted("3 events") == (3, "events")
    assert units.parse_counted("200 bytes") == (200, "bytes")
    with pytest.raises(ValueError, match="expected a place"):
        units.parse_counted("3")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (0.25, "250ms"), (2, "2s"), (1.5, "1.5s"), (90, "1m30s"), (3600, "1h")]
)
def test_durations_are_written_as_people_write_them(seconds, text):
    """format_duration gives the usual spelling."""
    assert units.format_duration(seconds) == text


def test_token_estimates():
    """A short stream event is one token, a long text four characters a token, nothing is none."""
    assert [units.estimate_tokens(text) for text in ("", "a", " understand", "x" * 400)] == [0, 1, 1, 100]


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0%"),
        (1, "100%"),
        (0.4, "40%"),
        (0.9951, "99.5%"),
        (0.0001, "0.01%"),
        (0.9999, "99.99%"),
        (1e-9, "0%"),
        (0.0005, "0.1%"),
    ],
)
def test_a_share_is_said_as_people_do(share, said):
    """One decimal will do, but a little is not nothing, and nearly all is not all."""
    assert units.format_share(share) == said
