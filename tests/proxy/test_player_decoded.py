"""Answers that come compressed though asked not to: played as if they were plain, broken where the coding is."""

import gzip
import os
import zlib
from random import Random

import brotli
import pytest
import zstandard
from framing_bench import pieces
from hypothesis import given, settings
from hypothesis import strategies as st
from player_wire import ANSWER, CALL, OPENAI, Wire, half
from test_proxy_ledger import answered, exchange

from chaosllm.adapters.proxy.players.actions import Begin, End, Finish, Send
from chaosllm.adapters.proxy.players.decoded import DecodedPlayer
from chaosllm.adapters.proxy.players.decoding import EXPANDS_TO, Decoder
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.adapters.proxy.players.whole import WholePlayer
from chaosllm.call import Call
from chaosllm.script import Cut, Drop, Duplicate, Linger, Pace, Piece, Position, Replace, Shape, Stall, Unit


def flushed(data):
    """Gzip as a server writes a stream: every event can be read when it has come."""
    packer = zlib.compressobj(wbits=31)
    return b"".join(packer.compress(raw) + packer.flush(zlib.Z_SYNC_FLUSH) for raw in data.splitlines(True)) + (
        packer.flush()
    )


CODINGS = {"gzip": gzip.compress, "x-gzip": flushed, "br": brotli.compress, "zstd": zstandard.compress}
WHOLE = b"".join(ANSWER)
SCRIPTS = [
    (Pace(20.0),),
    (half(Shape.CLEAN),),
    (half(Shape.HONEST),),
    (half(Shape.EVENT),),
    (half(Shape.ABRUPT),),
    (Drop(Piece.END), Replace(Piece.MODEL, "named", "x")),
    (Stall(Position(0.5, Unit.SHARE), 2.0), Duplicate(Position(2, Unit.EVENTS))),
]


class CodedWire(Wire):
    """A stream player's wire, on which the upstream answers in a coding."""

    def __init__(self, coding, *script):
        super().__init__(*script)
        self.player = DecodedPlayer(self.player, coding)


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(sorted(CODINGS)), st.sampled_from(SCRIPTS), st.integers(0, 1 << 30))
def test_a_coded_stream_is_played_as_a_plain_one(coding, script, seed):
    """Whatever the coding and the split: the bytes that the app would have seen of the plain stream."""
    coded = CodedWire(coding, *script).feed(*pieces(Random(seed), CODINGS[coding](WHOLE))).finish()
    plain = Wire(*script).feed(WHOLE).finish()
    assert (coded.bytes, coded.end) == (plain.bytes, plain.end)
    assert coded.player.notes.played == plain.player.notes.played == set(script)


def test_a_coded_stream_is_not_held_back():
    """Each event leaves with the bytes that complete it, as far as the coding lets it be read."""
    wire = CodedWire("gzip", Drop(Piece.END))
    packer = zlib.compressobj(wbits=31)
    for number, raw in enumerate(ANSWER[:6], 1):
        wire.feed(packer.compress(raw) + packer.flush(zlib.Z_SYNC_FLUSH))
        assert wire.bytes == b"".join(ANSWER[:number])


BROKEN = {
    "cut": lambda packed: packed[: len(packed) * 2 // 3],
    "cut at the last byte": lambda packed: packed[:-1],
    "garbage after it": lambda packed: packed + b"more",
    "garbage in it": lambda packed: packed[:40] + b"\xff\x00\xff\x00" + packed[44:],
    "garbage alone": lambda _: b"this was never compressed",
}


@pytest.mark.parametrize("coding", sorted(CODINGS))
@pytest.mark.parametrize("how", BROKEN)
@pytest.mark.parametrize("size", [7, 100_000])
def test_a_broken_coding_breaks_the_answer(coding, how, size):
    """What could be decoded was played; then the app sees a break, and the upstream has the blame."""
    data = BROKEN[how](CODINGS[coding](WHOLE))
    for make in (
        lambda: CodedWire(coding, Pace(1000.0)),
        lambda: CodedWire(coding, half(Shape.CLEAN, 1e6, Unit.TOKENS)),
    ):
        wire = make().feed(*(data[at : at + size] for at in range(0, len(data), size))).finish()
        assert WHOLE.startswith(wire.bytes)
        assert wire.end is End.BROKEN
        assert wire.player.why == f"the upstream's {coding} cannot be decoded"


@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_a_body_of_several_members_is_one_body(coding):
    """Gzip and zstd may come in parts, each with an end of its own; brotli may not."""
    parts = [CODINGS[coding](WHOLE[:900]), CODINGS[coding](WHOLE[900:])]
    decoder = Decoder(coding)
    got = b"".join(decoder.feed(bytes([one])) for one in b"".join(parts))
    assert (got, decoder.whole) == ((WHOLE[:900], False) if coding == "br" else (WHOLE, True))


@pytest.mark.parametrize("coding", ["identity", "", "gzip", "br", "zstd"])
def test_a_body_of_no_bytes_is_whole(coding):
    """Nothing was said in any coding."""
    assert Decoder(coding).whole
    assert Decoder(coding).feed(b"") == b""


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_body_that_explodes_is_not_decoded(coding):
    """A small piece that stands for many megabytes: decoding stops; passed, it passes; played, it breaks."""
    bomb = {
        "gzip": lambda: gzip.compress(bytes(4 << 20), 1) * 16,
        "br": lambda: brotli.compress(bytes(64 << 20), quality=1, lgwin=24),
        "zstd": lambda: zstandard.compress(bytes(64 << 20)),
    }[coding]()
    assert len(bomb) < 600_000
    decoder = Decoder(coding)
    assert decoder.feed(bomb) == b""
    assert decoder.broken
    passing = PassPlayer(CALL, OPENAI, coding=coding, streamed=True)
    assert passing.data(bomb, 1.0) == [Send(bomb)]
    passing.observe(1.0)
    assert passing.end(1.0) == [Finish(End.PROPER)]
    passing.observe(1.0)
    assert (passing.notes.bytes, passing.notes.complete) == (len(bomb), True)
    assert CodedWire(coding, Pace(10.0)).feed(bomb).finish().end is End.BROKEN


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_large_answer_is_no_bomb(coding):
    """Ten megabytes that compress by half decode, in pieces of 64 KiB as they come from a socket."""
    data = os.urandom(2 << 20).hex().encode()
    packed = gzip.compress(data, 1) if coding == "gzip" else CODINGS[coding](data) if coding == "zstd" else (
        brotli.compress(data, quality=1)
    )  # fmt: skip
    decoder = Decoder(coding)
    assert b"".join(decoder.feed(packed[at : at + 65536]) for at in range(0, len(packed), 65536)) == data
    assert decoder.whole
    assert len(data) < EXPANDS_TO


def test_a_window_of_zstd_is_bounded():
    """A frame that asks for more memory than RFC 9659 allows on the wire is not decoded."""
    parameters = zstandard.ZstdCompressionParameters(window_log=27)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    frame = packer.compress(b"x") + packer.flush()
    decoder = Decoder("zstd")
    assert decoder.feed(frame) == b""
    assert decoder.broken


CUT = Cut(Position(0.5, Unit.SHARE), Shape.CLEAN)
PLAIN = Call("call-1", "openai", "chat", "gpt-4o", stream=False)


def test_an_exchange_decodes_what_it_shapes():
    """The app is told of no coding; a body that no rule touches, an error and an unknown coding stay as they are."""
    for call, inner in ((CALL, StreamPlayer), (PLAIN, WholePlayer)):
        one = exchange(CUT, call=call)
        flow = answered(one, **{"content-encoding": "gzip", "content-length": "100"})
        assert isinstance(one.player, DecodedPlayer)
        assert isinstance(one.player.inner, inner)
        assert "content-encoding" not in flow.response.headers
    for script, status, coding in (((), 200, "gzip"), ((CUT,), 500, "gzip"), ((CUT,), 200, "gzip, br")):
        one = exchange(*script)
        flow = answered(one, status=status, **{"content-encoding": coding})
        assert isinstance(one.player, PassPlayer)
        assert flow.response.headers["content-encoding"] == coding
    assert one.to_event(0.0, 3.0, b"key").rules[0].why == "the upstream answered in gzip, br though asked not to"


def test_a_held_answer_is_decoded_and_announced():
    """A whole answer: cut as if it were plain, its new length in the headers, a lingering end beside it too."""
    body = b'{"choices":[{"message":{"content":"one two three four"},"finish_reason":"stop"}]}'
    for script in ((CUT,), (CUT, Linger(2.0))):
        one = exchange(*script, call=PLAIN)
        flow = answered(one, **{"content-encoding": "br"})
        assert one.player.data(brotli.compress(body), 1.0) == []
        assert one.player.end(1.0) == [Begin()]
        one.headers(flow)
        (sent, *_) = one.player.start(1.0)
        assert body.startswith(sent.data)
        assert flow.response.headers.get("content-length") == (None if len(script) > 1 else str(len(sent.data)))


@pytest.mark.parametrize(("step", "did", "why"), [
    (CUT, "skipped", "the answer has no text"), (Pace(10.0), "injected", "the upstream's gzip cannot be decoded"),
])  # fmt: skip
def test_the_blame_for_a_broken_coding_is_the_upstreams(step, did, why):
    """The record says that the answer broke, and that the upstream broke it; a cut that found no place is not ours."""
    one = exchange(step)
    answered(one, **{"content-encoding": "gzip"})
    (finish,) = one.player.data(b"this is not gzip", 1.0)
    one.ended(finish.end)
    event = one.to_event(0.0, 3.0, b"key")
    assert (event.ended, event.origin, event.did, event.why) == ("broken", "upstream", did, why)


def test_what_our_own_mistake_leaves_is_still_decoded():
    """A player that fails is replaced, and the rest of the coded answer passes plain, without a byte lost."""
    packed = gzip.compress(WHOLE)
    one = exchange(half(Shape.CLEAN))
    answered(one, **{"content-encoding": "gzip"})
    broken = one.player
    sent = b"".join(action.data for action in broken.data(packed[:120], 1.0))
    one.failed(RuntimeError())
    sent += broken.abandon()
    assert one.player is not broken
    sent += b"".join(action.data for action in one.player.data(packed[120:], 1.0))
    one.player.observe(1.0)
    assert sent == WHOLE
    assert one.player.end(2.0) == [Finish(End.PROPER)]
    one.failed(RuntimeError())  # a second time: nothing is left to replace
    assert isinstance(one.player.inner, PassPlayer)
