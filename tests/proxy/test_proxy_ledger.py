"""What is recorded of a call, from exchanges made by hand: usage, delivery, hostile headers, a full disk."""

import json
import logging
import sys
from types import SimpleNamespace

import pytest
from mitmproxy.test import tflow

from chaosllm.adapters.proxy.addon import ChaosAddon, Clock
from chaosllm.adapters.proxy.exchange import Exchange
from chaosllm.adapters.proxy.ledger import Ledger
from chaosllm.adapters.proxy.lifecycle import _CrashCounter
from chaosllm.adapters.proxy.players.actions import Finish
from chaosllm.adapters.proxy.players.passing import PassPlayer
from chaosllm.adapters.proxy.players.streamed import StreamPlayer
from chaosllm.call import Call
from chaosllm.providers import Usage
from chaosllm.record import Effect, Event
from chaosllm.registry import member
from chaosllm.script import Applied, Breach, Cut, Decision, Headers, Pace, Place, Position, Reset, Shape, Stall, Unit

OPENAI, ANTHROPIC = member("providers", "openai"), member("providers", "anthropic")
CALL = Call("call-1", "openai", "chat", "gpt-4o", stream=True)


def exchange(*script, call=CALL):
    applied = (Applied("on.0", "some", planned=True, fired=True, steps=script),) if script else ()
    return Exchange(
        Decision(call, "on", script, applied), OPENAI, ordinal=0, now=1.0, broke=lambda _: None, reset=lambda: None,
        client="c",
    )  # fmt: skip


def answered(one, status=200, **headers):
    flow = tflow.tflow(resp=True)
    flow.response.status_code = status
    flow.response.headers.clear()
    flow.response.headers.update(headers)
    one.take_answer(flow)
    one.began(2.0)
    return flow


@pytest.mark.parametrize("make", [PassPlayer, StreamPlayer])
@pytest.mark.parametrize(("later", "billed"), [({"output_tokens": 9}, Usage(25, 9)),
                                               ({"input_tokens": 30, "output_tokens": 9}, Usage(30, 9))])  # fmt: skip
def test_of_several_counts_the_larger_holds(make, later, billed):
    """Anthropic counts the input at the start of a stream, and its last count may be of the output alone."""
    call = Call("call-1", "anthropic", "messages", "m", stream=True)
    player = make(call, ANTHROPIC, streamed=True) if make is PassPlayer else make(call, ANTHROPIC, ())
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 25, "output_tokens": 1}}}
    for event in (start, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": later}):
        player.data(b"event: %s\ndata: %s\n\n" % (event["type"].encode(), json.dumps(event).encode()), 1.0)
        player.observe(1.0)
    assert [type(one) for one in player.end(1.0)] == [Finish]
    assert player.notes.usage == billed


def test_a_client_that_leaves_delivers_what_it_met_and_not_what_was_skipped():
    """A stall that the client gave up on took effect; a cut of an answer that failed anyway never could."""
    stalled, failed = (
        exchange(Stall(Position(0, Unit.EVENTS), 30.0)),
        exchange(Cut(Position(0.5, Unit.SHARE), Shape.CLEAN)),
    )
    answered(stalled)
    answered(failed, status=500)
    for one, delivered, why in ((stalled, True, ""), (failed, False, "the upstream answered 500")):
        one.client_left()
        event = one.to_event(0.0, 3.0, b"key")
        assert (event.ended, event.rules[0].delivered, event.rules[0].why) == ("client_left", delivered, why)


@pytest.mark.parametrize(("status", "did", "origin"), [(200, "injected", "injected"), (500, "skipped", "upstream")])
def test_a_header_fault_is_one_of_good_answers(status, did, origin):
    """A wrong content type on the provider's own error is no answer of 200; on a good one it is our doing."""
    one = exchange(Headers((("content-type", "text/plain"),)))
    flow = answered(one, status=status, **{"content-type": "application/json"})
    assert flow.response.headers["content-type"] == ("text/plain" if status == 200 else "application/json")
    event = one.to_event(0.0, 3.0, b"key")
    assert (event.did, event.origin) == (did, origin)
    assert event.rules[0].why == ("" if status == 200 else "the upstream answered 500")


def test_a_fault_that_another_calls_break_forestalled_says_so():
    """Its connection was gone before it could strike: it is short, with its reason."""
    one = exchange(Cut(Position(0.5, Unit.SHARE), Shape.CLEAN))
    answered(one)
    one.swept(Breach.GOAWAY)
    event = one.to_event(0.0, 3.0, b"key")
    (part,) = event.rules
    assert event.reason == "connection/goaway"
    assert (part.delivered, part.why) == (False, "the fault of another call broke their common HTTP/2 connection")


def test_a_call_whose_limits_cannot_be_settled_is_in_the_record():
    """Our own failure there leaves neither a hole in the record nor a delivered fault."""
    told = []
    ledger = Ledger(None, b"key", report=told.append)
    one = exchange(Stall(Position(0, Unit.EVENTS), 30.0))
    one._broke = lambda error: ledger.failure(type(error).__name__)
    ledger.opened(one)
    plan = SimpleNamespace(settle=lambda *_, **__: {}["no such call"])
    ChaosAddon._close(SimpleNamespace(plan=plan, ledger=ledger, clock=Clock(0.0)), one, 2.0)
    status = ledger.status()
    assert (status["in_flight"], status["failures"], status["by_rule"]["on.0"]["delivered"]) == (0, 1, 0)
    assert told == [{"type": "failure", "what": "KeyError"}]


def test_hostile_headers_are_no_failure_of_ours():
    """A superscript or an endless number is passed over: the call is neither failed nor an invalid line of JSON."""
    one = exchange()
    one.read_timeout({"x-stainless-read-timeout": "nan", "x-server-timeout": "inf"})
    answered(one, status=429, **{"retry-after": "\N{SUPERSCRIPT TWO}"})
    event = one.to_event(0.0, 3.0, b"key")
    assert (event.client_timeout, event.retry_after, event.did) == (None, None, "passed")


@pytest.mark.parametrize("stream", [True, False])
def test_a_played_answer_without_a_length_is_framed(stream):
    """An upstream that ends its answer by closing cannot be broken visibly unless we frame it."""
    call = Call("call-1", "openai", "chat", "gpt-4o", stream=stream)
    flow = answered(exchange(Cut(Position(0.5, Unit.SHARE), Shape.ABRUPT), call=call))
    assert flow.response.headers["connection"] == "close"
    assert flow.response.headers.get("transfer-encoding") == ("chunked" if stream else None)
    untouched = answered(exchange())
    assert not untouched.response.headers


def test_a_connection_is_no_call():
    """A reset at accept counts for its rule, and not among the calls that were recognised."""
    ledger = Ledger(None, b"key", report=lambda _: None)
    step = Reset(Place.ACCEPT)
    one = exchange(step, call=Call("connection-0", "openai", "connection", "", stream=False))
    ledger.opened(one)
    one.played(step)
    ledger.closed(one, 1.0)
    status = ledger.status()
    assert (status["calls"], status["recognised"], status["by_rule"]["on.0"]["delivered"]) == (0, 0, 1)


def test_a_sealed_record_grows_no_more(tmp_path):
    """What is in flight is written as such; later calls, and its end, are counted alone."""
    ledger = Ledger(tmp_path, b"key", report=lambda _: None)
    ledger.start(0.0)
    held, later = exchange(), exchange()
    ledger.opened(held)
    ledger.seal()
    ledger.closed(held, 1.0)
    ledger.opened(later)
    ledger.closed(later, 2.0)
    ledger.close()
    (event,) = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert event["ended"] == "in_flight"
    assert (ledger.status()["recognised"], ledger.status()["in_flight"]) == (2, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /dev/full")
@pytest.mark.parametrize("when", ["flush", "close"])
def test_a_full_disk_is_told_once_and_breaks_nothing(tmp_path, when):
    """Neither the flush nor the end raises, and the run learns that its record is not whole."""
    (tmp_path / "events.jsonl").symlink_to("/dev/full")
    told = []
    ledger = Ledger(tmp_path, b"key", report=told.append)
    ledger.start(0.0)
    for _ in range(2):
        one = exchange()
        ledger.opened(one)
        ledger.closed(one, 1.0)
        if when == "flush":
            ledger.flush()
    ledger.close()
    assert [one["what"] for one in told] == ["events.jsonl cannot be written: No space left on device"]
    assert ledger.status()["failures"] == 1


def test_a_crash_inside_mitmproxy_is_told_without_its_words():
    """The message of an exception may quote traffic; its kind and place may be told."""
    told = []
    counter = _CrashCounter(Ledger(None, b"key", report=told.append))
    try:
        raise ValueError("sk-secret")
    except ValueError:
        found = sys.exc_info()
    counter.handle(logging.LogRecord("mitmproxy.proxy", logging.ERROR, "", 0, "crashed: sk-secret", None, found))
    counter.handle(logging.LogRecord("mitmproxy.proxy", logging.ERROR, "", 0, "no exception", None, None))
    ((message),) = told
    assert message["what"].startswith("ValueError at test_proxy_ledger.py:")


def test_the_timing_of_a_paced_stream_is_recorded():
    """How many events went out, how late each paced one was and the latest; a run folder without them is read too."""
    one = exchange(Pace(10.0))
    answered(one)
    one.player.start(2.0)
    raw = b'data: {"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}\n\n'
    one.player.data(raw * 3, 2.0)
    one.player.wake(2.104)
    one.player.wake(2.2)
    event = one.to_event(0.0, 3.0, b"key")
    stored = event.to_json()
    assert (stored["events"], stored["late"], stored["late_max"]) == (3, [2, 0, 0, 0, 1], pytest.approx(0.004))
    assert Event.from_json(stored) == event
    older = {key: value for key, value in stored.items() if key not in ("events", "late", "late_max")}
    assert (Event.from_json(older).events, Event.from_json(older).late) == (None, [])


def test_side_effects_are_recorded():
    """They come back from the stored form; a record without them is read too, and one that had none holds no word."""
    one = exchange(Pace(10.0))
    answered(one)
    plain = one.to_event(0.0, 3.0, b"key").to_json()
    assert "effects" not in plain
    assert Event.from_json(plain).effects == []
    one.effects = [Effect("send_email", 1, 2, 3)]
    event = one.to_event(0.0, 3.0, b"key")
    stored = json.loads(json.dumps(event.to_json()))
    assert stored["effects"] == [{"tool": "send_email", "arguments": 1, "id": 2, "result": 3}]
    assert Event.from_json(stored) == event


def test_an_answer_that_is_no_stream_has_no_events():
    """Neither a whole answer nor one without a pace says anything of the kind."""
    one = exchange(call=Call("call-1", "openai", "chat", "gpt-4o", stream=False))
    answered(one)
    stored = one.to_event(0.0, 3.0, b"key").to_json()
    assert not {"events", "late", "late_max"} & stored.keys()


def test_tokens_billed_are_counted_by_model():
    """A refused call bills nothing, and a cut one all that the upstream produced."""
    ledger = Ledger(None, b"key", report=lambda _: None)
    for status, tokens_in, tokens_out in ((200, 10, 5), (429, 10, 0), (None, 10, 7), (200, 1, 0)):
        ledger._count(Event("c", 0.0, model="gpt-4o", status=status, tokens_in=tokens_in, tokens_out=tokens_out))
    ledger._count(Event("c", 0.0, model="other", status=200, tokens_in=3))
    assert ledger.status()["tokens"] == {"gpt-4o": {"in": 21, "out": 12}, "other": {"in": 3, "out": 0}}


def test_an_app_that_makes_models_up():
    """However many models an app names, and however long, a status stays small and no token is lost."""
    ledger = Ledger(None, b"key", report=lambda _: None)
    for number in range(1000):
        ledger._count(Event("c", 0.0, model=f"{number}" + "x" * 10_000, status=200, tokens_in=1))
    tokens = ledger.status()["tokens"]
    assert sum(one["in"] for one in tokens.values()) == 1000
    assert len(json.dumps(ledger.status())) < 20_000
