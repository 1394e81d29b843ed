"""Edits on streams and whole answers of every provider: what the app then reads, and that all else stays."""

import base64
import json
import struct
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.call import Call
from chaosllm.framing import aws
from chaosllm.providers import Completion, Usage
from chaosllm.registry import member
from chaosllm.rewriting import Rewriter, rewrite, values
from chaosllm.script import Drop, Piece, Replace
from chaosllm.units import estimate_tokens

ARGUMENTS = '{"city": "Paris", "days": 3, "metric": true}'
TEXT = Completion("abc", "model-1", ("The ", "quick ", "fox."), usage=Usage(7, 9))
TOOL = Completion("abc", "model-1", (), tool=("weather", ARGUMENTS), finish="tool", usage=Usage(7, 9))
ASKED = {"stream": True, "stream_options": {"include_usage": True}}
STREAMS = [
    ("openai", "chat"), ("openai", "responses"), ("azure_openai", "chat"), ("anthropic", "messages"),
    ("gemini", "stream"), ("gemini", "stream_array"), ("bedrock", "converse_stream"), ("mistral", "chat"),
    ("cohere", "chat"), ("groq", "chat"), ("openrouter", "chat"), ("ollama", "chat"),
]  # fmt: skip
WHOLES = [(name, {"stream": "generate", "converse_stream": "converse"}.get(endpoint, endpoint))
          for name, endpoint in STREAMS if endpoint != "stream_array"]  # fmt: skip
INFLATED = Replace(Piece.USAGE, "inflated", 10.0)
EDITS = [
    Drop(Piece.END), Drop(Piece.USAGE), Drop(Piece.FINISH), INFLATED, Replace(Piece.USAGE, "contradictory"),
    Replace(Piece.MODEL, "named", "other"), Replace(Piece.TOOL, "cut"), Replace(Piece.TOOL, "invalid"),
    Replace(Piece.TOOL, "wrong_types"), Replace(Piece.TOOL, "repeated"), Replace(Piece.TOOL_NAME, "unknown", "nobodys"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "endpoint"), STREAMS)
@pytest.mark.parametrize("how", ["before", "after"])
def test_a_text_of_ours_is_said_with_the_models_own(name, endpoint, how):
    """Before or after all of it, in what says it again too, counted in the usage; the stream is whole."""
    stream = Stream(name, endpoint, TEXT)
    step = Replace(Piece.TEXT, how, "a canary")
    out, rewriter = stream.edited(step)
    whole = "a canary The quick fox." if how == "before" else "The quick fox. a canary"
    parts = stream.parts(out)
    assert "".join(part.text for part in parts) == whole
    assert rewriter.played == {step}
    before = stream.parts(stream.events)
    assert [part.finish for part in parts if part.finish] == [part.finish for part in before if part.finish]
    assert sum(part.end for part in parts) == sum(part.end for part in before)
    counted = [max((part.usage.output_tokens for part in some if part.usage), default=0) for some in (before, parts)]
    assert counted[1] - counted[0] == (estimate_tokens("a canary") if counted[0] else 0)
    for raw in out:
        view = stream.provider.view(stream.call, raw)
        if view is not None:
            again = [values.at(view.document, *path) for path in view.slots.text_again]
            assert all(text == whole for text in again if text)
            assert not again or endpoint == "responses"


@pytest.mark.parametrize(("name", "endpoint"), WHOLES)
@pytest.mark.parametrize("how", ["before", "after"])
def test_a_text_of_ours_is_said_in_a_whole_answer(name, endpoint, how):
    """In one piece with the model's own."""
    provider = member("providers", name)
    call = Call("call-1", name, endpoint, "model-1", stream=False)
    _, body = provider.complete(TEXT, call, {})
    said, why = rewrite(call, provider, Replace(Piece.TEXT, how, "a canary"), body)
    whole = "a canary The quick fox." if how == "before" else "The quick fox. a canary"
    assert (provider.answer(call, said).text, why) == (whole, "")


class Stream:
    """One simulated stream, and what it says after edits."""

    def __init__(self, name, endpoint, completion=TOOL):
        self.provider = member("providers", name)
        self.call = Call("call-1", name, endpoint, "model-1", stream=True)
        self.events = list(self.provider.stream(completion, self.call, ASKED))

    def edited(self, *edits):
        rewriter = Rewriter(self.call, self.provider, edits)
        out = [one for raw in self.events for one in rewriter.feed(raw)] + rewriter.end()
        return out, rewriter

    def parts(self, events):
        return [self.provider.part(self.call, raw) for raw in events]

    def calls(self, events):
        """(name, arguments) of each tool call that a client reads; arguments as text."""
        found = []
        for raw in events:
            view = self.provider.view(self.call, raw)
            if view is None:
                continue
            said = [_at(view.document, path) for path in view.slots.tool]
            for number, name in enumerate(_at(view.document, path) for path in view.slots.tool_name):
                if not view.slots.tool_again:
                    first = said[number] if number < len(said) else ""
                    found.append([name, first if isinstance(first, str) else json.dumps(first)])
            if not view.slots.tool_name and said:
                found[-1][1] += said[0]
        return [tuple(one) for one in found]


def _at(document, path):
    for step in path:
        document = document[step]
    return document


@pytest.fixture(params=STREAMS, ids="-".join)
def stream(request):
    return Stream(*request.param)


def test_the_stream_without_edits_is_the_stream(stream):
    """No edit, no change; and an edit that finds nothing leaves every byte."""
    assert stream.edited()[0] == stream.events
    out, rewriter = stream.edited(Replace(Piece.VECTORS, "nan"))
    assert out == stream.events
    assert list(rewriter.skipped.values()) == ["the answer has no vectors"]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.what}-{getattr(edit, 'how', 'drop')}")
def test_an_edit_changes_nothing_else(stream, edit):
    """What is not said otherwise reads as before; and most events are the same bytes."""
    out, rewriter = stream.edited(edit)
    if not rewriter.played:
        assert out == stream.events
        assert edit in rewriter.skipped
        return
    assert out != stream.events
    before, after = stream.parts(stream.events), stream.parts(out)
    if edit.what is not Piece.USAGE and edit != Drop(Piece.END):
        assert [part.usage for part in before if part.usage] == [part.usage for part in after if part.usage]
    if edit.what not in (Piece.FINISH, Piece.END):
        assert [part.finish for part in before if part.finish] == [part.finish for part in after if part.finish]
    if edit.what is not Piece.END:
        assert [part.end for part in before if part.end] == [part.end for part in after if part.end]
    if edit.what not in (Piece.TOOL, Piece.TOOL_NAME):
        assert stream.calls(out) == stream.calls(stream.events)
    if edit.what not in (Piece.MODEL, Piece.TOOL):
        assert len(set(stream.events) - set(out)) <= 5


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.what}-{getattr(edit, 'how', 'drop')}")
def test_an_edit_of_what_providers_have_is_played(stream, edit):
    """Only Gemini's events have no end event (its array has a bracket), and only Cohere and Bedrock name no model."""
    without = {
        Piece.END: ("gemini",) if stream.call.endpoint == "stream" else (),
        Piece.MODEL: ("cohere", "bedrock"),
    }.get(edit.what, ())
    _, rewriter = stream.edited(edit)
    assert (edit in rewriter.played) is (stream.provider.name not in without)


def test_dropped_pieces_are_gone(stream):
    """No event says the end, the usage, the finish reason any more."""
    ended = any(part.end for part in stream.parts(stream.events))
    assert not any(part.end for part in stream.parts(stream.edited(Drop(Piece.END))[0]))
    assert ended is (stream.call.endpoint != "stream")
    assert not any(part.usage for part in stream.parts(stream.edited(Drop(Piece.USAGE))[0]))
    assert not any(part.finish for part in stream.parts(stream.edited(Drop(Piece.FINISH))[0]))


def test_usage_is_inflated(stream):
    """Ten times as many tokens, wherever the stream says how many."""
    before, after = (
        [part.usage for part in stream.parts(events) if part.usage]
        for events in (stream.events, stream.edited(INFLATED)[0])
    )
    assert after == [Usage(10 * one.input_tokens, 10 * one.output_tokens) for one in before]


def test_arguments_are_cut_broken_or_of_wrong_types(stream):
    """Half of them, no JSON at all, or every value of another type; the tool's name and the end stay."""
    said = {how: stream.calls(stream.edited(Replace(Piece.TOOL, how))[0]) for how in ("cut", "invalid", "wrong_types")}
    assert all([name for name, _ in calls] == ["weather"] for calls in said.values())
    ((_, before),) = stream.calls(stream.events)
    assert json.loads(before) == json.loads(ARGUMENTS)
    (_, cut), (_, invalid), (_, wrong) = (said[how][0] for how in ("cut", "invalid", "wrong_types"))
    assert json.loads(wrong) == {"city": ["Paris"], "days": "3", "metric": "true"}
    if cut.endswith("}"):  # a JSON object cannot be cut: its last pairs are lost
        assert json.loads(cut) == {"city": "Paris"}
        assert json.loads(json.dumps(invalid)) == invalid
    else:
        assert before.startswith(cut)
        assert len(cut) == len(before) // 2
        with pytest.raises(ValueError):
            json.loads(invalid)


def test_a_call_is_repeated_under_another_id(stream):
    """The same name and arguments twice, before the answer ends."""
    calls = stream.calls(stream.edited(Replace(Piece.TOOL, "repeated"))[0])
    assert len(calls) == 2
    assert calls[0] == calls[1] == stream.calls(stream.events)[0]


def test_edits_apply_one_after_the_other(stream):
    """A call of an unknown tool, repeated: both calls name it."""
    out, rewriter = stream.edited(Replace(Piece.TOOL_NAME, "unknown", "nobodys"), Replace(Piece.TOOL, "repeated"))
    assert [name for name, _ in stream.calls(out)] == ["nobodys", "nobodys"]
    assert len(rewriter.played) == 2


def test_only_arguments_are_held_back():
    """Text leaves with the event it came with, even while arguments are to be changed."""
    stream = Stream("anthropic", "messages", TEXT)
    rewriter = Rewriter(stream.call, stream.provider, (Replace(Piece.TOOL, "invalid"),))
    assert [rewriter.feed(raw) for raw in stream.events] == [[raw] for raw in stream.events]
    assert rewriter.skipped == {Replace(Piece.TOOL, "invalid"): "the answer calls no tool"}
    tool = Stream("openai", "chat")
    rewriter = Rewriter(tool.call, tool.provider, (Replace(Piece.TOOL, "wrong_types"),))
    came = b"".join(b"".join(rewriter.feed(raw)) for raw in tool.events[:4])
    assert came + rewriter.held() == b"".join(tool.events[:4])


@pytest.mark.parametrize(("name", "endpoint"), [("openai", "chat"), ("gemini", "stream_array"), ("ollama", "chat"),
                                                ("bedrock", "converse_stream")])  # fmt: skip
@settings(max_examples=15, deadline=None)
@given(edit=st.sampled_from(EDITS), seed=st.integers(0, 1 << 30), longest=st.sampled_from([1, 7, 60, 900]))
def test_the_split_does_not_matter(name, endpoint, edit, seed, longest):
    """The same events come out however the bytes came."""
    stream, random = Stream(name, endpoint), Random(seed)
    splitter, rewriter, out = stream.provider.splitter(stream.call), Rewriter(stream.call, stream.provider, (edit,)), []
    whole = b"".join(stream.events)
    while whole:
        size = random.randint(1, longest)
        for raw in splitter.feed(whole[:size]):
            out += rewriter.feed(raw)
        whole = whole[size:]
    assert splitter.rest() == b""
    assert out + rewriter.end() == stream.edited(edit)[0]


@pytest.mark.parametrize(("name", "endpoint"), WHOLES)
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.what}-{getattr(edit, 'how', 'drop')}")
def test_a_whole_answer_is_edited_alike(name, endpoint, edit):
    """Each edit that has a meaning there changes what it is about, and leaves valid JSON."""
    provider = member("providers", name)
    call = Call("call-1", name, endpoint, "model-1", stream=False)
    _, body = provider.complete(TOOL, call, {})
    done, why = rewrite(call, provider, edit, body)
    before, after = provider.answer(call, body), provider.answer(call, done)
    json.loads(done)
    if edit.what is Piece.END or (edit.what is Piece.MODEL and name in ("cohere", "bedrock")):
        assert (done, bool(why)) == (body, True)
        return
    assert not why
    assert done != body
    assert (after.finish is None) is (edit.what is Piece.FINISH)
    if edit != Replace(Piece.USAGE, "contradictory"):  # whose parts stay, where there is a total
        assert (after.usage == before.usage) is (edit.what is not Piece.USAGE)
    if edit.what is Piece.USAGE and isinstance(edit, Drop):
        assert after.usage is None
    assert (after.tool == before.tool) is (edit.what is not Piece.TOOL)


def embeddings(encoding):
    provider = member("providers", "openai")
    call = Call("call-1", "openai", "embeddings", "model-1", stream=False, embeds=True)
    vectors = ((0.5, 0.25, 1.0, 2.0), (4.0, 3.0, 2.0, 1.0))
    completion = Completion("abc", "model-1", (), vectors=vectors, usage=Usage(7, 0))
    return provider, call, provider.complete(completion, call, {"encoding_format": encoding})[1]


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_fewer_shorter_or_no_numbers(encoding):
    """The last input has none; half of the dimensions; NaN first, as the bare token among numbers."""
    provider, call, body = embeddings(encoding)

    def vectors(how):
        done, why = rewrite(call, provider, Replace(Piece.VECTORS, how), body)
        assert not why
        found = [one["embedding"] for one in json.loads(done)["data"]]
        if encoding == "float":
            return found, done
        raws = [base64.b64decode(one) for one in found]
        return [list(struct.unpack(f"<{len(raw) // 4}f", raw)) for raw in raws], done

    assert vectors("fewer")[0] == [[0.5, 0.25, 1.0, 2.0]]
    assert vectors("shorter")[0] == [[0.5, 0.25], [4.0, 3.0]]
    spoilt, done = vectors("nan")
    assert [one[0] != one[0] for one in spoilt] == [True, True]
    assert [one[1:] for one in spoilt] == [[0.25, 1.0, 2.0], [3.0, 2.0, 1.0]]
    assert (b"[NaN," in done) is (encoding == "float")


def test_an_answer_that_has_nothing_of_the_kind_says_so():
    """Each edit's reason names what is missing; the body stays byte for byte."""
    provider = member("providers", "openai")
    call = Call("call-1", "openai", "chat", "model-1", stream=False)
    body = b'{"choices": [ {"message": {"content": "hi"}} ]}'
    for edit in EDITS:
        done, why = rewrite(call, provider, edit, body)
        assert done == body
        assert why.startswith(("the answer ", "a whole answer "))
    assert rewrite(call, provider, INFLATED, b"<html>") == (b"<html>", "the answer says no usage")


def test_frames_stay_valid():
    """An edited AWS frame has checksums that botocore would accept."""
    stream = Stream("bedrock", "converse_stream")
    for edit in EDITS:
        assert all(aws.decode(raw) is not None for raw in stream.edited(edit)[0])
