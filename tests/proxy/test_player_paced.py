"""The quick players against the thorough ones, on a made-up clock: same bytes, same times, same notes."""

from dataclasses import asdict
from random import Random

import pytest
from framing_bench import mutate, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.adapters.proxy.players.actions import End, Finish, Send
from chaosllm.adapters.proxy.players.paced import PacedPlayer, suffices
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.call import Call
from chaosllm.providers import Completion, Usage
from chaosllm.record import LATE
from chaosllm.registry import member
from chaosllm.script import Cut, Drop, Pace, Piece, Place, Position, Shape, Unit, Wait

STREAMS = [("openai", "chat"), ("openai", "responses"), ("anthropic", "messages"), ("gemini", "stream_array"),
           ("ollama", "chat"), ("bedrock", "converse_stream")]  # fmt: skip
SCRIPTS = [
    (Pace(20.0),),
    (Pace(3.0, jitter=0.4, seed=7), Pace(50.0)),
    (Wait(0.25, Place.HEADERS),),
    (Wait(0.1, Place.HEADERS), Pace(100.0, jitter=1.0, seed=1), Wait(0.2, Place.HEADERS)),
    (Wait(0.0, Place.HEADERS), Pace(1e9)),
]
WORDS = ("The ", "quick ", "brøwn ", "狐 ", "extraordinarily long word indeed ", '"quoted" ', "line\n", "jumps.")


def stream(name, endpoint, times=2):
    provider = member("providers", name)
    call = Call("call-1", name, endpoint, "model-1", stream=True)
    said = Completion("abc", "model-1", WORDS * times, finish="stop", usage=Usage(7, 9))
    return provider, call, list(provider.stream(said, call, {"stream_options": {"include_usage": True}}))


def play(player, feeds, seed, *, ending="end", leaves=None):
    """[(when, bytes)], how it ended, the notes; feeds come and timers fire at times drawn from the seed."""
    random = Random(seed)
    now, sent, end = 50.0, [], None

    def take(actions):
        nonlocal end
        for action in actions:
            assert end is None
            if isinstance(action, Send):
                sent.append((now, action.data))
            else:
                assert isinstance(action, Finish)
                end = action.end
        player.observe(now)

    def wait(until):
        nonlocal now
        while end is None and (due := player.next_wake) is not None and due <= until:
            now = max(now, due) + random.choice((0.0, 0.0003, 0.004, 0.3))
            take(player.wake(now))
        now = max(now, until)

    take(player.start(now))
    for number, data in enumerate(feeds):
        if leaves == number:
            return sent, end, player.notes
        wait(now + random.choice((0.0, 0.0, 0.01, 0.2)))
        if end is None:
            take(player.data(data, now))
    if end is None:
        take(getattr(player, ending)(now))
    wait(now + 10_000)
    return sent, end, player.notes


def said(notes):
    """The notes but for the text, which is kept for cuts alone."""
    return {**asdict(notes), "delivered": None}


@settings(max_examples=150, deadline=None)
@given(
    which=st.sampled_from(STREAMS), script=st.sampled_from(SCRIPTS), seed=st.integers(0, 1 << 30),
    damaged=st.booleans(), ending=st.sampled_from(["end", "broken"]), leaves=st.none() | st.integers(0, 8),
)  # fmt: skip
def test_a_paced_stream_is_played_as_by_the_thorough_player(which, script, seed, *, damaged, ending, leaves):
    """Any framing, split, damage, lateness of timers, break and early leaver: what is sent when, and every note."""
    provider, call, events = stream(*which)
    random = Random(seed)
    data = b"".join(events)
    feeds = pieces(random, mutate(random, data) if damaged else data) if seed % 3 else events
    one, other = (
        play(make(call, provider, script), feeds, seed, ending=ending, leaves=leaves)
        for make in (PacedPlayer, StreamPlayer)
    )
    assert one[:2] == other[:2]
    assert said(one[2]) == said(other[2])
    if leaves is None:
        assert (b"".join(data for _, data in one[0]), one[1]) == (
            b"".join(feeds),
            End.PROPER if ending == "end" else End.BROKEN,
        )


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STREAMS), st.integers(0, 1 << 30), st.booleans(), st.none() | st.integers(0, 8))
def test_what_is_read_late_is_what_is_read_at_once(which, seed, damaged, leaves):
    """A passed stream is read in lumps: its notes are those of a stream of the same pieces that is read as it goes."""
    provider, call, events = stream(*which, times=5)
    random = Random(seed)
    data = b"".join(events)
    feeds = pieces(random, mutate(random, data) if damaged else data) if seed % 3 else events
    lazy = play(PassPlayer(call, provider, streamed=True), feeds, seed, leaves=leaves)
    thorough = play(StreamPlayer(call, provider, ()), feeds, seed, leaves=leaves)
    came = feeds[:leaves]
    assert [data for _, data in lazy[0]] == came
    fields = ["finish", "end_seen", "usage", "tokens", "complete", "t_first"]
    if leaves is None:
        fields += ["bytes", "events"]  # the bytes of half an event have gone, and are no event yet
    assert {name: getattr(lazy[2], name) for name in fields} == {name: getattr(thorough[2], name) for name in fields}
    assert lazy[2].bytes == sum(map(len, came))


def test_a_passed_stream_is_not_kept():
    """However long it is, at most 64 KiB of it are unread at any time, and a leaver finds all of it accounted for."""
    provider, call, events = stream("openai", "chat", times=2000)
    player = PassPlayer(call, provider, streamed=True)
    for raw in events:
        player.data(raw, 1.0)
        player.observe(1.0)
        assert player._size < 64 << 10
    assert player.notes.bytes == sum(map(len, events))
    assert player.notes.events == len(events)
    assert player.notes.end_seen


def test_nothing_leaves_before_its_time():
    """A timer that fires a hair early sends nothing: the player asks to be woken again, for the same moment."""
    provider, call, events = stream("openai", "chat")
    for player in (PacedPlayer(call, provider, (Pace(10.0),)), StreamPlayer(call, provider, (Pace(10.0),))):
        player.start(0.0)
        player.data(b"".join(events), 0.0)
        due = player.next_wake
        assert due == pytest.approx(0.1)
        assert player.wake(due - 1e-4) == []
        assert player.next_wake == due
        assert [type(one) for one in player.wake(due)] == [Send]


def test_lateness_is_counted_against_the_schedule():
    """Each paced event once, in the class of its lateness; those on time are there too, and the latest is kept."""
    provider, call, events = stream("openai", "chat")
    player = PacedPlayer(call, provider, (Pace(10.0),))
    player.start(0.0)
    player.data(b"".join(events), 0.0)
    lags = iter([0.0, 0.0004, 0.004, 0.5])
    while player.next_wake is not None:
        player.wake(player.next_wake + next(lags, 0.0))
    late = player.notes.late
    assert sum(late) == len(WORDS) * 2
    assert len(late) == len(LATE) + 1
    assert late[LATE.index(0.005)] == 1
    assert late[-1] == 1
    assert player.notes.late_max == pytest.approx(0.5)


def test_what_waits_for_its_time_is_told():
    """`held` counts what the clock holds back: all of it at first, less with each event that leaves, none at last."""
    provider, call, events = stream("openai", "chat")
    whole = b"".join(events)
    for make in (PacedPlayer, StreamPlayer):
        player = make(call, provider, (Pace(10.0),))
        sent = sum(len(one.data) for one in player.data(whole, 0.0))
        player.end(0.0)
        assert player.held == len(whole) - sent
        while player.next_wake is not None:
            before, at = player.held, player.next_wake
            (first, *_) = player.wake(at)
            assert player.held == before - len(first.data)
        assert player.held == 0
    cut = StreamPlayer(call, provider, (Cut(Position(0.5, Unit.SHARE), Shape.CLEAN),))
    cut.data(whole, 0.0)
    assert cut.held == 0  # because only more of the answer can tell where its half is


def test_a_stream_that_is_only_paced_needs_no_more():
    """Paces and waits are for the quick player, anything else is not."""
    assert suffices((Pace(1.0), Wait(1.0, Place.HEADERS)))
    assert suffices(())
    assert not suffices((Pace(1.0), Drop(Piece.END)))
