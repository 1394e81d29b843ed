"""Sessions: what they come to, and what of them cannot be meant."""

from __future__ import annotations

import pytest
from scenario_text import SMALL

from chaosllm.distribution import Fixed
from chaosllm.reader import read
from chaosllm.scenario import Session

TARGET = """\
target:
  operations:
    - name: chat
      weight: 3
      turns: 3
      think: 2s
      take: {talk: $.id}
      path: /chat
      json: {m: "{prompt}", talk: "{talk}"}
    - name: buy
      steps:
        - {name: login, path: /login, json: {}, take: {token: $.token}}
        - name: pay
          path: /pay
          headers: {authorization: "Bearer {token}"}
          json: {m: "{prompt}"}
"""


def test_a_session_is_flat_in_the_scenario() -> None:
    """Each request is an operation with a name; what users do points to them."""
    reading = read(SMALL + TARGET)
    assert reading.problems == []
    target = reading.unwrap().target
    assert [one.name for one in target.operations] == ["chat", "buy.login", "buy.pay"]
    assert target.sessions == (Session((0, 0, 0), 3.0, Fixed(2.0)), Session((1, 2), 1.0))
    assert target.steps == 2.75
    assert (target.operations[0].take, target.operations[2].take) == ({"talk": "$.id"}, {})


def test_steps_repeat_with_turns() -> None:
    """Turns of steps go through all of them again."""
    target = read(SMALL + TARGET.replace("steps:", "turns: 2\n      steps:")).unwrap().target
    assert target.sessions[1].steps == (1, 2, 1, 2)


def test_without_turns_and_steps_there_is_no_session() -> None:
    """What asks once is as it was: operations are users."""
    assert read(SMALL + 'target: {operation: {path: /chat, json: "{prompt}", turns: 1}}').unwrap().target.sessions == ()


def test_rules_name_a_session_or_a_step() -> None:
    """A match names the whole session, or one step of it; what is neither is told."""
    for name in ("buy", "buy.pay", "chat"):
        text = SMALL.replace("when: {share: 40%}", f"match: {{operation: {name}}}")
        assert read(text + TARGET).problems == []
    (problem,) = read(SMALL.replace("when: {share: 40%}", "match: {operation: buy.pray}") + TARGET).problems
    assert "there is no operation `buy.pray`" in problem.what
    assert "`buy.pay`" in problem.hint


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("turns: 3", "turns: 0", "turns: 0", "at least 1"),
        ("turns: 3", "turns: 101", "turns: 101", "at most 100"),
        ("turns: 3\n      think", "think", "think: 2s", "add turns: 3, or steps"),
        ("$.id", "id", "take: {talk", "expected a JSONPath"),
        ("take: {talk", "take: {9talk", "take: {9talk", "expected a word"),
        ("path: /chat", "path: /chat\n      stream: sse", "take: {talk", "nothing can be taken"),
        (', talk: "{talk}"}', "}", "take: {talk", "no later request wants it"),
        ("take: {token: $.token}}", "headers: {x: '{token}'}}", "x: '{token}'", "is no place"),
        ("name: pay", "name: login", "name: login\n          path", "two steps `login`"),
        ("steps:", "path: /x\n      steps:", "path: /x", "put it into the step"),
        ("steps:", "turns: 60\n      steps:", "turns: 60", "120 requests, expected at most 100"),
        ("take: {token: $.token}", "take: {prompt: $.token}", 'json: {m: "{prompt}"}\n', "take it under another name"),
        ("{token}", "{taken}", "authorization", "is no place"),
        ("talk: $.id", "talk: $.id, more: $.x", "take: {talk", "no later request wants it"),
    ],
)
def test_what_cannot_be_meant_is_told(old: str, new: str, line: str, words: str) -> None:
    """Each mistake is told on its line, with what would work."""
    text = SMALL + TARGET.replace(old, new)
    at = text[: text.index(line)].count("\n") + 1
    told = [(problem.where.line, f"{problem.what} {problem.hint}") for problem in read(text).problems]
    assert any(where == at and words in said for where, said in told), told


def test_a_value_wanted_before_it_is_taken() -> None:
    """The order is the mistake, and is told as an error."""
    head, steps = TARGET.split("      steps:\n")
    login, pay = steps.split("        - name: pay\n")
    reading = read(SMALL + head + "      steps:\n        - name: pay\n" + pay + login)
    assert any("change the order" in problem.hint for problem in reading.errors)


def test_a_locustfile_has_no_sessions() -> None:
    """What users do is the locustfile's to say."""
    told = read(SMALL + TARGET + "load: {locustfile: l.py}\n").problems
    assert any("found `turns` beside a locustfile" in problem.what for problem in told)
