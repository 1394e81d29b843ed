"""Declared side effects are read out of the calls of their operation, and kept as prints alone."""

import json
from dataclasses import replace

from chaosllm.call import Request
from chaosllm.plan import Plan
from chaosllm.prints import print_whole
from chaosllm.record import Effect
from chaosllm.reference import reference
from chaosllm.registry import member
from chaosllm.scenario import Operation, Phase, Role, Scenario, Target, Upstream

SEED = 7
KEY = b"key of one run"


def a_result(operation, tool="send_email"):
    """A request of the operation that brings the result of a tool."""
    called = {"id": "call_1", "function": {"name": tool, "arguments": '{"to": "ana@example.org"}'}}
    messages = [
        {"role": "user", "content": f"Write to her. {reference(operation, SEED)}"},
        {"role": "assistant", "tool_calls": [called]},
        {"role": "tool", "tool_call_id": "call_1", "content": "sent"},
    ]
    body = json.dumps({"model": "gpt-4o", "messages": messages}).encode()
    return Request("POST", "api.openai.com", "/v1/chat/completions", (), body, "openai")


def effects_of(request, *operations):
    phases = (Phase("baseline", 10, Role.BASELINE),)
    of = Scenario("test", phases, (Upstream("openai", "simulator"),), seed=SEED, target=Target(operations=operations))
    plan = Plan(of, {"openai": member("providers", "openai")}, key=KEY)
    return plan.effects(plan.identify(request), request)


def test_a_declared_side_effect_is_printed():
    """Its name is kept, and of the rest what tells it from others."""
    (effect,) = effects_of(a_result(3), Operation(side_effects=("send_email",)))
    texts = ('{"to":"ana@example.org"}', "call_1", "sent")
    assert effect == Effect("send_email", *(print_whole(text, KEY) for text in texts))


def test_only_what_the_operation_declares_is_a_side_effect():
    """Not another tool, not of an operation that declares none, not of a call whose operation is unknown."""
    declared = Operation(side_effects=("send_email",))
    assert effects_of(a_result(3, tool="look_up"), declared) == []
    assert effects_of(a_result(3), Operation()) == []
    assert effects_of(a_result(3)) == []
    nobody = a_result(3)
    assert effects_of(replace(nobody, body=nobody.body.replace(b"[ref:", b"[no:")), declared) == []
    mail, chat = replace(declared, name="mail"), Operation("chat", weight=1e-9)
    assert len(effects_of(a_result(3), mail, chat)) == 1
    assert effects_of(a_result(3), replace(mail, weight=1e-9), replace(chat, weight=1)) == []
