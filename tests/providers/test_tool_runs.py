"""Which tools an app has run is read out of every provider's requests."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chaosllm.call import Call
from chaosllm.providers import ToolRun
from chaosllm.registry import members

PROVIDERS = members("providers")
MAIL = {"to": "ana@example.org", "subject": "hello"}
#: The same JSON as MAIL, written otherwise.
WRITTEN = '{"subject":  "hello", "to": "ana@example.org"}'
ONE = '{"subject":"hello","to":"ana@example.org"}'
SENT = '{"id":17}'


def runs(provider: str, endpoint: str, body: Any, *tools: str, model: str = "") -> list[ToolRun]:
    call = Call("", provider, endpoint, model, stream=False)
    return list(PROVIDERS[provider].tool_runs(call, body, frozenset(tools or ("send_email",))))


def chat(*pairs: tuple[str | None, str | None], name: str | None = None) -> dict[str, Any]:
    """A chat in which the tool was called and answered with these ids."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": "Write to Ana."}]
    for asked, answered in pairs:
        function = {"name": "send_email", "arguments": WRITTEN}
        call = {"type": "function", "function": function} | ({"id": asked} if asked else {})
        result = {"role": "tool", "content": '{"id": 17}'} | ({"tool_call_id": answered} if answered else {})
        messages += [{"role": "assistant", "content": None, "tool_calls": [call]}]
        messages += [result | ({"tool_name": name} if name else {})]
    return {"messages": messages}


def blocks(asked: dict[str, Any], answered: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "assistant", "content": [asked]}, {"role": "user", "content": [answered]}]}


CHAT = chat(("call_1", "call_1"))
RESPONSES = {
    "input": [
        {"role": "user", "content": "Write to Ana."},
        {"type": "function_call", "call_id": "call_1", "name": "send_email", "arguments": WRITTEN, "id": "fc_1"},
        {"type": "function_call_output", "call_id": "call_1", "output": '{"id": 17}'},
    ]
}
ANTHROPIC = blocks(
    {"type": "tool_use", "id": "call_1", "name": "send_email", "input": MAIL},
    {"type": "tool_result", "tool_use_id": "call_1", "content": [{"type": "text", "text": '{"id": 17}'}]},
)
CONVERSE = blocks(
    {"toolUse": {"toolUseId": "call_1", "name": "send_email", "input": MAIL}},
    {"toolResult": {"toolUseId": "call_1", "content": [{"text": '{"id": 17}'}]}},
)


def gemini(call: dict[str, Any], answer: dict[str, Any], **part: Any) -> dict[str, Any]:
    asked = {"functionCall": {"name": "send_email", "args": MAIL} | call} | part
    answered = {"functionResponse": {"name": "send_email", "response": {"id": 17}} | answer}
    return {"contents": [{"role": "model", "parts": [asked]}, {"role": "user", "parts": [answered]}]}


CASES = [
    ("openai", "chat", "", CHAT),
    ("azure_openai", "chat", "", CHAT),
    ("groq", "chat", "", CHAT),
    ("mistral", "chat", "", CHAT),
    ("openrouter", "chat", "", CHAT),
    ("openai_compatible", "chat", "", CHAT),
    ("cohere", "chat", "", CHAT),
    ("ollama", "chat", "", chat(("call_1", None), name="send_email")),
    ("openai", "responses", "", RESPONSES),
    ("anthropic", "messages", "", ANTHROPIC),
    ("vertex", "generate", "", gemini({"id": "call_1"}, {"id": "call_1"})),
    ("gemini", "generate", "", gemini({"id": "call_1"}, {"id": "call_1"})),
    ("gemini", "stream", "", gemini({}, {}, thoughtSignature="call_1")),
    ("bedrock", "converse", "", CONVERSE),
    ("bedrock", "converse_stream", "", CONVERSE),
    ("bedrock", "invoke", "anthropic.claude-sonnet-4", ANTHROPIC),
    ("bedrock", "invoke", "amazon.nova-pro", CONVERSE),
    ("bedrock", "invoke", "mistral.mistral-large", CHAT),
]


@pytest.mark.parametrize(("provider", "endpoint", "model", "body"), CASES)
def test_a_result_shows_a_run(provider: str, endpoint: str, model: str, body: dict[str, Any]) -> None:
    """Each wire format tells name, arguments, id and result, whatever the spelling of the JSON."""
    assert runs(provider, endpoint, body, model=model) == [ToolRun("send_email", ONE, "call_1", SENT)]


@pytest.mark.parametrize(("provider", "endpoint", "model", "body"), CASES)
def test_other_tools_are_passed_over(provider: str, endpoint: str, model: str, body: dict[str, Any]) -> None:
    """Only the tools that are asked for are told."""
    assert runs(provider, endpoint, body, "send", "email", model=model) == []


def test_a_call_without_its_result_is_no_run() -> None:
    """What the model asked for and the app has not answered yet proves nothing."""
    unanswered = {"messages": CHAT["messages"][:-1]}
    assert runs("openai", "chat", unanswered) == []
    lost = {"messages": [CHAT["messages"][-1]]}
    assert runs("openai", "chat", lost) == []


def test_two_calls_are_two_runs() -> None:
    """Several calls of one turn, answered in another order, keep their ids."""
    both = [
        {"id": id, "function": {"name": "send_email", "arguments": json.dumps({"to": id})}}
        for id in ("call_1", "call_2")
    ]
    answers = [{"role": "tool", "tool_call_id": id, "content": f"sent {id}"} for id in ("call_2", "call_1")]
    found = runs("openai", "chat", {"messages": [{"role": "assistant", "tool_calls": both}, *answers]})
    assert [(run.id, run.arguments, run.result) for run in found] == [
        ("call_2", '{"to":"call_2"}', "sent call_2"),
        ("call_1", '{"to":"call_1"}', "sent call_1"),
    ]


def test_without_ids_calls_are_numbered() -> None:
    """The number is among calls alike, so that it stays when older messages are left out."""
    twice = chat((None, None), (None, None), name="send_email")
    assert [run.id for run in runs("ollama", "chat", twice)] == ["number 0", "number 1"]
    late = {"messages": [{"role": "user", "content": "an older turn"}, *twice["messages"]]}
    assert runs("ollama", "chat", late) == runs("ollama", "chat", twice)
    assert [run.id for run in runs("gemini", "generate", gemini({}, {}))] == ["number 0"]


def test_a_result_goes_by_its_name_where_there_is_no_id() -> None:
    """Two tools of one turn are told apart."""
    calls = [{"function": {"name": name, "arguments": {}}} for name in ("look_up", "send_email")]
    answers = [{"role": "tool", "tool_name": name, "content": name} for name in ("send_email", "look_up")]
    found = runs("ollama", "chat", {"messages": [{"role": "assistant", "tool_calls": calls}, *answers]})
    assert [(run.name, run.result) for run in found] == [("send_email", "send_email")]


_JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["", "call_1", "send_email", "tool", "tool_use", "function_call"]),
    lambda inside: st.lists(inside, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["messages", "content", "role", "tool_calls", "function", "name", "id", "input", "type", "contents",
             "parts", "functionCall", "functionResponse", "toolUse", "toolResult", "tool_call_id", "call_id",
             "arguments"]
        ),
        inside, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=40)
@given(body=st.dictionaries(st.sampled_from(["messages", "input", "contents"]), _JSON, max_size=2))
def test_any_json_is_read(body: dict[str, Any]) -> None:
    """What no provider would understand is passed over, never an error."""
    for provider, endpoint, model, _ in CASES:
        for run in runs(provider, endpoint, body, model=model):
            assert all(isinstance(value, str) for value in run)


def test_what_json_cannot_write_is_told_as_it_is() -> None:
    """Arguments that are broken JSON are compared as text."""
    body = chat(("call_1", "call_1"))
    body["messages"][1]["tool_calls"][0]["function"]["arguments"] = '{"to": "ana'
    assert [run.arguments for run in runs("openai", "chat", body)] == ['{"to": "ana']
