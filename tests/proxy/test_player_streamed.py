"""The player on streams: driven by hand on a made-up clock, no socket, no sleep."""

import pytest
from player_wire import ANSWER, CALL, DONE, OPENAI, ROLE, STOP, TEXT, TEXTS, WORDS, Wire, chunk, half

from chaosllm.adapters.proxy.players.actions import End
from chaosllm.script import Cut, Insert, Pace, Place, Position, Reset, Shape, Stall, Unit, Wait


def test_pace_is_an_absolute_schedule():
    """At 20 tokens a second each word leaves 50 ms after the one before, however late the timer was."""
    wire = Wire(Pace(20.0))
    wire.feed(*ANSWER)
    wire.player.end(wire.now)
    while wire.end is None:
        wire.now = wire.player.next_wake + 0.007  # every timer 7 ms late
        wire.take(wire.player.wake(wire.now))
    assert wire.times == pytest.approx([0.0, *(0.05 * n + 0.007 for n in range(1, 10))], abs=1e-6)
    assert wire.bytes == b"".join(ANSWER)
    assert wire.end is End.PROPER
    assert wire.player.notes.asked["pace"] == pytest.approx(0.45)


def test_pace_never_runs_ahead_of_a_slower_upstream():
    """An upstream slower than the pace is passed as it comes, and never caught up with in a burst."""
    wire = Wire(Pace(20.0)).feed(*ANSWER, gap=0.2).finish()
    gaps = [b - a for a, b in zip(wire.times, wire.times[1:], strict=False)]
    assert gaps == pytest.approx([0.2] * 9)


def test_jitter_is_drawn_from_the_seed():
    """The same seed gives the same gaps, within the share asked for, and not all the same."""
    runs = [Wire(Pace(20.0, jitter=0.2, seed=5)).feed(*ANSWER).finish().times for _ in range(2)]
    assert runs[0] == runs[1]
    gaps = [b - a for a, b in zip(runs[0], runs[0][1:], strict=False)]
    assert all(0.04 - 1e-5 <= gap <= 0.06 + 1e-5 for gap in gaps)
    assert len(set(gaps)) > 3


def test_wait_after_the_headers_shifts_everything_alike():
    """Two waits add up, and later bytes keep their distances."""
    wire = Wire(Wait(0.3, Place.HEADERS), Wait(0.2, Place.HEADERS)).feed(*ANSWER, gap=0.1).finish()
    assert wire.times == pytest.approx([0.7 + 0.1 * n for n in range(10)])
    assert wire.player.notes.asked == {"wait": 0.5}
    assert wire.bytes == b"".join(ANSWER)


def test_stall_holds_at_its_place_and_then_lets_everything_go():
    """Half of the text, silence for exactly the time asked, then the rest; no byte is lost."""
    wire = Wire(Stall(Position(0.5, Unit.SHARE), 2.0)).feed(*ANSWER).finish()
    assert wire.bytes == b"".join(ANSWER)
    assert wire.end is End.PROPER
    before = b"".join(data for t, data in wire.sent if t < 1)
    assert before == b"".join([ROLE, *TEXTS[:5]])
    assert wire.sent[-1][0] == pytest.approx(2.0)
    assert wire.player.notes.done["stall"] == pytest.approx(2.0)


def test_several_stalls_hold_each_at_its_place():
    """A fifth, a half, four fifths of the text: three silences, all the bytes."""
    steps = [Stall(Position(share, Unit.SHARE), 2.0) for share in (0.2, 0.5, 0.8)]
    wire = Wire(*steps).feed(*ANSWER).finish()
    assert wire.bytes == b"".join(ANSWER)
    sent = {t: b"".join(data for at, data in wire.sent if at == t) for t in wire.times}
    assert sorted(sent) == pytest.approx([0.0, 2.0, 4.0, 6.0])
    assert wire.player.notes.played == set(steps)
    assert wire.player.notes.done["stall"] == pytest.approx(6.0)


def test_a_stall_for_ever_never_ends():
    """After a stall for ever nothing is sent, no wake-up is asked for, and the step counts as played."""
    step = Stall(Position(3, Unit.TOKENS), None)
    wire = Wire(step).feed(*ANSWER).finish()
    assert wire.bytes == b"".join([ROLE, *TEXTS[:3]])
    assert wire.end is None
    assert wire.player.next_wake is None
    assert step in wire.player.notes.played


@pytest.mark.parametrize("share", [0.0, 0.1, 0.33, 0.5, 0.77, 1.0])
@pytest.mark.parametrize("shape", [Shape.HONEST, Shape.CLEAN, Shape.ABRUPT])
@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_cut_at_a_share_falls_on_the_character(share, shape, pieces):
    """However the bytes come, exactly that share of the text is delivered."""
    whole = b"".join(ANSWER)
    size = -(-len(whole) // pieces)
    wire = Wire(half(shape, share)).feed(*(whole[at : at + size] for at in range(0, len(whole), size))).finish()
    assert wire.text == TEXT[: int(share * len(TEXT) + 1e-9)]
    assert "".join(wire.player.notes.delivered) == wire.text
    assert TEXT[len(wire.text) :].startswith("".join(wire.player.notes.withheld))


def test_an_honest_cut_says_length_and_ends_properly():
    """Less text, the finish reason `length`, the end event, and the usage chunk if there was one."""
    wire = Wire(half(Shape.HONEST)).feed(*ANSWER).finish()
    notes = wire.player.notes
    assert (notes.finish, notes.end_seen, notes.shape, wire.end) == ("length", True, "honest", End.PROPER)
    assert wire.bytes.endswith(DONE)


def test_a_clean_cut_says_nothing_and_ends_properly():
    """Only whole events, no finish reason, no end event, then a proper end."""
    wire = Wire(half(Shape.CLEAN)).feed(*ANSWER).finish()
    notes = wire.player.notes
    assert (notes.finish, notes.end_seen, notes.shape, wire.end) == (None, False, "clean", End.PROPER)
    assert wire.bytes.endswith(b"\n\n")


def test_an_abrupt_cut_breaks_the_connection():
    """The same bytes as a clean cut, but no proper end."""
    clean, abrupt = (Wire(half(shape)).feed(*ANSWER).finish() for shape in (Shape.CLEAN, Shape.ABRUPT))
    assert abrupt.end is End.BROKEN
    assert abrupt.bytes == clean.bytes


def test_a_cut_inside_an_event_leaves_half_of_it():
    """The last event is not whole, and the body ends properly."""
    wire = Wire(half(Shape.EVENT)).feed(*ANSWER).finish()
    assert wire.end is End.PROPER
    assert b"".join(ANSWER).startswith(wire.bytes)
    assert not wire.bytes.endswith(b"\n\n")
    assert wire.text == "".join(WORDS[:5])


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        (Position(3, Unit.EVENTS), [ROLE, *TEXTS[:2]]),
        (Position(4, Unit.TOKENS), [ROLE, *TEXTS[:4]]),
        (Position(1, Unit.EVENTS), [ROLE]),
    ],
)
def test_a_place_by_tokens_or_events_needs_no_end(at, kept):
    """Known at once: the answer is cut while the upstream still sends."""
    wire = Wire(Cut(at, Shape.CLEAN)).feed(*ANSWER[:9])
    wire.run(wire.now + 2)
    assert wire.bytes == b"".join(kept)
    assert wire.end is End.PROPER


def test_a_place_by_bytes_is_exact_where_the_connection_breaks():
    """An abrupt cut after 200 bytes delivers 200 bytes."""
    wire = Wire(Cut(Position(200, Unit.BYTES), Shape.ABRUPT)).feed(*ANSWER).finish()
    assert wire.bytes == b"".join(ANSWER)[:200]
    assert wire.end is End.BROKEN


def test_a_place_beyond_the_answer_is_skipped_with_a_reason():
    """2000 tokens of a 10 token answer: the answer passes whole, and the record says why."""
    step = Cut(Position(2000, Unit.TOKENS), Shape.CLEAN)
    wire = Wire(step).feed(*ANSWER).finish()
    assert wire.bytes == b"".join(ANSWER)
    assert step not in wire.player.notes.played
    assert wire.player.notes.skipped[step] == "the answer ended before 2000 tokens"


def test_what_is_withheld_is_read_on_for_at_most_a_second():
    """A cut ends after 12 further words, or one second when the upstream says no more."""
    at = Position(2, Unit.TOKENS)
    quiet = Wire(Cut(at, Shape.CLEAN)).feed(*ANSWER[:4])
    assert quiet.end is None
    quiet.run(100.9)
    assert quiet.end is None
    quiet.run(101.1)
    assert quiet.end is End.PROPER
    long = [chunk({"content": f"more{n} "}) for n in range(30)]
    busy = Wire(Cut(at, Shape.CLEAN)).feed(*ANSWER[:4], *long)
    assert busy.end is End.PROPER
    assert 12 <= len("".join(busy.player.notes.withheld).split()) <= 14


def test_a_reset_leaves_no_proper_end():
    """At a place of the body after what came before it; at the headers before any byte."""
    wire = Wire(Reset(Position(0.5, Unit.SHARE))).feed(*ANSWER).finish()
    assert (wire.text, wire.end) == (TEXT[:35], End.RESET)
    early = Wire(Reset(Place.HEADERS))
    assert (early.bytes, early.end) == (b"", End.RESET)


def test_an_inserted_error_ends_the_stream_properly():
    """The raw events stand at the place, nothing of the answer follows."""
    error = b'data: {"error":{"message":"overloaded"}}\n\n'
    wire = Wire(Insert(Position(0.3, Unit.SHARE), (error,), end=True)).feed(*ANSWER).finish()
    assert wire.bytes == b"".join([ROLE, *TEXTS[:3], error])
    assert wire.end is End.PROPER
    without = Wire(Insert(Position(0.3, Unit.SHARE), (error,))).feed(*ANSWER).finish()
    assert without.bytes == b"".join([ROLE, *TEXTS[:3], error, *TEXTS[3:], STOP, DONE])


def tool_answer():
    def call(**function):
        return chunk({"tool_calls": [{"index": 0, "function": function}]})

    arguments = ('{"city": ', '"Paris", ', '"unit": "C"}')
    pieces = [call(name="weather", arguments=""), *(call(arguments=text) for text in arguments)]
    return [ROLE, *pieces, chunk({}, "tool_calls"), DONE]


def test_a_tool_cut_falls_inside_the_arguments():
    """The arguments stop in the middle, and a plain answer cannot be cut so."""
    wire = Wire(half(Shape.TOOL)).feed(*tool_answer()).finish()
    splitter = OPENAI.splitter(CALL)
    arguments = "".join(OPENAI.part(CALL, raw).tool for raw in splitter.feed(wire.bytes))
    whole = '{"city": "Paris", "unit": "C"}'
    assert arguments == whole[: len(whole) // 2]
    assert wire.end is End.PROPER
    step = half(Shape.TOOL)
    plain = Wire(step).feed(*ANSWER).finish()
    assert plain.bytes == b"".join(ANSWER)
    assert plain.player.notes.skipped[step] == "the answer calls no tool"


def test_an_upstream_that_breaks_is_shown_to_break_after_what_came():
    """Paced bytes that had come are still delivered; then the connection breaks, as upstream's did."""
    wire = Wire(Pace(20.0)).feed(*ANSWER[:5])
    wire.take(wire.player.broken(wire.now))
    wire.run(wire.now + 10)
    assert wire.bytes == b"".join(ANSWER[:5])
    assert wire.end is End.BROKEN


def test_steps_combine_in_order():
    """Wait, then pace, then a stall, then a cut: each where it belongs."""
    script = (
        Wait(1.0, Place.HEADERS),
        Pace(10.0),
        Stall(Position(2, Unit.TOKENS), 3.0),
        half(Shape.CLEAN, 4, Unit.TOKENS),
    )
    wire = Wire(*script).feed(*ANSWER).finish()
    assert wire.times == pytest.approx([1.0, 1.1, 4.1, 4.2], abs=0.11)
    assert wire.text == "".join(WORDS[:4])
    assert wire.player.notes.played >= set(script)


def test_abandoning_gives_back_every_byte_not_sent():
    """When our code breaks, what was held back can still be passed on unchanged."""
    wire = Wire(Pace(1.0)).feed(*ANSWER[:6], ANSWER[6][:20])
    assert wire.bytes + wire.player.abandon() == b"".join(ANSWER[:6]) + ANSWER[6][:20]
