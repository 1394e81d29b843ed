"""The table of what users got: each row is one answer and the word for it."""

from __future__ import annotations

import json
from time import process_time
from typing import Any

import pytest

from chaosllm.adapters.driver.judge import Judge, Judgement
from chaosllm.canaries import CANARIES, mark_of
from chaosllm.prints import prints
from chaosllm.record import MARKS, Outcome
from chaosllm.scenario import Degraded, Good, Operation

LEAK = r"\breq_[0-9a-f]{8,}\b"
JSON = {"content-type": "application/json"}
PLAIN = Operation(answer="$.answer")


def judge(
    operation: Operation, status: int, body: Any, headers: dict[str, str] = JSON, seconds: float = 0.1
) -> Judgement:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Judge(operation, (LEAK,)).whole(status, headers, data, seconds)


def good(**conditions: Any) -> Operation:
    return Operation(answer="$.answer", good=Good(**conditions))


def degraded(**marker: Any) -> Operation:
    return Operation(answer="$.answer", degraded=Degraded(**marker))


@pytest.mark.parametrize(
    ("operation", "status", "body", "outcome", "error"),
    [
        (PLAIN, 200, {"answer": "Hello"}, Outcome.GOOD, ""),
        (PLAIN, 201, {"answer": "Hello"}, Outcome.WRONG, "HTTP 201"),
        (PLAIN, 500, {"answer": "Hello"}, Outcome.ERROR, "HTTP 500"),
        (PLAIN, 302, b"", Outcome.ERROR, "HTTP 302"),
        (PLAIN, 200, {"other": 1}, Outcome.WRONG, "no answer text"),
        (PLAIN, 200, {"answer": None}, Outcome.WRONG, "no answer text"),
        (PLAIN, 200, {"answer": ""}, Outcome.WRONG, "answer too short"),
        (PLAIN, 200, b"<html>", Outcome.WRONG, "not JSON"),
        (PLAIN, 200, b'{"answer": "cut', Outcome.WRONG, "not JSON"),
        (PLAIN, 200, b"[" * 100_000, Outcome.WRONG, "not JSON"),
        (PLAIN, 200, b"\xff\xfe", Outcome.WRONG, "not JSON"),
        (Operation(), 200, b"plain text", Outcome.GOOD, ""),
        (Operation(), 200, b"  ", Outcome.WRONG, "no answer text"),
        (Operation(answer="$.content[*].text"), 200, {"content": [{"text": "a"}, {"text": "b"}]}, Outcome.GOOD, ""),
        (good(status=202), 202, {"answer": "Hello"}, Outcome.GOOD, ""),
        (good(status=404), 404, {"answer": "Hello"}, Outcome.GOOD, ""),
        (good(min_chars=6), 200, {"answer": "Hello"}, Outcome.WRONG, "answer too short"),
        (good(min_chars=5), 200, {"answer": "Hello"}, Outcome.GOOD, ""),
        (good(json=True), 200, {"answer": '{"a": 1}'}, Outcome.GOOD, ""),
        (good(json=True), 200, {"answer": '{"a": '}, Outcome.WRONG, "answer is not JSON"),
        (good(regex="^H"), 200, {"answer": "Hello"}, Outcome.GOOD, ""),
        (good(regex="^h"), 200, {"answer": "Hello"}, Outcome.WRONG, "answer misses the pattern"),
        (good(schema={"type": "object", "required": ["a"]}), 200, {"answer": {"a": 1}}, Outcome.GOOD, ""),
        (good(schema={"type": "object", "required": ["a"]}), 200, {"answer": '{"a": 1}'}, Outcome.GOOD, ""),
        (good(schema={"type": "object", "required": ["a"]}), 200, {"answer": {"b": 1}}, Outcome.WRONG,
         "answer misses the schema"),
        (good(max_latency=0.2), 200, {"answer": "Hello"}, Outcome.GOOD, ""),
        (good(max_latency=0.05), 200, {"answer": "Hello"}, Outcome.WRONG, "too slow"),
        (degraded(json="$.degraded"), 200, {"answer": "Sorry", "degraded": True}, Outcome.DEGRADED, ""),
        (degraded(json="$.degraded"), 200, {"answer": "Hello", "degraded": False}, Outcome.GOOD, ""),
        (degraded(json="$.degraded"), 500, {"answer": "Sorry", "degraded": True}, Outcome.ERROR, "HTTP 500"),
        (degraded(text="^Sorry"), 200, {"answer": "Sorry"}, Outcome.DEGRADED, ""),
        (degraded(header="X-Degraded"), 200, {"answer": "Hello"}, Outcome.GOOD, ""),
        (Operation(answer="$.answer", failed={"json": "$.error"}), 200, {"answer": "x", "error": "no"}, Outcome.ERROR,
         "failed marker"),
    ],
)  # fmt: skip
def test_whole_answers(operation: Operation, status: int, body: Any, outcome: Outcome, error: str) -> None:
    """A whole answer is judged by status first, then a declared fallback, then the good conditions."""
    got = judge(operation, status, body)
    assert (got.outcome, got.error) == (outcome, error)


def test_a_degraded_header_counts() -> None:
    """The declared header makes a 2xx answer degraded whatever its value."""
    got = judge(degraded(header="X-Degraded"), 200, {"answer": "Sorry"}, JSON | {"x-degraded": "1"})
    assert got.outcome is Outcome.DEGRADED


NODE = "TypeError: x is undefined\n    at handler (/srv/app/index.js:10:5)\n"
JAVA = "java.lang.IllegalStateException\n\tat com.shop.Chat.answer(Chat.java:42)\n"
GO = "panic: boom\n\ngoroutine 17 [running]:\nmain.main()\n"
PYTHON = 'Traceback (most recent call last):\n  File "app.py", line 3, in chat\n'


@pytest.mark.parametrize(
    ("status", "headers", "body", "marks"),
    [
        (200, JSON, {"answer": "All is well."}, set()),
        (500, JSON, {"error": "ask again"}, {"json_error"}),
        (503, JSON | {"retry-after": "2"}, b"busy", {"retry_after"}),
        (200, JSON | {"retry-after": "2"}, {"answer": "fine"}, set()),
        (500, JSON, {"error": "rate limited, request req_0123456789abcdef"}, {"json_error", "provider_error"}),
        (200, JSON, {"answer": "req_0123456789abcdef failed"}, {"provider_error"}),
        (500, {"content-type": "text/html; charset=utf-8"}, b"oops", {"html"}),
        (200, {}, b"<!DOCTYPE html><p>", {"html"}),
        (500, {}, PYTHON.encode(), {"stack_trace"}),
        (500, {}, NODE.encode(), {"stack_trace"}),
        (500, {}, JAVA.encode(), {"stack_trace"}),
        (500, {}, GO.encode(), {"stack_trace"}),
        (200, {}, b"Meet me at noon (gate 3:10:5). We are at home. File a claim, line 3 of the form.", set()),
    ],
)
def test_marks(status: int, headers: dict[str, str], body: Any, marks: set[str]) -> None:
    """Each mark is seen where it is, and not in ordinary prose."""
    got = set(judge(PLAIN, status, body, headers).marks)
    assert got == marks
    assert got <= MARKS.keys()


def test_a_stack_trace_inside_json_is_seen() -> None:
    """A trace that a framework wraps into JSON is still a trace."""
    for trace in (PYTHON, NODE, JAVA, GO):
        assert "stack_trace" in judge(PLAIN, 500, {"detail": trace}).marks


SSE = Operation(stream="sse", answer="$.text", end="[DONE]", degraded=Degraded(json="$.degraded"))


@pytest.mark.parametrize(
    ("operation", "events", "broken", "outcome", "error"),
    [
        (SSE, [("", '{"text": "Hi"}'), ("", "[DONE]")], "", Outcome.GOOD, ""),
        (SSE, [("", '{"text": "Hi"}')], "", Outcome.ERROR, "no end event"),
        (SSE, [("", "[DONE]")], "", Outcome.WRONG, "no answer text"),
        (SSE, [("", '{"text": "Hi"}'), ("", "[DONE]")], "connection closed mid-answer", Outcome.GOOD, ""),
        (SSE, [("", '{"text": "Hi"}')], "ConnectionResetError", Outcome.ERROR, "ConnectionResetError"),
        (SSE, [("error", "{}"), ("", "[DONE]")], "", Outcome.ERROR, "event: error"),
        (SSE, [("", '{"text": "Hi", "degraded": true}'), ("", "{}"), ("", "[DONE]")], "", Outcome.DEGRADED, ""),
        (Operation(stream="sse", answer="$.text"), [("", '{"text": "Hi"}')], "", Outcome.GOOD, ""),
        (Operation(stream="sse"), [("", "Hi")], "", Outcome.GOOD, ""),
        (Operation(stream="sse", end="message_stop"), [("", "Hi"), ("message_stop", "{}")], "", Outcome.GOOD, ""),
        (Operation(stream="sse", answer="$.t", end="$.done"), [("", '{"t": "Hi"}'), ("", '{"done": true}')], "",
         Outcome.GOOD, ""),
        (Operation(stream="sse", answer="$.t", end="$.done"), [("", '{"t": "Hi"}'), ("", '{"done": false}')], "",
         Outcome.ERROR, "no end event"),
        (Operation(stream="sse", failed={"event": "oops"}), [("", "Hi"), ("oops", "")], "",
         Outcome.ERROR, "event: oops"),
    ],
)  # fmt: skip
def test_streams(
    operation: Operation, events: list[tuple[str, str]], broken: str, outcome: Outcome, error: str
) -> None:
    """A stream is whole when its declared end came, and failed when an event said so."""
    stream = Judge(operation, ()).stream()
    for name, data in events:
        stream.event(name, data)
    got = stream.done(200, {}, 0.1, broken)
    assert (got.outcome, got.error) == (outcome, error)


def test_stream_marks() -> None:
    """End and error events are marked, and a leak inside an event is seen."""
    stream = Judge(SSE, (LEAK,)).stream()
    stream.event("", '{"text": "Hi"}')
    stream.event("error", "req_0123456789abcdef")
    stream.event("", "[DONE]")
    assert set(stream.done(200, {}, 0.1).marks) == {"end_seen", "error_event", "provider_error"}


def test_a_preflight_can_say_what_is_there() -> None:
    """An answer that the JSONPath misses names the keys that the body has."""
    got = judge(PLAIN, 200, {"reply": "Hello", "id": 3})
    assert (got.answer_found, got.json_keys) == (False, ("reply", "id"))


@pytest.mark.parametrize(
    "operation", [Operation(answer="$.["), good(regex="("), good(schema={"type": "banana"}), degraded(json="$.[")]
)
def test_an_unreadable_condition_is_refused(operation: Operation) -> None:
    """A condition that cannot be compiled is refused before the first operation."""
    with pytest.raises(ValueError, match=r"\S"):
        Judge(operation, ())


def test_prints_are_of_the_answer_alone() -> None:
    """The prints of an answer are those of its text, not of the JSON around it."""
    text = judge(PLAIN, 200, {"answer": "one two three four", "noise": "five six seven"}).text
    assert prints(text, b"k") == prints("one two three four", b"k")


def test_what_a_fault_planted_is_marked() -> None:
    """In a text, in a JSON string, over several events; not when the app took it out."""
    signs = [(mark_of(kind), canary.sign) for kind, canary in CANARIES.items()]
    judge = Judge(PLAIN, (), signs)
    for kind, canary in CANARIES.items():
        body = json.dumps({"answer": f"Well. {canary.text}"}).encode()
        assert judge.whole(200, JSON, body, 1.0).marks == (mark_of(kind),)
        assert judge.whole(200, JSON, b'{"answer": "Well."}', 1.0).marks == ()
    stream = Judge(SSE, (), signs).stream()
    for piece in ("the card is 4000 ", "0012 3456", " 7899"):
        stream.event("", json.dumps({"text": piece}))
    assert mark_of("card") in stream.done(200, {}, 1.0).marks


@pytest.mark.parametrize("piece", ["\n", "\n ", "panic: ", "<script", "<img ", "![a", "src= "])
def test_an_endless_answer_does_not_hold_up_the_load(piece: str) -> None:
    """A model that says the same for ever, line breaks above all, is searched in no time, as whole and as JSON."""
    planted = [(mark_of(kind), canary.sign) for kind, canary in CANARIES.items()]
    patient = Judge(Operation(), [], planted)
    text = piece * (100_000 // len(piece))
    began = process_time()
    for body in (text, json.dumps({"answer": text})):
        assert patient.whole(200, {}, body.encode(), 0.1).marks == ()
    assert process_time() - began < 3, "0.1 s; the patterns without bounds took 9 to 100"
