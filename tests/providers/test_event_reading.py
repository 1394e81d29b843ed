"""Reading a stream quickly: what the reader says is what the provider's own reading says, however the bytes come."""

import json
from collections import Counter
from random import Random

import pytest
from framing_bench import mutate, pieces
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.framing.aws import AWS
from chaosllm.framing.json_array import JSON_ARRAY
from chaosllm.framing.ndjson import NDJSON
from chaosllm.framing.sse import SSE
from chaosllm.providers import Completion, Part, Usage, _reading
from chaosllm.providers._reading import EventReader
from chaosllm.registry import members

#: Texts that look like something else: keys and values of the documents, framing, JSON, a half of a surrogate pair.
TEXTS = ["word ", " two words", "[DONE]", "error", "content", "text", "index", "stop", "null", "0", '"', "\\", '\\"',
         "\n", "\r\n\r\n", "data: x", "}]}", '{"error":1}', "狐 brøwn 🦊", "\u2028", "\x7f", "\x00", " ", "\\u0041",
         "data: [DONE]", "content_block_delta", "\ud83d", "⟨a text that is tried in place of another⟩"]  # fmt: skip
PADDING = ["", "abc", "aB3-_ .", "é", '"', "\\", 'x","choices":[]', "x" * 40, 4, None, {"delta": "x"}]
STREAMS = [
    (provider, call)
    for _, provider in sorted(members("providers").items())
    for call in provider.kinds_of_call
    if call.stream and not call.tools and not call.embeds
]
QUICK = {("openai", "chat"), ("openai", "responses"), ("anthropic", "messages"), ("ollama", "chat")}

texts = st.lists(st.sampled_from(TEXTS) | st.text(max_size=8), min_size=1, max_size=14)


def written(provider, call, said, random):
    """The stream of an answer, its JSON spelled with or without escapes."""
    safe = [text.encode("utf-8", "replace").decode() for text in said]
    whole = list(provider.stream(Completion("abc", "m", tuple(safe), finish="stop", usage=Usage(7, 9)), call, {}))
    if (kind := random.randrange(3)) < 2:
        whole = [provider.reframe(call, raw, respelled(random, provider.payload(call, raw), kind)) for raw in whole]
    return b"".join(whole)


def respelled(random, payload, kind):
    """The same document: with escapes; or with fields in it that mean nothing, and differ from event to event."""
    try:
        document = json.loads(payload)
    except ValueError:
        return payload
    if kind:
        noise = [("obfuscation", random.choice(PADDING)), ("p", random.choice(PADDING)),
                 ("sequence_number", random.choice((0, 7, 12345, -1, 10**20, 1.5, "7", None))),
                 ("created_at", random.choice(PADDING))]  # fmt: skip
        extra = dict(random.sample(noise, random.randrange(4)))
        document = {**extra, **document} if random.random() < 0.5 else {**document, **extra}
    compact = random.random() < 0.5
    return json.dumps(document, ensure_ascii=not kind, separators=(",", ":") if compact else None).encode()


def slowly(provider, call, feeds):
    splitter = provider.splitter(call)
    parts = [provider.part(call, raw) for data in feeds for raw in splitter.feed(data)]
    rest = splitter.rest()
    return [*parts, *([provider.part(call, rest)] if rest else [])]


def quickly(provider, call, feeds):
    reader = EventReader(lambda: provider.splitter(call), lambda raw: provider.part(call, raw))
    return [part for data in feeds for part in reader.feed(data)] + reader.end()


@pytest.mark.parametrize(("provider", "call"), STREAMS, ids=lambda one: getattr(one, "endpoint", None) or one.name)
@settings(max_examples=12, deadline=None)
@given(texts, st.integers(0, 1 << 30), st.booleans())
def test_the_quick_way_says_what_the_slow_way_says(provider, call, said, seed, damaged):
    """Whole, event by event, split anywhere, or damaged: the same parts, all their fields, in the same order."""
    random = Random(seed)
    data = written(provider, call, said * 3, random)
    if damaged:
        data = mutate(random, data)
    splitter = provider.splitter(call)
    events = [*splitter.feed(data), splitter.rest()]
    pairs = [b"".join(events[at : at + 3]) for at in range(0, len(events), 3)]
    for feeds in ([data], events, pairs, pieces(random, data)):
        assert quickly(provider, call, feeds) == slowly(provider, call, feeds)


@pytest.mark.parametrize(
    "document",
    [
        b'{"id":"x","choices":[{"index":0,"delta":{"content":"\\u0078"},"finish_reason":null}]}',
        b'{"choices":[{"index":0,"delta":{"content":"x","content":"\\u0078"},"finish_reason":null}]}',
        b'{"x":1,"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}',
        b'{"choices":[{"index":0,"delta":{"content":"x","tool_calls":null},"finish_reason":"x"}]}',
    ],
    ids=["elsewhere", "twice", "a key", "the reason"],
)
def test_a_text_that_stands_elsewhere_is_not_mistaken(document):
    """The bytes of a text may be those of an id, a key or a reason: another event like it is read as it is."""
    provider, call = next((one, call) for one, call in STREAMS if (one.name, call.endpoint) == ("openai", "chat"))
    first = b"data: %s\n\n" % document
    feeds = [first, first, first.replace(b'"x"', b'"y"'), first.replace(b"u0078", b"u0079"), first]
    assert quickly(provider, call, feeds) == slowly(provider, call, feeds)


def test_an_event_inside_another_is_not_taken_for_one():
    """A piece that looks like the event before it, but comes in the middle of one, is a part of that one."""
    provider, call = next((one, call) for one, call in STREAMS if (one.name, call.endpoint) == ("openai", "chat"))
    (event,) = (raw for raw in provider.stream(Completion("a", "m", ("fox",)), call, {}) if b"fox" in raw)
    feeds = [event, event, b'data: {"id"', event, event, event[:30], event[30:], event]
    assert quickly(provider, call, feeds) == slowly(provider, call, feeds)


def test_most_events_of_a_stream_need_no_reading():
    """Of 300 deltas a handful is read the slow way, one at a time or many in one piece, numbered or dated or not."""
    words = tuple(f"word{number} " for number in range(300))
    for provider, call in STREAMS:
        if (provider.name, call.endpoint) not in QUICK:
            continue
        events = list(provider.stream(Completion("abc", "m", words, finish="stop"), call, {}))
        for feeds in (events, [b"".join(events[:9]), b"".join(events[9:-3]), *events[-3:]]):
            read = Counter()

            def part(raw, *, provider=provider, call=call, read=read):
                read["slowly"] += 1
                return provider.part(call, raw)

            reader = EventReader(lambda provider=provider, call=call: provider.splitter(call), part)
            parts = [part for data in feeds for part in reader.feed(data)]
            assert "".join(part.text for part in parts) == "".join(words)
            assert read["slowly"] < 25


def test_a_reading_that_fails_loses_no_byte():
    """An event that breaks our own code stands in the rest, and so do those cut off with it."""

    def fails(raw):
        if b"bad" in raw:
            raise RuntimeError
        return Part(raw)

    reader = EventReader(SSE.splitter, fails)
    assert reader.feed(b"data: good\n\n") == [Part(b"data: good\n\n")]
    with pytest.raises(RuntimeError):
        reader.feed(b"data: fine\n\ndata: bad\n\nda")
    assert reader.rest() == b"data: fine\n\ndata: bad\n\nda"


ENDLESS = {
    "sse": (SSE, b"data: ", b"x", b"\n\n"),
    "ndjson": (NDJSON, b"{", b"x", b"}\n"),
    "json_array": (JSON_ARRAY, b'[{"a": "', b"x\\\\", b'"}'),
    "aws": (AWS, AWS.write("chunk", b"x" * 9000)[:12], b"", b""),
}


@pytest.mark.parametrize("framing", ENDLESS)
@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_an_event_that_never_ends_goes_in_pieces(framing, size, monkeypatch):
    """Past the bound its bytes pass unread, little is kept of it, and the event after it is read again."""
    monkeypatch.setattr(_reading, "LONGEST_EVENT", 500)
    framing, head, filler, tail = ENDLESS[framing]
    long = head + filler * (6000 // max(1, len(filler))) + tail if filler else framing.write("chunk", b"x" * 9000)
    after = framing.write("chunk", b'{"b":1}')
    data = long + after
    seen = []
    reader = EventReader(framing.splitter, lambda raw: seen.append(raw) or Part(raw, "read"))
    parts = []
    for at in range(0, len(data), size):
        parts += reader.feed(data[at : at + size])
        assert len(reader.rest()) <= 500 + 1000
    assert reader.spilled
    assert b"".join(part.raw for part in parts) + reader.rest() == data
    assert seen == [after]
    assert [part.text for part in parts][-2:] == ["", "read"]
    assert not any(part.text for part in parts[:-1])


def test_the_end_of_an_endless_event_is_not_read():
    """What is left of it when the stream is over may look like an event, and is none."""
    reader = EventReader(SSE.splitter, lambda raw: Part(raw, "read"))
    reader.feed(b"data: " + b"x" * _reading.LONGEST_EVENT + b"\nda")
    assert reader.spilled
    reader.feed(b"ta: y")
    assert not any(part.text for part in reader.end())
