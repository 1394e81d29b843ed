"""A first scenario: sound for every provider and every fault that it can play."""

import json

import pytest

from chaosllm.errors import Level
from chaosllm.language.json_schema import build
from chaosllm.reader import drive_problems, read
from chaosllm.registry import member, members
from chaosllm.template import Answers, fitted, playable, written


@pytest.mark.parametrize("provider", members("providers"))
def test_every_fault_of_every_provider_is_sound(provider):
    """Each file reads without an error or a warning, can drive load, and holds the one rule that was asked for."""
    for fault in playable(provider):
        text, reading = fitted(Answers(provider=provider, fault=fault), "scenario.schema.json")
        assert reading.problems == [], (provider, fault)
        assert read(text).problems == drive_problems(reading) == []
        scenario = reading.unwrap()
        (rule,) = scenario.rules
        assert (rule.fault.name, rule.match.provider, rule.when.share) == (fault, (provider,), 0.3)
        assert text.startswith("# yaml-language-server: $schema=scenario.schema.json\n")
        assert max(map(len, text.splitlines()[7:])) <= 120


@pytest.mark.parametrize("provider", members("providers"))
def test_what_is_left_out_cannot_be_played(provider):
    """No fault is missing that the reader would take bare; what is missing, it refuses."""
    for fault in set(members("faults")) - set(playable(provider)):
        text = written(Answers(provider=provider, fault=fault), "x")
        assert any(problem.level is Level.ERROR for problem in read(text).problems), fault


def test_every_fault_can_be_begun_with():
    """Some provider plays each fault that we ship."""
    assert {fault for provider in members("providers") for fault in playable(provider)} == set(members("faults"))


@pytest.mark.parametrize("rate", ["1/s", "30/min", "3/s", "200/s"])
def test_phases_are_long_enough_for_the_load(rate):
    """Few users need longer phases; nothing is left that a run would leave undecided."""
    _, reading = fitted(Answers(rate=rate), "x")
    assert reading.problems == []


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (Answers(field="messages"), {"messages": [{"role": "user", "content": "{prompt}"}]}),
        (Answers(field="input.text"), {"input": {"text": "{prompt}"}}),
        (Answers(field="no"), {"no": "{prompt}"}),
        (Answers(field='a "b": c'), {'a "b": c': "{prompt}"}),
    ],
)
def test_body_holds_what_the_user_says(answers, found):
    """Dots go deeper, `messages` is a list of roles, and no word of YAML's is taken for a yes or no."""
    assert fitted(answers, "x")[1].unwrap().target.operations[0].json == found


def test_whole_body_may_be_the_answer():
    """Without a JSONPath the text is all that comes back."""
    assert fitted(Answers(answer=""), "x")[1].unwrap().target.operations[0].answer is None


def test_schema_takes_it():
    """An editor finds no mistake in it."""
    import jsonschema
    import yaml

    text, _ = fitted(Answers(), "x")
    jsonschema.validate(yaml.safe_load(text), json.loads(json.dumps(build())))


def test_plugin_begins_as_its_example_does(monkeypatch):
    """A fault that nobody foresaw takes the fields of its example, without `when` and `match`."""
    monkeypatch.setattr("chaosllm.template._STARTS", {})
    text, reading = fitted(Answers(fault="latency"), "x")
    assert reading.problems == []
    assert "tokens: 20/s" in text
    assert str(reading.unwrap().rules[0].fault.first_token) == str(
        read(written(Answers(fault="latency"), "x")).unwrap().rules[0].fault.first_token
    )
    assert member("faults", "latency").example.startswith("{fault: latency")
