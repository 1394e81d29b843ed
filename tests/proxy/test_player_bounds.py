"""What an upstream can send without end: memory stays bounded, bytes pass, and what was given up says why."""

import json

import pytest
from player_wire import ANSWER, CALL, OPENAI, ROLE, TEXTS, Wire, chunk

from chaosllm.adapters.proxy.players import delivery, streamed, whole
from chaosllm.adapters.proxy.players.actions import Begin, End, Finish, Send
from chaosllm.adapters.proxy.players.paced import PacedPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.providers import _reading
from chaosllm.rewriting import stages
from chaosllm.script import (
    Cut,
    Drop,
    Insert,
    Pace,
    Piece,
    Place,
    Position,
    Replace,
    Reset,
    Shape,
    Stall,
    Unit,
)

SHARE = Position(0.5, Unit.SHARE)


def test_a_share_of_an_endless_answer_is_given_up(monkeypatch):
    """Above the bound the delay line opens: what was held flows, and the record says why there was no cut."""
    monkeypatch.setattr(streamed, "HELD_AT_MOST", 50_000)
    step, after = Cut(SHARE, Shape.CLEAN), Stall(Position(400, Unit.TOKENS), 1.0)
    wire = Wire(step, after)
    texts = [chunk({"content": f"word{n:03d} "}) for n in range(999)]
    for raw in (ROLE, *texts):
        wire.feed(raw)
        assert wire.player._line.bytes <= 50_000 + len(raw) or wire.player.held  # held: that is the stall's
    wire.finish()
    assert wire.bytes == b"".join([ROLE, *texts])
    assert wire.player.notes.skipped == {step: "the answer came to more than 16 MiB before its place was known"}
    assert wire.player.notes.played == {after}


def test_an_endless_event_passes_in_pieces(monkeypatch):
    """No blank line ever: its bytes leave, little is kept, and a step that found no place says why."""
    monkeypatch.setattr(_reading, "LONGEST_EVENT", 10_000)
    step = Stall(Position(5, Unit.TOKENS), 1.0)
    wire = Wire(step, Pace(100.0)).feed(ROLE, TEXTS[0], b"data: ")
    for _ in range(1000):
        wire.feed(b"x" * 100)
        assert len(wire.player._reader.rest()) <= 10_100
    wire.finish()
    assert wire.bytes == b"".join([ROLE, TEXTS[0], b"data: ", b"x" * 100_000])
    assert wire.end is End.PROPER
    assert wire.player.notes.skipped == {step: "an event of more than 16 MiB passed in pieces"}


def test_an_endless_event_of_a_paced_stream_passes_too(monkeypatch):
    """The quick player keeps none of it either."""
    monkeypatch.setattr(_reading, "LONGEST_EVENT", 10_000)
    player = PacedPlayer(CALL, OPENAI, (Pace(100.0),))
    data = [b"data: ", *[b"y" * 500] * 100]
    actions = [one for piece in data for one in player.data(piece, 1.0)] + player.end(1.0)
    assert b"".join(one.data for one in actions if isinstance(one, Send)) == b"".join(data)
    assert player.held == 0


def test_an_edit_beside_an_endless_event_keeps_the_order(monkeypatch):
    """What an edit holds back, and the pieces after it, leave in the order in which they came."""
    monkeypatch.setattr(_reading, "LONGEST_EVENT", 2000)
    wire = Wire(Replace(Piece.TOOL, "cut"), Drop(Piece.END)).feed(*ANSWER[:4], b"data: " + b"x" * 5000, b"\n\n")
    wire.feed(*ANSWER[4:]).finish()
    assert wire.bytes == b"".join([*ANSWER[:4], b"data: ", b"x" * 5000, b"\n\n", *ANSWER[4:-1]])


def test_the_text_of_an_endless_answer_is_not_kept(monkeypatch):
    """A place that is never reached keeps the text for a while, and then gives up; all passes."""
    monkeypatch.setattr(delivery, "_KEPT_AT_MOST", 5000)
    step = Cut(Position(1e9, Unit.TOKENS), Shape.CLEAN)
    wire = Wire(step)
    texts = [chunk({"content": "seven, "})] * 3000
    wire.feed(ROLE, *texts)
    assert sum(map(len, wire.player.notes.delivered)) <= 5007
    wire.finish()
    assert wire.bytes == b"".join([ROLE, *texts])
    assert step in wire.player.notes.skipped


def test_the_text_behind_a_cut_is_not_kept_for_ever(monkeypatch):
    """An honestly cut answer whose upstream never ends: no more is remembered of it than the bound."""
    monkeypatch.setattr(delivery, "_KEPT_AT_MOST", 5000)
    wire = Wire(Cut(Position(3, Unit.TOKENS), Shape.HONEST)).feed(*ANSWER[:5], *[chunk({"content": "seven, "})] * 3000)
    assert sum(map(len, wire.player.notes.withheld)) <= 5007


@pytest.mark.parametrize("how", ["cut", "repeated"])
def test_an_endless_tool_call_is_not_kept(how, monkeypatch):
    """Arguments that never end: the edit is given up with a reason, and every byte passes."""
    monkeypatch.setattr(stages, "_KEPT_AT_MOST", 20_000)

    def call(**function):
        return chunk({"tool_calls": [{"index": 0, "function": function}]})

    step = Replace(Piece.TOOL, how)
    raws = [ROLE, call(name="weather", arguments=""), *[call(arguments="xxxxxxxx")] * 1000]
    wire = Wire(step).feed(*raws)
    assert len(wire.player._rewriter.held()) <= 20_000
    wire.finish()
    assert wire.bytes == b"".join(raws)
    assert wire.player.notes.skipped == {step: "the tool call was longer than 16 MiB"}


def whole_answer(text):
    return json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode()


def test_a_huge_whole_answer_passes_as_it_comes(monkeypatch):
    """Above the bound nothing is held: headers, what came, the rest piece by piece; every step says why not."""
    monkeypatch.setattr(whole, "HELD_AT_MOST", 3000)
    steps = (Cut(SHARE, Shape.HONEST), Pace(10.0), Replace(Piece.MODEL, "named", "x"))
    player = WholePlayer(CALL, OPENAI, steps)
    body = whole_answer("word " * 2000)
    pieces = [body[at : at + 700] for at in range(0, len(body), 700)]
    sent = []
    for piece in pieces:
        for action in player.data(piece, 1.0):
            sent += player.start(1.0) if isinstance(action, Begin) else [action]
    assert player.length is None
    assert player.next_wake is None
    assert player.end(2.0) == [Finish(End.PROPER)]
    assert len(sent) == len(pieces) - 4  # the first five leave together
    assert b"".join(one.data for one in sent) == body
    assert player.notes.skipped == dict.fromkeys(steps, "the answer was larger than 64 MiB, and passed as it came")
    assert (player.notes.bytes, player.notes.complete, player.notes.ours) == (len(body), True, False)


def test_a_huge_whole_answer_that_breaks_is_seen_to_break(monkeypatch):
    """What came of it has gone, and then the connection breaks."""
    monkeypatch.setattr(whole, "HELD_AT_MOST", 100)
    player = WholePlayer(CALL, OPENAI, (Reset(Place.HEADERS),))
    assert player.data(b"x" * 101, 1.0) == [Begin()]
    assert player.start(1.0) == [Send(b"x" * 101)]
    assert player.broken(1.0) == [Finish(End.BROKEN)]


def test_a_place_that_was_met_is_not_given_up(monkeypatch):
    """Only what could not be placed is given up: an event inserted early stays, a share behind it does not."""
    monkeypatch.setattr(streamed, "HELD_AT_MOST", 20_000)
    early, late = Insert(Position(1, Unit.EVENTS), (b"data: {}\n\n",)), Cut(SHARE, Shape.CLEAN)
    wire = Wire(early, late).feed(ROLE, *[chunk({"content": "x "})] * 500).finish()
    assert early in wire.player.notes.played
    assert list(wire.player.notes.skipped) == [late]
