"""Faults of content: the edits and the answers that they ask for, and the calls that they leave alone."""

import json
import re
from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from chaosllm.call import Call, Request
from chaosllm.canaries import CANARIES
from chaosllm.faults import Context, Demanding, Selective
from chaosllm.limiter import Limiter
from chaosllm.registry import member, members
from chaosllm.script import (
    Cut,
    Drop,
    Duplicate,
    Headers,
    Insert,
    Piece,
    Position,
    Reorder,
    Repeat,
    Replace,
    Reply,
    Shape,
    Spoil,
    Unit,
)

HALF = Position(0.5, Unit.SHARE)
CHAT = Call("op-1/call-0", "openai", "chat", "gpt-4o", stream=False, prompt_tokens=7)
REQUEST = Request("POST", "", "/v1/chat/completions", (), b'{"model": "gpt-4o", "messages": []}', "openai")


def fault(name, **fields):
    return TypeAdapter(member("faults", name)).validate_python(fields)


def script(name, call=CHAT, **fields):
    """What the fault asks for on a call of OpenAI's chat."""
    provider = member("providers", "openai")
    return fault(name, **fields).script(Context(call, REQUEST, provider, lambda _: 0.5, 1e9, 0.0, Limiter()))


@pytest.mark.parametrize(
    ("name", "fields", "step"),
    [
        ("drop", {}, Drop(Piece.END)),
        ("drop", {"what": "finish"}, Drop(Piece.FINISH)),
        ("duplicate", {"at": "3 events"}, Duplicate(Position(3, Unit.EVENTS))),
        ("reorder", {}, Reorder(HALF)),
        ("malformed", {}, Spoil("json", HALF)),
        ("malformed", {"shape": "utf8", "at": "20 tokens"}, Spoil("utf8", Position(20, Unit.TOKENS))),
        ("malformed", {"shape": "content_type"}, Headers((("content-type", "text/plain"),))),
        ("malformed", {"shape": "encoding"}, Headers((("content-encoding", "gzip"),))),
        ("malformed", {"shape": "tool_arguments"}, Replace(Piece.TOOL, "invalid")),
        ("tool_call", {"shape": "wrong_types"}, Replace(Piece.TOOL, "wrong_types")),
        ("tool_call", {"shape": "unknown_tool", "tool": "x"}, Replace(Piece.TOOL_NAME, "unknown", "x")),
        ("usage", {}, Replace(Piece.USAGE, "inflated", 10.0)),
        ("usage", {"shape": "missing"}, Drop(Piece.USAGE)),
        ("embeddings", {"shape": "nan"}, Replace(Piece.VECTORS, "nan")),
        ("model_swap", {}, Replace(Piece.MODEL, "named", "gpt-4o-mini")),
        ("model_swap", {"to": "tiny"}, Replace(Piece.MODEL, "named", "tiny")),
        ("repetition", {"tokens": "50 tokens"}, Repeat(HALF, 50)),
        ("content", {"text": "hush"}, Replace(Piece.TEXT, "after", "hush")),
        ("content", {"canary": "card", "where": "start"}, Replace(Piece.TEXT, "before", CANARIES["card"].text)),
        ("content", {"canary": ["card", "ssn"]}, Replace(Piece.TEXT, "after", CANARIES["ssn"].text)),
        ("refusal", {"kind": "content_filter", "shape": "partial"}, Cut(HALF, Shape.HONEST, "filter")),
        ("truncate", {"shape": "abrupt", "body": "length"}, Cut(HALF, Shape.ABRUPT, body="length")),
    ],
)
def test_an_edit_is_data(name, fields, step):
    """A fault of content that changes a real answer asks for one step."""
    assert script(name, **fields) == (step,)


@pytest.mark.parametrize(
    ("name", "fields", "finish", "text"),
    [
        ("empty", {}, "stop", ""),
        ("refusal", {"kind": "content_filter"}, "content_filter", ""),
        ("refusal", {}, "stop", ""),  # OpenAI says it in a field of its own
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_in_the_models_place_reads_as_the_providers_own(name, fields, finish, text, stream):
    """Status 200, and the provider's own reader finds the finish reason and no text."""
    call = replace(CHAT, stream=stream)
    (reply,) = script(name, call, **fields)
    assert (reply.status, reply.reason.partition("/")[0]) == (200, name)
    provider = member("providers", "openai")
    if stream:
        parts = [provider.part(call, raw) for raw in provider.splitter(call).feed(reply.body)]
        assert "".join(part.text for part in parts) == text
        assert [part.finish for part in parts if part.finish] == [finish]
        assert parts[-1].end
    else:
        answer = provider.answer(call, reply.body)
        assert (answer.finish, answer.text) == (finish, text)
    if name == "refusal" and not fields:
        assert b"I'm sorry" in reply.body.replace(b'"}', b"") or b'"refusal":"I' in reply.body


@pytest.mark.parametrize(
    ("shape", "content_type", "begins"),
    [("html", "text/html; charset=utf-8", b"<!DOCTYPE html>"), ("error_object", "application/json", b'{"error":')],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_malformed_answer_keeps_status_200(shape, content_type, begins, stream):
    """HTML or an error object come with status 200, and with a content type of their own even where a stream is due."""
    (reply,) = script("malformed", replace(CHAT, stream=stream), shape=shape)
    assert (reply.status, reply.reason) == (200, f"malformed/{shape}")
    assert [value for name, value in reply.headers if name == "content-type"] == [content_type]
    assert reply.body.startswith(begins)


def test_an_empty_body_keeps_the_headers_of_a_good_answer():
    """Nothing comes, where a stream or a JSON object was announced."""
    for stream, kind in ((False, "application/json"), (True, "text/event-stream; charset=utf-8")):
        (reply,) = script("malformed", replace(CHAT, stream=stream), shape="empty")
        assert isinstance(reply, Reply)
        assert (reply.status, reply.body) == (200, b"")
        assert ("content-type", kind) in reply.headers


def test_a_stream_error_is_the_providers_own_and_ends_the_stream():
    """The event is put in at its place, or after the finish reason."""
    (half,) = script("stream_error", replace(CHAT, stream=True))
    assert (half.at, half.end) == (HALF, True)
    assert isinstance(half, Insert)
    assert b"overloaded" in half.events[0]
    (late,) = script("stream_error", replace(CHAT, stream=True), at="finish", kind="server")
    assert late.at.unit is Unit.FINISH
    assert b"server_error" in late.events[0]


@pytest.mark.parametrize(
    ("name", "fields", "spared"),
    [
        ("drop", {"what": "end"}, {"stream": False}),
        ("drop", {"what": "usage"}, {"counted": False}),
        ("usage", {}, {"counted": False}),
        ("duplicate", {}, {"stream": False}),
        ("reorder", {}, {"stream": False}),
        ("stream_error", {}, {"stream": False}),
        ("truncate", {"shape": "event"}, {"stream": False}),
        ("truncate", {"shape": "tool"}, {"tools": False}),
        ("tool_call", {}, {"tools": False}),
        ("malformed", {"shape": "tool_arguments"}, {"tools": False}),
        ("embeddings", {}, {"embeds": False}),
        ("empty", {}, {"embeds": True}),
        ("refusal", {}, {"embeds": True}),
        ("repetition", {}, {"embeds": True}),
    ],
)
def test_calls_that_cannot_be_hit_are_not_eligible(name, fields, spared):
    """Law 4: a call for which a fault means nothing is no praise for anyone."""
    one = fault(name, **fields)
    fits = replace(CHAT, stream=True, tools=True, embeds=name == "embeddings")
    assert isinstance(one, Selective)
    assert one.applies(fits)
    assert not one.applies(replace(fits, **spared))


def test_what_a_fault_needs_some_provider_has():
    """Each ability that a fault can ask for is one that at least one provider has; a misspelt one would never be."""
    able = frozenset().union(*(provider.abilities for provider in members("providers").values()))
    shapes = {
        "drop": [{"what": what} for what in ("end", "usage", "finish")],
        "duplicate": [{}], "reorder": [{}], "model_swap": [{}], "embeddings": [{}],
        "malformed": [{"shape": "tool_arguments"}],
        "refusal": [{"kind": kind, "shape": shape} for kind in ("refusal", "content_filter")
                    for shape in ("answer", "status", "partial")],
        "stream_error": [{"kind": kind} for kind in ("overload", "server", "rate_limit")],
        "tool_call": [{"shape": shape} for shape in ("cut", "invalid", "unknown_tool", "wrong_types", "repeated")],
        "usage": [{"shape": shape} for shape in ("missing", "inflated", "contradictory")],
    }  # fmt: skip
    for name, some in shapes.items():
        for fields in some:
            one = fault(name, **fields)
            assert isinstance(one, Demanding)
            assert able.issuperset(one.needs()), (name, fields, one.needs())


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("usage", {"factor": 1}),
        ("truncate", {"shape": "clean", "body": "length"}),
        ("stream_error", {"at": "end"}),
        ("tool_call", {"shape": "broken"}),
        ("repetition", {"tokens": 50}),
    ],
)
def test_what_cannot_be_meant_is_refused(name, fields):
    """A field out of its range, or two that contradict each other."""
    with pytest.raises(ValidationError):
        fault(name, **fields)


@pytest.mark.parametrize(
    ("provider", "path", "body", "counted"),
    [
        ("openai", "/v1/chat/completions", {"stream": True}, False),
        ("openai", "/v1/chat/completions", {"stream": True, "stream_options": {"include_usage": True}}, True),
        ("openai", "/v1/chat/completions", {}, True),
        ("openai", "/v1/responses", {"stream": True}, True),
        ("groq", "/openai/v1/chat/completions", {"stream": True}, True),
        ("mistral", "/v1/chat/completions", {"stream": True}, True),
        ("openrouter", "/api/v1/chat/completions", {"stream": True}, True),
    ],
)
def test_a_stream_that_was_not_asked_for_its_usage_has_none(provider, path, body, counted):
    """OpenAI's chunks say it only where `stream_options.include_usage` asks; others always do."""
    request = Request("POST", "", path, (), json.dumps({"model": "m", "messages": [], **body}).encode(), provider)
    assert member("providers", provider).read(request).counted is counted


def test_an_answer_of_canaries_alone_stands_in_the_models_place():
    """`where: replace` is a whole answer of the provider's own shape."""
    (reply,) = script("content", canary="api_key", where="replace")
    assert json.loads(reply.body)["choices"][0]["message"]["content"] == CANARIES["api_key"].text
    assert (reply.status, reply.reason) == (200, "content/replace")


@pytest.mark.parametrize("kind", CANARIES)
def test_a_canary_is_found_by_its_sign_and_by_no_other(kind):
    """In its own text, and after what apps do to it: other gaps in numbers, lower case."""
    for other, canary in CANARIES.items():
        assert bool(re.search(canary.sign, CANARIES[kind].text, re.IGNORECASE)) is (other == kind)
    for text in ("Your card ends in 7899.", "4000 0012 3456 78990", "write to jane@example.com", "&lt;script&gt;"):
        assert not re.search(CANARIES[kind].sign, text, re.IGNORECASE)
    assert re.search(CANARIES["card"].sign, "4000-0012-3456-7899")
    assert re.search(CANARIES["ssn"].sign, "987654325")


@pytest.mark.parametrize("fields", [{}, {"canary": ["card"], "text": "x"}, {"canary": []}, {"canary": ["crad"]}])
def test_content_says_one_thing(fields):
    """A canary or a text, and one that there is."""
    with pytest.raises(ValidationError, match="expected one"):
        fault("content", **fields)
