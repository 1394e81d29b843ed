"""The simulator over HTTP: the official SDKs understand it, and it keeps the time that it was told."""

from __future__ import annotations

import json
import time

import anthropic
import httpx
import openai
import pytest
from simulator_served import simulator

from chaosllm.simulator.profile import Profile
from chaosllm.simulator.text import Dice

TOOL = {
    "name": "get_weather",
    "description": "Weather of a city",
    "schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
        "required": ["city", "unit"],
    },
}
CHAT_TOOL = {"type": "function", "function": {"name": TOOL["name"], "parameters": TOOL["schema"]}}
HELLO = [{"role": "user", "content": "hello [ref:0000abcd]"}]
WEATHER = [{"role": "user", "content": "What is the weather in Paris?"}]


@pytest.fixture(scope="module")
def url():
    with simulator() as url:
        yield url


@pytest.fixture(scope="module")
def first(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def second(url):
    with anthropic.Anthropic(base_url=url, api_key="none", max_retries=0) as client:
        yield client


def test_streams_and_whole_answers_agree(first, second):
    """The same prompt gives the same text whole and streamed, by chat, Responses and messages, with the same usage."""
    whole = first.chat.completions.create(model="gpt-4o", messages=HELLO)
    options = {"include_usage": True}
    chunks = list(first.chat.completions.create(model="gpt-4o", messages=HELLO, stream=True, stream_options=options))
    text = whole.choices[0].message.content
    words = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert "".join(words) == text
    assert "ref:" not in text
    assert chunks[-1].usage == whole.usage
    assert whole.usage.completion_tokens == len(words)
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + len(words)
    response = first.responses.create(model="gpt-4o", input="hello [ref:0000abcd]")
    assert (response.output_text, response.usage.output_tokens) == (text, len(words))
    with first.responses.stream(model="gpt-4o", input="hello [ref:0000abcd]") as stream:
        assert stream.get_final_response().output_text == text
    message = second.messages.create(model="claude", max_tokens=999, messages=HELLO)
    assert (message.content[0].text, message.usage.output_tokens) == (text, len(words))
    with second.messages.stream(model="claude", max_tokens=999, messages=HELLO) as stream:
        final = stream.get_final_message()
    assert (final.content[0].text, final.stop_reason, final.usage.output_tokens) == (text, "end_turn", len(words))


def test_seed_and_prompt_change_the_answer(first):
    """Another prompt, or another seed, gives another answer."""
    texts = [
        first.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
        for text in ("one", "two")
    ]
    with simulator(seed=8) as other:
        reply = httpx.post(
            f"{other}/v1/chat/completions", json={"model": "gpt-4o", "messages": [{"role": "user", "content": "one"}]}
        )
    answers = {text.choices[0].message.content for text in texts}
    assert len(answers | {reply.json()["choices"][0]["message"]["content"]}) == 3


def test_max_tokens_is_honoured(first, second):
    """A shorter limit cuts the text there, with each provider's own word for it and matching usage."""
    chat = first.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=7)
    assert (chat.choices[0].finish_reason, chat.usage.completion_tokens) == ("length", 7)
    assert len(chat.choices[0].message.content.split()) == 7
    assert second.messages.create(model="claude", max_tokens=7, messages=HELLO).stop_reason == "max_tokens"
    response = first.responses.create(model="gpt-4o", input="hello", max_output_tokens=16)
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls(first, second, stream):
    """A prompt that asks for an offered tool gets a call whose arguments satisfy the tool's schema."""
    if stream:
        chunks = first.chat.completions.create(model="gpt-4o", messages=WEATHER, tools=[CHAT_TOOL], stream=True)
        calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
        arguments = "".join(call.function.arguments for call in calls if call.function.arguments)
    else:
        choice = first.chat.completions.create(model="gpt-4o", messages=WEATHER, tools=[CHAT_TOOL]).choices[0]
        assert choice.finish_reason == "tool_calls"
        arguments = choice.message.tool_calls[0].function.arguments
    assert set(json.loads(arguments)) == {"city", "unit"}
    offered = [{"name": "get_weather", "input_schema": TOOL["schema"]}]
    if stream:
        with second.messages.stream(model="claude", max_tokens=99, messages=WEATHER, tools=offered) as events:
            message = events.get_final_message()
    else:
        message = second.messages.create(model="claude", max_tokens=99, messages=WEATHER, tools=offered)
    assert message.stop_reason == "tool_use"
    assert message.content[0].input == json.loads(arguments)


def test_tools_are_called_only_when_asked_for(first):
    """No call without need, none when forbidden, none once the tool has answered; always when forced."""

    def called(messages, **more):
        reply = first.chat.completions.create(model="gpt-4o", messages=messages, tools=[CHAT_TOOL], **more)
        return reply.choices[0].finish_reason == "tool_calls"

    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    answered = [
        *WEATHER,
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "{}"},
    ]
    forced = {"type": "function", "function": {"name": "get_weather"}}
    assert called(WEATHER)
    assert not called(HELLO)
    assert not called(WEATHER, tool_choice="none")
    assert not called(answered)
    assert called(HELLO, tool_choice="required")
    assert called(HELLO, tool_choice=forced)


def test_json_mode(first):
    """JSON mode gives JSON, and a schema's required fields with their types, by chat and by Responses."""
    schema = {"type": "object", "properties": {"n": {"type": "integer"}, "ok": {"type": "boolean"}}, "required": ["n"]}
    free = first.chat.completions.create(model="gpt-4o", messages=HELLO, response_format={"type": "json_object"})
    assert isinstance(json.loads(free.choices[0].message.content), dict)
    wish = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    shaped = first.chat.completions.create(model="gpt-4o", messages=HELLO, response_format=wish)
    assert type(json.loads(shaped.choices[0].message.content)["n"]) is int
    wish = {"format": {"type": "json_schema", "name": "x", "schema": schema}}
    assert type(json.loads(first.responses.create(model="gpt-4o", input="hello", text=wish).output_text)["n"]) is int


def test_embeddings(first):
    """Each input gets a unit vector of the model's or the asked-for length, the same one each time."""
    reply = first.embeddings.create(model="text-embedding-3-small", input=["a", "b", "a"])
    assert [len(item.embedding) for item in reply.data] == [1536] * 3
    assert reply.data[0].embedding == reply.data[2].embedding != reply.data[1].embedding
    assert sum(x * x for x in reply.data[0].embedding) == pytest.approx(1, abs=1e-5)
    short = first.embeddings.create(model="text-embedding-3-small", input="a", dimensions=8, encoding_format="float")
    assert len(short.data[0].embedding) == 8


@pytest.mark.parametrize(
    ("path", "body", "why"),
    [
        ("/v1/chat/completions", b"{", "not a JSON object"),
        ("/v1/chat/completions", b"[]", "not a JSON object"),
        ("/v1/chat/completions", b"\xff\xfe", "not a JSON object"),
        ("/v1/chat/completions", b'{"messages": [{"role": "user", "content": "x"}]}', "model is missing"),
        ("/v1/chat/completions", b'{"model": "gpt-4o"}', "messages is missing"),
        ("/v1/chat/completions", b'{"model": "gpt-4o", "messages": []}', "messages is missing"),
        ("/v1/responses", b'{"model": "gpt-4o"}', "input is missing"),
        ("/v1/embeddings", b'{"model": "m"}', "input is missing"),
        ("/v1/messages", b'{"model": "claude", "messages": [{"role": "user", "content": "x"}]}', "max_tokens"),
    ],
)
def test_bad_requests_are_refused_in_the_providers_shape(url, path, body, why):
    """What a provider would refuse is a 400 in its error shape, and a header says in words what was missing."""
    reply = httpx.post(url + path, content=body)
    assert reply.status_code == 400
    assert why in reply.headers["x-simulator-why"]
    assert reply.json()["error"]["type"] == "invalid_request_error"
    assert (reply.json().get("type") == "error") == (path == "/v1/messages")


@pytest.mark.parametrize("messages", ["text", 5, {"a": 1}, [5], [None], [{"role": 3}], [{"content": {"x": []}}]])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/v1/embeddings"])
def test_odd_shapes_are_answered_somehow(url, path, messages):
    """Fields of unexpected types end in an answer or a refusal, never in a failure of the simulator."""
    body = {"model": "m", "max_tokens": 9, "messages": messages, "input": messages, "tools": messages, "stream": True}
    body |= {"tool_choice": messages, "response_format": messages, "text": messages}
    assert httpx.post(url + path, json=body).status_code in (200, 400)


def test_unknown_paths(url):
    """A path that nobody serves is a 404 that lists what is served; a wrong method is a 405."""
    reply = httpx.post(f"{url}/v2/unknown", json={})
    assert reply.status_code == 404
    assert {"POST /v1/chat/completions", "POST /v1/messages"} <= set(reply.json()["error"]["served"])
    assert httpx.get(f"{url}/v1/messages").status_code == 405


def test_models_and_health(url, first):
    """The models can be listed, and the health route counts what was answered."""
    assert "gpt-4o" in [model.id for model in first.models.list()]
    before = httpx.get(f"{url}/healthz").json()
    first.chat.completions.create(model="gpt-4o", messages=HELLO)
    assert httpx.get(f"{url}/healthz").json()["answered"] == before["answered"] + 1


def test_pace():
    """The first token comes after its time, the others at their rate, never earlier; whole answers take as long."""
    body = {"model": "gpt-4o", "messages": HELLO, "max_tokens": 31}
    with simulator(profile=Profile(first_token=0.2, tokens=100)) as url:
        begin = time.monotonic()
        with httpx.stream("POST", f"{url}/v1/chat/completions", json={**body, "stream": True}) as reply:
            headers_at = time.monotonic() - begin
            arrivals = [time.monotonic() - begin for _ in reply.iter_raw()]
        assert headers_at >= 0.2
        assert arrivals[-1] >= 0.2 + 30 / 100
        assert len(arrivals) > 5, "the text came in a few large pieces"
        begin = time.monotonic()
        httpx.post(f"{url}/v1/chat/completions", json=body)
        assert time.monotonic() - begin >= 0.2 + 30 / 100


def test_client_that_leaves_stops_the_stream():
    """The simulator notices that a client is gone, waiting or streaming, and stops."""
    body = {"model": "gpt-4o", "messages": HELLO, "stream": True}
    with simulator(profile=Profile(first_token=0.05, tokens=5)) as url:
        with httpx.stream("POST", f"{url}/v1/chat/completions", json=body) as reply:
            next(reply.iter_raw())
        patience = httpx.Timeout(20, read=0.5)
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/v1/chat/completions", json={**body, "stream": False}, timeout=patience)
        end = time.monotonic() + 30
        while httpx.get(f"{url}/healthz").json()["left"] < 2:
            assert time.monotonic() < end
            time.sleep(0.02)


def test_fail_is_a_share_by_prompt_and_attempt():
    """`fail` answers about its share of calls with the provider's own 500, the same ones in each run."""

    def statuses():
        with simulator(fail=0.3) as url, httpx.Client(base_url=url) as http:
            return [
                http.post(
                    "/v1/chat/completions",
                    json={"model": "m", "messages": [{"role": "user", "content": f"p{at % 100}"}]},
                )
                for at in range(200)
            ]

    once, again = statuses(), statuses()
    assert [reply.status_code for reply in once] == [reply.status_code for reply in again]
    failed = [reply for reply in once if reply.status_code == 500]
    assert 35 <= len(failed) <= 85  # binomial(200, 0.3), 99.99 %
    assert failed[0].json()["error"]["type"] == "server_error"
    assert [reply.status_code for reply in once[:100]] != [reply.status_code for reply in once[100:]]


def test_profile_reads_units_and_numbers():
    """Strings carry units, numbers are seconds and tokens a second, null tokens means no pacing."""
    assert Profile.read({}) == Profile()
    assert Profile.read({"first_token": "300ms", "tokens": "50/s"}) == Profile(0.3, None, 50.0)
    assert Profile.read({"first_token": 0, "tokens": None}) == Profile(0.0, None, None)


@pytest.mark.parametrize(
    "given",
    [{"first_token": "soon"}, {"tokens": "fast"}, {"ttft": 1}, {"first_token": []}, {"first_token_p95": "1ms"},
     {"first_token": -1}, {"tokens": 0}, {"tokens": float("nan")}],
)  # fmt: skip
def test_profile_refuses(given):
    """A profile that cannot be read is an error that names the field."""
    with pytest.raises(ValueError, match=rf"latency\.{next(iter(given))}"):
        Profile.read(given)


def test_lognormal_first_token():
    """With a p95 the time to the first token is lognormal: median and p95 come out as asked."""
    profile = Profile(first_token=0.8, first_token_p95=3.0)
    times = sorted(profile.first(Dice(7, f"prompt {at}")) for at in range(4000))
    assert times[2000] == pytest.approx(0.8, rel=0.08)
    assert times[3800] == pytest.approx(3.0, rel=0.12)
