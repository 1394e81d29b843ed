"""The player on whole answers, and the player that lets pass: driven by hand on a made-up clock."""

import gzip
import json
import zlib

import brotli
import pytest
import zstandard

from chaosllm.adapters.proxy.players.actions import Begin, End, Finish, Send
from chaosllm.adapters.proxy.players.decoding import Decoder
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.call import Call
from chaosllm.registry import member
from chaosllm.script import Cut, Insert, Pace, Place, Position, Reset, Shape, Stall, Unit, Wait

OPENAI = member("providers", "openai")
CALL = Call("call-1", "openai", "chat", "gpt-4o", stream=False)
TEXT = "".join(f"word{n:02d} " for n in range(10))


def answer(text=TEXT, tool=None):
    message = {"role": "assistant", "content": text}
    if tool:
        message["tool_calls"] = [{"id": "t", "type": "function", "function": {"name": "f", "arguments": tool}}]
    usage = {"prompt_tokens": 4, "completion_tokens": 10, "total_tokens": 14}
    choices = [{"index": 0, "finish_reason": "stop", "message": message}]
    head = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return json.dumps(head | {"choices": choices, "usage": usage}).encode()


BODY = answer()


def half(shape, value=0.5, unit=Unit.SHARE):
    return Cut(Position(value, unit), shape)


def play(*script, body=BODY):
    """(sent as (time, bytes), how it ended, time of the headers, the player)."""
    player = WholePlayer(CALL, OPENAI, script)
    now, sent, end, begun = 0.0, [], None, None
    actions = [*player.data(body[:100], now), *player.data(body[100:], now), *player.end(now)]
    for _ in range(20):
        while actions:
            match actions.pop(0):
                case Begin():
                    begun = now
                    actions += player.start(now)
                case Send(data=data):
                    sent.append((now, data))
                case Finish(end=how):
                    end = how
        if end is not None or player.next_wake is None:
            break
        now = player.next_wake
        actions = player.wake(now)
    return sent, end, begun, player


def test_honest_is_valid_json_that_says_length():
    """Less text, the length reason, and a Content-Length that agrees."""
    sent, end, _, player = play(half(Shape.HONEST))
    body = b"".join(data for _, data in sent)
    said = json.loads(body)["choices"][0]
    assert (said["message"]["content"], said["finish_reason"]) == (TEXT[:35], "length")
    assert (player.length, end) == (len(body), End.PROPER)
    assert player.notes.cut


def test_clean_ends_inside_the_text_and_the_length_agrees():
    """A client that trusts the length gets broken JSON, and no error from HTTP."""
    sent, end, _, player = play(half(Shape.CLEAN))
    assert sent[0][1] == BODY[: BODY.index(b"word05")]
    assert (player.length, end) == (len(sent[0][1]), End.PROPER)
    assert "".join(player.notes.withheld) == TEXT[35:]


def test_abrupt_announces_the_whole_and_breaks():
    """The length is that of the whole answer, then the connection ends."""
    sent, end, _, player = play(half(Shape.ABRUPT))
    assert sent[0][1] == BODY[: BODY.index(b"word05")]
    assert (player.length, end) == (len(BODY), End.BROKEN)


def test_places_by_bytes_and_tokens():
    """200 bytes are 200 bytes; 4 of 18 estimated tokens are that share of the text."""
    assert play(Cut(Position(200, Unit.BYTES), Shape.CLEAN))[0][0][1] == BODY[:200]
    sent, *_ = play(Cut(Position(4, Unit.TOKENS), Shape.CLEAN))
    assert BODY.index(b"word01") < len(sent[0][1]) < BODY.index(b"word04")


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (half(Shape.EVENT), "a whole answer has no events to cut"),
        (half(Shape.CLEAN, 3, Unit.EVENTS), "a whole answer has no events to count"),
        (half(Shape.CLEAN, 3000, Unit.TOKENS), "the answer ended before 3000 tokens"),
        (half(Shape.CLEAN, 99999, Unit.BYTES), "the answer ended before 99999 bytes"),
        (half(Shape.TOOL), "the answer calls no tool"),
        (Insert(Position(0.5, Unit.SHARE), (b"x",)), "a whole answer has no place for an event"),
    ],
)
def test_what_cannot_be_played_is_skipped_with_a_reason(step, why):
    """The answer passes whole."""
    sent, end, _, player = play(step)
    assert (b"".join(data for _, data in sent), end) == (BODY, End.PROPER)
    assert player.notes.skipped == {step: why}
    assert not player.notes.ours


def test_a_tool_cut_ends_inside_the_arguments():
    """The body ends in the middle of the arguments string."""
    body = answer(text=None, tool='{"city": "Paris"}')
    sent, end, _, player = play(half(Shape.TOOL), body=body)
    assert sent[0][1].endswith(b'{\\"city\\":')
    assert (end, player.notes.shape) == (End.PROPER, "tool")


def test_a_stall_splits_the_body_and_loses_nothing():
    """Half, silence, the other half."""
    sent, end, _, player = play(Stall(Position(0.5, Unit.SHARE), 2.0))
    assert [(at, len(data)) for at, data in sent] == [
        (0.0, BODY.index(b"word05")),
        (2.0, len(BODY) - BODY.index(b"word05")),
    ]
    assert end is End.PROPER
    assert player.notes.done["stall"] == pytest.approx(2.0)


@pytest.mark.parametrize("step", [Stall(Position(0.5, Unit.SHARE), 2.0), Wait(2.0, Place.HEADERS)])
def test_headers_that_leave_late_shorten_no_delay(step):
    """An app sees it from the headers on, and those may have to wait for the machine."""
    kind = "stall" if isinstance(step, Stall) else "wait"
    player = WholePlayer(CALL, OPENAI, (step,))
    assert [*player.data(BODY, 0.0), *player.end(0.0)] == [Begin()]
    player.start(0.5)
    assert player.next_wake == 2.5
    assert player.wake(2.4) == []
    *_, last = player.wake(2.6)
    assert last == Finish(End.PROPER)
    assert player.notes.done == {kind: pytest.approx(2.1)}


def test_a_stall_for_ever_never_ends():
    """The first half, then nothing is ever due."""
    sent, end, _, player = play(Stall(Position(0.5, Unit.SHARE), None))
    assert b"".join(data for _, data in sent) == BODY[: BODY.index(b"word05")]
    assert (end, player.next_wake) == (None, None)


def test_a_pace_holds_the_headers_for_as_long_as_the_tokens_take():
    """10 billed tokens at 5 a second: nothing for 2 seconds, then everything."""
    sent, _, begun, player = play(Pace(5.0))
    assert (begun, [at for at, _ in sent]) == (2.0, [2.0])
    assert player.notes.asked == {"pace": 2.0}


def test_a_wait_after_the_headers_holds_the_body():
    """The headers at once, the body later."""
    sent, _, begun, _ = play(Wait(0.5, Place.HEADERS))
    assert (begun, [at for at, _ in sent]) == (0.0, [0.5])


def test_resets():
    """After the headers no byte, at half of the text half of it."""
    assert play(Reset(Place.HEADERS))[:2] == ([], End.RESET)
    sent, end, _, player = play(Reset(Position(0.5, Unit.SHARE)))
    assert (sent[0][1], end, player.length) == (BODY[: BODY.index(b"word05")], End.RESET, len(BODY))


def test_abandoning_gives_the_whole_body_back():
    """Before it was shaped, whatever has come."""
    player = WholePlayer(CALL, OPENAI, (half(Shape.CLEAN),))
    player.data(BODY, 0.0)
    assert player.abandon() == BODY


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY)), ("deflate", zlib.compress(BODY)), ("br", brotli.compress(BODY)),
        ("zstd", zstandard.compress(BODY)), ("", BODY), ("identity", BODY),
    ],
)  # fmt: skip
def test_an_untouched_answer_is_read_from_a_copy(coding, packed):
    """Each piece is sent as it came before anything is read; usage and finish are found all the same."""
    player = PassPlayer(CALL, OPENAI, coding=coding, streamed=False)
    pieces = [packed[at : at + 50] for at in range(0, len(packed), 50)]
    for piece in pieces:
        assert player.data(piece, 1.0) == [Send(piece)]
        player.observe(1.0)
    assert player.end(2.0) == [Finish(End.PROPER)]
    player.observe(2.0)
    assert (player.notes.usage.output_tokens, player.notes.finish, player.notes.bytes) == (10, "stop", len(packed))


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "rot13"])
def test_damaged_or_unknown_codings_are_passed_over(coding):
    """Bytes that do not decode are still sent; nothing is read from them."""
    decoder = Decoder(coding)
    assert decoder.feed(b"this is not compressed at all, whatever the header says") == b""
    assert decoder.broken
