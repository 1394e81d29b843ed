"""How cut answers are delimited on a real socket, and edits on it: what raw clients and an official SDK see."""

import json

import httpx
import openai
import pytest
from proxy_rig import EVENTS, TEXT, WHOLE, WORDS, ProxyChild, RawClient, Upstream, scenario, text_of

from chaosllm.prints import print_ends

pytestmark = pytest.mark.end_to_end

RULES = [
    *((f"{shape}-{body}", {"fault": "truncate", "shape": shape, "at": "50%", "body": body})
      for shape, body in (("abrupt", "chunked"), ("abrupt", "length"), ("abrupt", "close"), ("clean", "chunked"),
                          ("clean", "close"))),
    ("late-length", {"fault": "truncate", "shape": "abrupt", "at": "500 tokens", "body": "length"}),
    ("no-end", {"fault": "drop", "what": "end"}),
    ("twice", {"fault": "duplicate", "at": "50%"}),
    ("json", {"fault": "malformed", "shape": "json"}),
    ("kind", {"fault": "malformed", "shape": "content_type"}),
    ("declined", {"fault": "refusal"}),
    ("nothing", {"fault": "empty"}),
    ("coding", {"fault": "malformed", "shape": "encoding"}),
    ("swap", {"fault": "model_swap", "to": "nobodys-model"}),
    ("runaway", {"fault": "repetition", "at": "50%", "tokens": "30 tokens"}),
]  # fmt: skip


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    upstream = Upstream()
    proxy = ProxyChild(tmp_path_factory.mktemp("bodies") / "run", scenario(*RULES), {"openai": upstream.url})
    yield proxy
    assert proxy.stop() == 0
    assert not [one for one in proxy.messages if one["type"] == "failure"]
    upstream.close()


def url(proxy):
    return proxy.ready["reverse"]["openai"]


@pytest.fixture
def client(proxy):
    client = RawClient(url(proxy))
    yield client
    client.close()


def sdk(proxy):
    return openai.OpenAI(api_key="test", base_url=url(proxy), max_retries=0, timeout=60)


def streamed(proxy, model):
    """The text that the SDK gives, and the transport's error behind what it raises, if it does."""
    text, failure = "", None
    try:
        for chunk in sdk(proxy).chat.completions.create(
            model=model, messages=[{"role": "user", "content": "hi"}], stream=True
        ):
            text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
    except openai.APIConnectionError as error:  # 2.54 let the transport's own class out (PROVIDERS section 0, fact 8)
        failure = type(error.__cause__).__name__
    return text, failure


HALF = "".join(WORDS[:10])


@pytest.mark.parametrize(
    ("model", "failure"),
    [
        ("abrupt-chunked", "RemoteProtocolError"),  # FIN without the last chunk
        ("abrupt-length", "RemoteProtocolError"),  # Content-Length too long
        ("abrupt-close", "ReadError"),  # a body that the connection delimits, RST
        ("clean-chunked", None),
        ("clean-close", None),  # the same, FIN: silent
    ],
)
def test_what_the_sdk_sees_of_a_cut_stream(proxy, model, failure):
    """PROVIDERS section 3, the column of the Python SDKs on httpx: an error of the transport, or silence."""
    text, raised = streamed(proxy, model)
    assert raised == failure
    assert HALF.startswith(text)
    assert text or failure == "ReadError"  # a reset may overtake the text
    (event,) = proxy.events(model)
    assert event["rules"][0]["delivered"]
    assert event["shape"] == model.partition("-")[0]
    assert event["ended"] == ("cut" if failure is None else "broken")


@pytest.mark.parametrize(
    ("model", "raised"),
    [("abrupt-chunked", httpx.RemoteProtocolError), ("abrupt-length", httpx.RemoteProtocolError),
     ("abrupt-close", httpx.ReadError), ("clean-close", None)],
)  # fmt: skip
def test_what_a_client_sees_of_a_cut_whole_answer(proxy, model, raised):
    """The same framings, of one JSON body."""
    request = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    if raised is not None:
        with pytest.raises(raised):
            httpx.post(f"{url(proxy)}/chat/completions", json=request)
        return
    answer = httpx.post(f"{url(proxy)}/chat/completions", json=request)
    assert WHOLE.startswith(answer.content)
    assert "content-length" not in answer.headers
    assert "transfer-encoding" not in answer.headers


def test_a_length_that_nothing_reaches(proxy, client):
    """The answer ends before its cut: whole, and broken all the same, as its length said more."""
    answer = client.ask("late-length")
    assert (answer.body, answer.end) == (b"".join(EVENTS), "fin")
    assert int(answer.headers["content-length"]) > len(answer.body)
    (event,) = proxy.events("late-length")
    assert (event["did"], event["ended"]) == ("injected", "broken")


def test_edits_reach_the_app_and_the_record(proxy, client):
    """Each on the wire as asked, on a connection that lives on; the record says what the app saw."""
    ends = client.ask("no-end")
    assert ends.body == b"".join(EVENTS[:-1])
    assert proxy.events("no-end")[0]["end_seen"] is False
    twice = client.ask("twice")
    assert text_of(twice.body) == "".join([*WORDS[:11], WORDS[10], *WORDS[11:]])
    swap = client.ask("swap", stream=False)
    assert json.loads(swap.body)["model"] == "nobodys-model"
    runaway = client.ask("runaway", stream=False)
    said = json.loads(runaway.body)
    assert said["choices"][0]["finish_reason"] == "length"
    assert len(said["choices"][0]["message"]["content"].split()) == 40
    assert said["usage"]["completion_tokens"] == 40
    (event,) = proxy.events("runaway")
    assert (event["tokens_out"], event["finish"], event["origin"]) == (20, "length", "injected")
    broken = client.ask("json", stream=False)
    assert broken.body == WHOLE[: len(WHOLE) // 2]
    assert [one.end for one in (ends, twice, swap, runaway, broken)] == ["proper"] * 5


def test_a_lie_about_the_coding_comes_over_plain_bytes(proxy, client):
    """The upstream would have compressed; it was asked not to, and the header lies."""
    answer = client.ask("coding", "gzip", stream=False, headers="accept-encoding: gzip\r\n")
    assert (answer.headers["content-encoding"], answer.body) == ("gzip", WHOLE)
    with pytest.raises(httpx.DecodingError):
        httpx.post(f"{url(proxy)}/chat/completions", json={"model": "coding", "messages": [], "user": "gzip"})
    assert all(event["rules"][0]["delivered"] for event in proxy.events("coding", 2))


def test_a_changed_header_keeps_its_place(client):
    """Only its value is another, as the provider would have sent it."""
    plain, changed = client.ask("plain", stream=False), client.ask("kind", stream=False)
    assert [*changed.headers] == [*plain.headers]
    assert (changed.headers["content-type"], changed.body) == ("text/plain", WHOLE)


def test_text_is_whole_without_a_rule(proxy):
    """Off is off, for the SDK too."""
    assert streamed(proxy, "plain") == (TEXT, None)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("model", ["declined", "nothing"])
def test_an_answer_without_text_leaves_no_prints(proxy, client, model, stream):
    """OpenAI says a refusal in a field of its own: the text is as empty as that of an empty answer."""
    client.ask(model, stream=stream)
    event = proxy.events(model, 1 + stream)[-1]
    assert (event["status"], event["did"], event.get("head"), event.get("tail")) == (200, "injected", None, None)
    assert "sorry" not in (proxy.folder / "events.jsonl").read_text()


def test_a_damaged_stream_leaves_prints_of_what_came(proxy, client):
    """One event of it is broken: the prints are those of the text in all others."""
    got = text_of(client.ask("json").body)
    assert 0 < len(got) < len(TEXT)
    event = next(one for one in proxy.events("json") if one.get("stream"))
    assert (event["head"], event["tail"]) == print_ends(got, bytes.fromhex("ab" * 16))
