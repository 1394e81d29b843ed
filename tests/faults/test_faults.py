"""Faults: each says what goes wrong as a script, from its YAML fields."""

import importlib
import pkgutil

import pytest
from plain_provider import PlainProvider
from pydantic import TypeAdapter, ValidationError

import chaosllm.faults
from chaosllm.call import Call, Request
from chaosllm.faults import Context, Fault
from chaosllm.limiter import Limiter
from chaosllm.script import Cut, Hang, Insert, Pace, Place, Position, Reply, Reset, Shape, Stall, Unit, Wait

MEMBERS = {
    name: importlib.import_module(f"chaosllm.faults.{name}").MEMBER
    for _, name, _ in pkgutil.iter_modules(chaosllm.faults.__path__)
    if not name.startswith("_")
}


def fault(name, **fields) -> Fault:
    """The fault that these YAML fields make."""
    return TypeAdapter(MEMBERS[name]).validate_python(fields)


def script(name, *, stream=False, draw=0.5, now=1e9, **fields):
    """What the fault asks for on one plain call."""
    call = Call("op-1/call-0", "openai", "ask", "m", stream)
    context = Context(
        call, Request("POST", "", "", (), b"{}"), PlainProvider(), lambda _salt: draw, now, 0.0, Limiter()
    )
    return fault(name, **fields).script(context)


def test_every_member_says_its_name_and_what_it_does():
    """A fault's file is named after it, and its summary is one line."""
    assert {name: member.name for name, member in MEMBERS.items()} == {name: name for name in MEMBERS}
    assert all(member.summary and "\n" not in member.summary for member in MEMBERS.values())


def test_latency():
    """A delay waits before the answer or before the body; tokens pace it."""
    assert script("latency", first_token="800ms") == (Wait(0.8, Place.REQUEST),)
    assert script("latency", first_token="800ms", hold="first_token") == (Wait(0.8, Place.HEADERS),)
    assert script("latency", first_token={"uniform": {"low": "1s", "high": "3s"}}, draw=0.25) == (Wait(1.5),)
    (pace,) = script("latency", tokens="20/s", jitter="20%")
    assert isinstance(pace, Pace)
    assert (pace.tokens_per_second, pace.jitter) == (20, 0.2)


def test_an_empirical_latency_takes_its_file():
    """The reader hands the file's text in; the fault itself opens nothing."""
    recorded = fault("latency", first_token={"empirical": "times.txt"})
    assert recorded.files() == ("times.txt",)
    assert recorded.with_files({"times.txt": "1s\n3s\n"}).first_token.sample(0.5) == 2.0
    assert fault("latency", first_token="1s").files() == ()


@pytest.mark.parametrize(
    ("fields", "seconds", "header"),
    [
        ({}, 1.0, "1.0"),
        ({"retry_after": "2s"}, 2.0, "2.0"),
        ({"retry_after": "none"}, None, None),
        ({"retry_after": "zero"}, 0.0, "0"),
        ({"retry_after": "negative"}, None, "-1"),
        ({"retry_after": "garbage"}, None, "soon"),
        ({"retry_after": "huge"}, 86400.0, "86400.0"),
        ({"retry_after": "date"}, 2.0, "Sun, 09 Sep 2001 01:46:42 GMT"),
    ],
)
def test_retry_after_in_all_its_forms(fields, seconds, header):
    """What the header says and what it asks for are both known."""
    (reply,) = script("rate_limit", **fields)
    assert isinstance(reply, Reply)
    assert reply.retry_after == seconds
    assert dict(reply.headers).get("retry-after") == header
    assert reply.reason == "rate_limit/requests"


def test_a_date_asks_for_what_is_left_until_its_whole_second():
    """A client that obeys a date to the letter has not ignored it."""
    (reply,) = script("rate_limit", retry_after="date", now=1e9 + 0.75)
    assert dict(reply.headers)["retry-after"] == "Sun, 09 Sep 2001 01:46:42 GMT"
    assert reply.retry_after == pytest.approx(1.25)


def test_quota_and_error():
    """Quota refuses from the start; an error has its status or its kind's."""
    assert script("quota", kind="credit")[0].reason == "quota/credit"
    assert fault("quota", budget="500 tokens").live
    assert not fault("quota").live
    assert script("error")[0].status == 500
    assert script("error", status=503)[0].status == 503
    assert script("error", kind="auth")[0].reason == "error/auth"


def test_overload_inside_a_stream_needs_a_stream():
    """A call that does not stream gets the status."""
    (insert,) = script("overload", shape="stream", stream=True)
    assert isinstance(insert, Insert)
    assert insert.end
    assert isinstance(script("overload", shape="stream")[0], Reply)


def test_what_breaks_an_answer():
    """Places and lengths of time reach the script as they were written."""
    assert script("truncate") == (Cut(Position(0.5, Unit.SHARE), Shape.CLEAN),)
    assert script("truncate", shape="tool", at="20 tokens") == (Cut(Position(20, Unit.TOKENS), Shape.TOOL),)
    assert script("stall", at="3 events", **{"for": "ever"}) == (Stall(Position(3, Unit.EVENTS), None),)
    assert script("stall") == (Stall(Position(0.5, Unit.SHARE), 30.0),)
    often = [Stall(Position(share, Unit.SHARE), 2.0) for share in (0.2, 0.5, 0.8)]
    assert script("stall", at=["50%", "20%", "80%"], **{"for": "2s"}) == tuple(often)
    assert script("hang") == (Hang(None),)
    assert script("hang", **{"for": "2s"}) == (Hang(2.0),)
    assert script("reset") == (Reset(Place.REQUEST),)
    assert script("reset", at="200 bytes") == (Reset(Position(200, Unit.BYTES)),)
    assert fault("reset", at="accept").at_accept


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("latency", {}, "first_token"),
        ("latency", {"tokens": "0/s"}, "stall"),
        ("latency", {"first_token": 2}, "its unit"),
        ("rate_limit", {"retry_after": "later"}, "date, ms, none"),
        ("rate_limit", {"buckets": {}}, "at least one of rpm"),
        ("rate_limit", {"buckets": {"rpm": 0}}, "greater than or equal to 1"),
        ("rate_limit", {"buckets": {"rpm": "60"}}, "integer"),
        ("rate_limit", {"kind": "minute"}, "'requests', 'tokens'"),
        ("rate_limit", {"buckets": {"spend": "2 USD"}}, "2 USD/h"),
        ("rate_limit", {"buckets": {"spend": "0 USD/h"}}, "2 USD/h"),
        ("rate_limit", {"headers": "lie"}, "without `buckets`"),
        ("rate_limit", {"headers": "maybe"}, "'lie' or 'none'"),
        ("rate_limit", {"should_retry": "never"}, "boolean"),
        ("quota", {"budget": "2 EUR"}, "50000 tokens or 2 USD"),
        ("quota", {"budget": "two USD"}, "5 USD"),
        ("quota", {"budget": 500}, "50000 tokens"),
        ("error", {"status": 200}, "400"),
        ("error", {"status": 500, "kind": "auth"}, "expected one"),
        ("truncate", {"at": "halfway"}, "50%, 20 tokens"),
        ("truncate", {"shape": "ugly"}, "honest"),
        ("stall", {"for": "never"}, "or ever"),
        ("hang", {"until": "2s"}, "Unexpected keyword"),
        ("reset", {"at": "start"}, "accept, request, headers"),
    ],
)
def test_a_wrong_field_is_refused_with_what_would_work(name, fields, says):
    """No fault takes a field it does not know or a value it cannot mean."""
    with pytest.raises(ValidationError, match=says):
        fault(name, **fields)
