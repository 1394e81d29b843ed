"""A lever is set by what is there, and one that cannot be read is taken for set, once that is sure."""

from __future__ import annotations

import errno

import pytest

from chaosllm.live.lever import LeverWatch, Seen, State, is_url, of_answer, of_look
from chaosllm.probes import Answer


@pytest.mark.parametrize(
    ("status", "text", "state"),
    [
        (200, "on", State.SET),
        (200, "1\n", State.SET),
        (200, "stop everything, says Ada", State.SET),
        (201, "yes", State.SET),
        (200, '{"on": false}', State.SET),  # nobody said that it is JSON
        (200, "", State.RELEASED),
        (200, " \n", State.RELEASED),
        (200, "0", State.RELEASED),
        (200, '"false"', State.RELEASED),
        (200, "OFF since noon", State.RELEASED),
        (200, "No.", State.RELEASED),
        (200, "released", State.RELEASED),
        (204, "", State.RELEASED),
        (404, "on", State.RELEASED),
        (401, "", State.UNREADABLE),
        (301, "off", State.UNREADABLE),
        (503, "off", State.UNREADABLE),
        (0, "", State.UNREADABLE),
    ],
)
def test_an_answer(status: int, text: str, state: State) -> None:
    """The first word of a good answer decides; any other answer is no answer."""
    assert of_answer(Answer(status, text, error="" if status else "it cannot be reached")).state is state


@pytest.mark.parametrize(
    ("error", "folder", "state"),
    [
        (None, True, State.SET),
        (errno.ENOENT, True, State.RELEASED),
        (errno.ENOENT, False, State.UNREADABLE),
        (errno.ENOTDIR, False, State.UNREADABLE),
        (errno.EACCES, False, State.UNREADABLE),
        (errno.EIO, True, State.UNREADABLE),
        (99999, True, State.UNREADABLE),
    ],
)
def test_a_look(error: int | None, folder: bool, state: State) -> None:
    """A file that is there is set; without its folder nobody could set it."""
    seen = of_look(error, folder=folder)
    assert seen.state is state
    assert bool(seen.why) == (state is State.UNREADABLE)


def test_two_failures_in_a_row_stop() -> None:
    """One reading that fails is forgiven; a good one in between begins anew."""
    bad, good = Seen(State.UNREADABLE, "EIO"), Seen(State.RELEASED)
    watch = LeverWatch("the safety lever x")
    assert [watch.take(one) is not None for one in (bad, good, bad, good, bad, bad)] == [False] * 5 + [True]
    assert watch.reading().holds
    stop = watch.take(bad)
    assert stop is not None
    assert (stop.kind, stop.text) == ("lever", "the safety lever x cannot be read: EIO")


def test_set_stops_at_once() -> None:
    """A lever that is set needs no second look."""
    watch = LeverWatch("the safety lever x")
    assert (watch.reading().value, watch.reading().now) == (None, "")
    assert watch.take(Seen(State.RELEASED)) is None
    assert (watch.reading().holds, watch.reading().now) == (False, "released")
    assert watch.take(Seen(State.SET)) is not None
    assert (watch.reading().holds, watch.reading().now) == (True, "set")


def test_what_is_a_url() -> None:
    """Anything with a scheme is asked, all else is a file."""
    assert is_url("https://flags.example/chaos")
    assert not is_url("/run/chaos-off")
