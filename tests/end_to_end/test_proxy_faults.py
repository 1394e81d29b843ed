"""Every kind of step on a real socket: one proxy process, rules told apart by the call's model."""

import json
from itertools import pairwise

import pytest
from proxy_rig import (
    EVENTS,
    TEXT,
    TOOL_ARGUMENTS,
    WHOLE,
    WORDS,
    ProxyChild,
    RawClient,
    eventually,
    scenario,
    text_of,
)  # fmt: skip

pytestmark = pytest.mark.end_to_end

RULES = [
    ("refuse", {"fault": "rate_limit", "retry_after": "2s"}),
    ("late", {"fault": "latency", "first_token": "200ms"}),
    ("late-pipe", {"fault": "latency", "first_token": "100ms"}),
    ("late-body", {"fault": "latency", "first_token": "200ms", "hold": "first_token"}),
    ("paced", {"fault": "latency", "tokens": "40/s"}),
    *((f"cut-{shape}", {"fault": "truncate", "shape": shape, "at": "50%"})
      for shape in ("honest", "clean", "abrupt", "event", "tool")),
    ("cut-early", {"fault": "truncate", "shape": "clean", "at": "3 tokens"}),
    ("stall", {"fault": "stall", "at": "50%", "for": "1s"}),
    ("stall-ever", {"fault": "stall", "at": "50%", "for": "ever"}),
    ("hang", {"fault": "hang", "for": "300ms"}),
    ("hang-ever", {"fault": "hang", "for": "ever"}),
    ("reset-request", {"fault": "reset", "at": "request"}),
    ("reset-headers", {"fault": "reset", "at": "headers"}),
    ("reset-body", {"fault": "reset", "at": "50%"}),
    ("reset-zip", {"fault": "reset", "at": "50%"}),
    ("overload-stream", {"fault": "overload", "shape": "stream"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def proxy(upstream, tmp_path_factory):
    proxy = ProxyChild(tmp_path_factory.mktemp("proxy") / "run", scenario(*RULES), {"openai": upstream.url})
    yield proxy
    assert proxy.stop() == 0
    assert proxy.messages[-1] == {"type": "stopped"}
    assert not [one for one in proxy.messages if one["type"] == "failure"]
    assert proxy.errors == ""


@pytest.fixture
def client(proxy):
    client = RawClient(proxy.ready["reverse"]["openai"])
    yield client
    client.close()


def part(event):
    (rule,) = event["rules"]
    return rule["planned"], rule["fired"], rule["delivered"]


def test_an_untouched_stream_is_the_same_bytes_in_the_same_chunks(proxy, client):
    """Without a rule each chunk of the upstream arrives as one, unchanged, and soon after it was sent."""
    answer = client.ask("plain", "gap=0.05")
    assert [data for _, data in answer.chunks] == EVENTS
    assert answer.end == "proper"
    first, last = answer.chunks[0][0], answer.chunks[-1][0]
    assert last - first > 0.5 * 0.05 * (len(EVENTS) - 1), "a client that the machine held up reads the first ones late"
    (event,) = proxy.events("plain")
    assert (event["did"], event["ended"], event["end_seen"], event["finish"]) == ("passed", "whole", True, "stop")
    assert event["bytes"] == sum(map(len, EVENTS))
    assert event["t"] <= event["t_answer"] <= event["t_first"] <= event["t_end"]
    assert "rules" not in event


def test_an_untouched_answer_keeps_its_encoding_and_headers(proxy, client):
    """A compressed whole answer passes byte for byte; it is read from a copy."""
    answer = client.ask("plain-gzip", "gzip", stream=False, headers="accept-encoding: gzip\r\n")
    assert answer.headers["content-encoding"] == "gzip"
    assert list(answer.headers) == ["content-type", "content-encoding", "content-length"]
    (event,) = proxy.events("plain-gzip")
    assert (event["tokens_in"], event["tokens_out"], event["tokens_estimated"]) == (5, 20, False)
    assert event["finish"] == "stop"


def test_a_refusal_never_reaches_the_upstream(proxy, upstream, client):
    """The provider's own answer with its own headers, none of mitmproxy's; the connection lives on."""
    before = len(upstream.requests)
    answer = client.ask("refuse")
    assert answer.status == 429
    assert answer.headers["retry-after"] == "2"
    assert "mitmproxy" not in answer.head.decode().lower()
    assert json.loads(answer.body)["error"]["code"] == "rate_limit_exceeded"
    assert len(upstream.requests) == before
    assert client.ask("plain-after").end == "proper"
    (event,) = proxy.events("refuse")
    assert (event["did"], event["origin"], event["reason"]) == ("injected", "injected", "rate_limit/requests")
    assert part(event) == (True, True, True)
    assert (event["tokens_in"], event["tokens_out"]) == (0, 0)


@pytest.mark.parametrize("stream", [True, False])
def test_a_wait_comes_before_the_headers(proxy, client, stream):
    """200 ms asked are 200 ms at the client, and the answer is untouched."""
    answer = client.ask("late", stream=stream)
    assert 0.19 < answer.took < 3
    assert answer.body == (b"".join(EVENTS) if stream else WHOLE)
    event = proxy.events("late")[-1]
    assert event["asked"] == {"wait": 0.2}
    assert 0.199 < event["done"]["wait"] < 3


def test_a_wait_can_come_after_the_headers(client):
    """The headers come at once, the first byte of the body late."""
    answer = client.ask("late-body")
    assert answer.chunks[0][0] > 0.19
    assert answer.body == b"".join(EVENTS)


@pytest.mark.alone
def test_a_paced_stream_has_the_gaps_asked_for(proxy, client):
    """40 tokens a second: a word each 25 ms, whatever the upstream does; no byte changes."""
    answer = client.ask("paced")
    assert answer.body == b"".join(EVENTS)
    times = [t for t, data in answer.chunks if b"word" in data]
    gaps = sorted(b - a for a, b in pairwise(times))
    assert gaps[len(gaps) // 2] == pytest.approx(0.025, abs=0.02)
    assert times[-1] - times[0] == pytest.approx(0.025 * 19, abs=0.4)
    (event,) = proxy.events("paced")
    assert event["asked"]["pace"] == pytest.approx(0.475, abs=0.001)


def test_a_paced_whole_answer_takes_as_long_as_its_tokens(client):
    """20 tokens at 40 a second: the answer is held for half a second, then comes whole."""
    answer = client.ask("paced", stream=False)
    assert answer.body == WHOLE
    assert 0.48 < answer.took < 3


def test_an_honest_cut_of_a_stream(proxy, client):
    """Half of the text, `length`, the end event, a proper end."""
    answer = client.ask("cut-honest")
    assert (text_of(answer.body), answer.end) == (TEXT[: len(TEXT) // 2], "proper")
    assert b'"length"' in answer.body
    assert answer.body.endswith(b"data: [DONE]\n\n")
    (event,) = proxy.events("cut-honest")
    assert (event["ended"], event["shape"], event["finish"], event["end_seen"]) == ("cut", "honest", "length", True)
    assert event["head"]
    assert event["tail"]
    assert event["withheld"]
    assert part(event) == (True, True, True)


def test_a_clean_cut_leaves_the_connection_usable(proxy, client):
    """The events stop, the terminator comes, and the next call on the same connection works."""
    answer = client.ask("cut-clean")
    assert (text_of(answer.body), answer.end) == (TEXT[: len(TEXT) // 2], "proper")
    assert b"[DONE]" not in answer.body
    assert client.ask("plain-next").body == b"".join(EVENTS)
    (event,) = proxy.events("cut-clean")
    assert (event["ended"], event["end_seen"], event["origin"]) == ("cut", False, "injected")


def test_a_cut_that_is_known_early_cancels_the_upstream(proxy, upstream, client):
    """After three tokens and a little reading on, the upstream is told to stop."""
    before = upstream.cancelled
    answer = client.ask("cut-early", "gap=0.05")
    assert (text_of(answer.body), answer.end) == ("".join(WORDS[:3]), "proper")
    assert client.ask("plain-later").end == "proper"
    eventually(lambda: upstream.cancelled == before + 1)
    (event,) = proxy.events("cut-early")
    assert event["tokens_out"] < 20
    assert event["tokens_estimated"]
    assert event["withheld"]


def test_an_abrupt_cut_ends_without_a_terminator(proxy, client):
    """A FIN where the last chunk should be."""
    answer = client.ask("cut-abrupt")
    assert (text_of(answer.body), answer.end) == (TEXT[: len(TEXT) // 2], "fin")
    (event,) = proxy.events("cut-abrupt")
    assert (event["ended"], event["origin"], event["shape"]) == ("broken", "injected", "abrupt")


def test_a_cut_inside_an_event(client):
    """Half an event, then a proper end."""
    answer = client.ask("cut-event")
    assert answer.end == "proper"
    assert b"".join(EVENTS).startswith(answer.body)
    assert not answer.body.endswith(b"\n\n")


def test_a_cut_inside_tool_arguments(proxy, client):
    """Half of the arguments of a tool call; skipped where none is called, not eligible where none is offered."""
    answer = client.ask("cut-tool", "tool")
    arguments = ""
    for raw in answer.body.split(b"\n\n")[:-1]:
        delta = json.loads(raw.removeprefix(b"data: "))["choices"][0]["delta"]
        arguments += delta.get("tool_calls", [{"function": {"arguments": ""}}])[0]["function"]["arguments"]
    assert arguments == TOOL_ARGUMENTS[: len(TOOL_ARGUMENTS) // 2]
    assert client.ask("cut-tool", "offers").body == b"".join(EVENTS)
    assert client.ask("cut-tool").body == b"".join(EVENTS)
    cut, skipped, spared = proxy.events("cut-tool", 3)
    assert (cut["did"], skipped["did"], skipped["why"]) == ("injected", "skipped", "the answer calls no tool")
    assert part(skipped) == (True, True, False)
    assert (spared["did"], spared.get("rules", [])) == ("passed", [])


def test_whole_answers_are_cut_in_their_own_shapes(proxy, client):
    """Honest: valid JSON that says length; clean: the body ends inside the text and the length agrees."""
    honest = client.ask("cut-honest", stream=False)
    said = json.loads(honest.body)["choices"][0]
    assert (said["message"]["content"], said["finish_reason"]) == (TEXT[: len(TEXT) // 2], "length")
    clean = client.ask("cut-clean", "gzip", stream=False, headers="accept-encoding: gzip\r\n")
    assert (clean.body, clean.end) == (WHOLE[: WHOLE.index(b"word10")], "proper")
    assert "content-encoding" not in clean.headers
    abrupt = client.ask("cut-abrupt", stream=False)
    assert (abrupt.body, abrupt.end) == (clean.body, "fin")
    assert int(abrupt.headers["content-length"]) == len(WHOLE)
    assert proxy.events("cut-honest", 2)[-1]["finish"] == "length"


@pytest.mark.parametrize("stream", [True, False])
def test_a_stall_keeps_the_connection_and_loses_nothing(proxy, client, stream):
    """Bytes stop for a second in the middle, then the rest comes."""
    answer = client.ask("stall", stream=stream)
    assert answer.body == (b"".join(EVENTS) if stream else WHOLE)
    times = [t for t, _ in answer.chunks]
    assert 0.35 < max(b - a for a, b in pairwise(times)) < 5, "a client that the machine held up sees less of it"
    event = proxy.events("stall", 1 if stream else 2)[-1]
    assert 0.999 < event["done"]["stall"] < 5
    assert part(event) == (True, True, True)


def test_a_client_that_leaves_is_seen_at_once(proxy, client):
    """A stall or a hang for ever ends when the client goes, and counts as delivered."""
    for model in ("stall-ever", "hang-ever"):
        leaver = RawClient(proxy.ready["reverse"]["openai"])
        leaver.send(model)
        leaver.socket.settimeout(1.0)
        with pytest.raises(TimeoutError):
            leaver.receive()
        leaver.close()
        (event,) = proxy.events(model)
        assert event["ended"] == "client_left"
        assert part(event) == (True, True, True)
        assert event["t_end"] - event["t"] < 10


def test_a_client_that_leaves_mid_wait_reaches_no_upstream(proxy, upstream):
    """The wait ends with the client; its call is never forwarded."""
    before = len(upstream.requests)
    leaver = RawClient(proxy.ready["reverse"]["openai"])
    leaver.send("late", "think=0")
    leaver.abort()
    event = proxy.events("late", 3)[-1]
    assert event["ended"] == "client_left"
    assert len(upstream.requests) == before


def test_a_hang_closes_without_an_answer(proxy, client):
    """Nothing for 300 ms, then the connection closes with no byte of HTTP."""
    answer = client.ask("hang")
    assert (answer.head, answer.end) == (b"", "fin")
    assert 0.29 < answer.took < 3
    (event,) = proxy.events("hang")
    assert (event["ended"], event["origin"]) == ("no_answer", "injected")
    assert "status" not in event


@pytest.mark.parametrize(("model", "head"), [("reset-request", False), ("reset-headers", True), ("reset-body", True)])
def test_a_reset_is_a_reset(proxy, client, model, head):
    """The client sees ECONNRESET, at the place asked for."""
    answer = client.ask(model)
    assert answer.end == "reset"
    assert bool(answer.head) == head
    if model == "reset-body":
        assert text_of(answer.body) == TEXT[: len(TEXT) // 2]
    (event,) = proxy.events(model)
    assert (event["ended"], event["origin"]) == ("broken", "injected")
    assert part(event) == (True, True, True)


def test_a_reset_falls_inside_the_text_of_an_answer_that_would_come_compressed(proxy, client):
    """The upstream is asked for plain bytes for a reset as for a cut; an answer that failed is passed, and says why."""
    answer = client.ask("reset-zip", "gzip", stream=False, headers="accept-encoding: gzip\r\n")
    assert (answer.end, answer.body) == ("reset", WHOLE[: WHOLE.index(b"word10")])
    failed = RawClient(proxy.ready["reverse"]["openai"])
    assert failed.ask("reset-zip", "fail", stream=False).body == WHOLE
    failed.close()
    reset, passed = proxy.events("reset-zip", 2)
    assert (reset["did"], passed["did"], passed["why"]) == ("injected", "skipped", "the upstream answered 500")


def test_an_error_event_inside_a_stream(client):
    """The provider's own error event after 30 % of the text, then a proper end."""
    answer = client.ask("overload-stream")
    assert answer.status == 200
    assert answer.end == "proper"
    assert text_of(answer.body) == "".join(WORDS[:6])
    assert b"error" in answer.body.split(b"\n\n")[-2]


def test_an_upstream_that_fails_is_not_our_doing(proxy, client):
    """Its 500 passes; a broken stream breaks for the app too; no page of mitmproxy's is seen."""
    failed = client.ask("up-500", "fail", stream=False)
    assert (failed.status, failed.body) == (500, WHOLE)
    broken = client.ask("up-break", "break")
    assert broken.end == "fin"
    assert broken.body == b"".join(EVENTS[: len(EVENTS) // 2])
    silent = RawClient(proxy.ready["reverse"]["openai"]).ask("up-close", "close")
    assert (silent.head, silent.end) == (b"", "fin")
    for model, ended in (("up-500", "whole"), ("up-break", "broken"), ("up-close", "no_answer")):
        (event,) = proxy.events(model)
        assert (event["ended"], event["origin"], event["did"]) == (ended, "upstream", "passed")
    assert proxy.status()["upstream_errors"] >= 3


@pytest.mark.parametrize("stream", [True, False])
def test_an_upstream_that_frames_nothing_can_be_cut_visibly(proxy, stream):
    """Where only the connection's end ends an answer, an abrupt cut still differs from a clean one."""
    whole = b"".join(EVENTS) if stream else WHOLE
    ends = {}
    for model in ("cut-clean", "cut-abrupt"):
        client = RawClient(proxy.ready["reverse"]["openai"])
        answer = client.ask(model, "unframed", stream=stream)
        client.close()
        ends[model] = answer.end
        assert whole.startswith(answer.body)
        assert 0 < len(answer.body) < len(whole)
    assert ends == {"cut-clean": "proper", "cut-abrupt": "fin"}


def test_pipelined_calls_are_answered_one_after_the_other(proxy, client):
    """Two requests in one segment, the first of them held: two answers, in order, on one connection."""
    client.send("late-pipe")
    client.send("plain-pipe", stream=False)
    first, second = client.receive(), client.receive()
    assert (first.body, second.body) == (b"".join(EVENTS), WHOLE)
    assert [one["ended"] for model in ("late-pipe", "plain-pipe") for one in proxy.events(model)] == ["whole"] * 2


def test_a_fault_on_a_failed_upstream_is_skipped(proxy, client):
    """What was planned could not be delivered, and the record says why."""
    answer = client.ask("cut-clean", "fail", stream=False)
    assert (answer.status, answer.body) == (500, WHOLE)
    event = proxy.events("cut-clean", 3)[-1]
    assert (event["did"], event["why"]) == ("skipped", "the upstream answered 500")


def test_nothing_private_is_written(proxy):
    """No prompt, no answer's text and no key in any file of the run."""
    client = RawClient(proxy.ready["reverse"]["openai"])
    client.ask("cut-honest", headers="authorization: Bearer sk-very-secret\r\n")
    client.close()
    proxy.events("cut-honest", 3)
    for path in proxy.folder.rglob("*"):
        if path.is_file() and path.suffix in (".jsonl", ".log"):
            text = path.read_text()
            assert path.stat().st_mode & 0o777 == 0o600
            assert not any(word in text for word in ("sk-very-secret", "word00", '"hi"'))
