"""What goes out: the prompt, its reference, the headers, and what refuses to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chaosllm.adapters.driver.outgoing import Outgoing
from chaosllm.adapters.driver.prompts import PROMPTS
from chaosllm.errors import ChaosError
from chaosllm.reference import operation_of, operation_of_trace
from chaosllm.rows import Rows, prompts, read_rows
from chaosllm.scenario import Load, Operation, Phase, Role, Scenario, Target

HARD = 'Say "hi" to {prompt}\\ and\nÄ'


def outgoing(
    *operations: Operation,
    correlate: Any = "prompt",
    url: str = "http://127.0.0.1:8000",
    rows: Rows | None = None,
    environ: dict[str, str] | None = None,
    seed: int = 7,
) -> Outgoing:
    scenario = Scenario(
        "s",
        phases=(Phase("baseline", 10.0, Role.BASELINE),),
        upstreams=(),
        seed=seed,
        target=Target(operations=operations),
        load=Load(correlate=correlate),
    )
    return Outgoing(scenario, url=url, rows=rows or prompts((HARD,)), environ=environ or {})


CHAT = Operation(path="/chat", json={"messages": [{"content": "{prompt}"}], "n": 1})


def test_the_reference_comes_back_from_the_prompt() -> None:
    """The prompt reaches the body unharmed, with a reference that names the operation."""
    ask = outgoing(CHAT).ask(4711)
    content = json.loads(ask.body)["messages"][0]["content"]
    assert content.startswith(HARD)
    assert operation_of(content, 7) == 4711
    assert dict(ask.headers)["content-length"] == str(len(ask.body))
    assert (ask.method, ask.target, dict(ask.headers)["host"]) == ("POST", "/chat", "127.0.0.1:8000")


def test_the_same_seed_asks_the_same() -> None:
    """Prompts are drawn by seed and index, so that a repeated run sends the same bytes."""
    one, same, other = (outgoing(CHAT, rows=prompts(PROMPTS), seed=seed) for seed in (1, 1, 2))
    asks = [maker.ask(number).body for maker in (one, same, other) for number in range(20)]
    assert asks[:20] == asks[20:40] != asks[40:]


def test_header_correlation() -> None:
    """With `correlate: header` the prompt is left alone and both headers name the operation."""
    ask = outgoing(CHAT, correlate="header").ask(4711)
    headers = dict(ask.headers)
    assert json.loads(ask.body)["messages"][0]["content"] == HARD
    assert operation_of(headers["x-chaosllm-ref"], 7) == 4711
    version, trace, span, flags = headers["traceparent"].split("-")
    assert (version, len(trace), len(span), flags) == ("00", 32, 16, "01")
    assert operation_of_trace(trace, 7) == 4711
    assert operation_of_trace(trace, 8) is None
    assert operation_of_trace("4bf92f3577b34da6a3ce929d0e0e4736", 7) is None


def test_no_correlation() -> None:
    """With `correlate: none` the request is the operation's own."""
    ask = outgoing(CHAT, correlate="none").ask(1)
    assert b"[ref:" not in ask.body
    assert not {"x-chaosllm-ref", "traceparent"} & dict(ask.headers).keys()


def test_bodies_and_paths_carry_the_prompt() -> None:
    """A text body takes the prompt as it is, a JSON text as a JSON string spells it, a path quoted."""
    plain = outgoing(Operation(body="Q: {prompt}?"), correlate="none").ask(1)
    assert plain.body.decode() == f"Q: {HARD}?"
    typed = Operation(body='{"q": "{prompt}"}', headers={"Content-Type": "application/json"})
    assert json.loads(outgoing(typed, correlate="none").ask(1).body) == {"q": HARD}
    path = outgoing(Operation(method="get", path="/q?text={prompt}"), url="http://u:p@host/base/").ask(1)
    assert path.target.startswith("/base/q?text=Say%20%22hi%22")
    assert dict(path.headers)["host"] == "host"
    assert "content-length" not in dict(path.headers)


def test_a_request_without_a_place_for_the_prompt_is_told() -> None:
    """A request that cannot carry the reference is known before the run."""
    assert outgoing(CHAT).carries_prompt
    assert not outgoing(Operation(json={"message": "hello"})).carries_prompt


def test_variables_fill_headers() -> None:
    """A header takes its secret from the environment."""
    operation = Operation(headers={"Authorization": "Bearer ${env:TOKEN}"})
    assert dict(outgoing(operation, environ={"TOKEN": "s3cret"}).ask(0).headers)["authorization"] == "Bearer s3cret"


@pytest.mark.parametrize("environ", [{}, {"TOKEN": "s3cret\r\nx: y"}, {"TOKEN": "s3crét"}])
def test_a_bad_variable_is_named_and_not_shown(environ: dict[str, str]) -> None:
    """A missing or impossible value names variable or header, and never shows the value."""
    with pytest.raises(ChaosError) as caught:
        outgoing(Operation(headers={"Authorization": "${env:TOKEN}"}), environ=environ)
    assert "Authorization" in caught.value.what
    assert "s3cr" not in caught.value.what + caught.value.hint


def test_the_built_in_prompts_differ() -> None:
    """There are forty built-in prompts, each once."""
    assert len(PROMPTS) == len(set(PROMPTS)) == 40


def test_each_operation_is_asked_in_its_turn() -> None:
    """Of several operations each has its own request, by the mix of the seed, and any can be asked out of turn."""
    search = Operation(name="search", method="GET", path="/find?q={prompt}")
    both = outgoing(Operation(name="chat", path="/chat", json={"m": "{prompt}"}), search)
    asks = [both.ask(index) for index in range(50)]
    assert {ask.method for ask in asks} == {"POST", "GET"}
    assert [ask.method == "GET" for ask in asks] == [both.place(index) == 1 for index in range(50)]
    assert (both.ask(0, 1).method, both.ask(0, 0).method) == ("GET", "POST")


def test_cookies_and_the_query_of_the_url() -> None:
    """Cookies are one header, a query of the app's URL goes with every request, both with their variables."""
    operation = Operation(path="/chat?a=1", cookies={"session": "${env:TOKEN}", "lang": "en"}, json={"m": "{prompt}"})
    ask = outgoing(operation, url="http://host/base?key=${env:KEY}", environ={"TOKEN": "s3cret", "KEY": "a b"}).ask(0)
    assert dict(ask.headers)["cookie"] == "session=s3cret; lang=en"
    assert ask.target == "/base/chat?a=1&key=a%20b"


def test_a_text_that_is_no_place_stays() -> None:
    """Braces, `${...}` and quotes of the author's own come through as they stand, whatever fills the places."""
    given = {"a{b}": ['${x} {other} "{prompt}"', {"{prompt}": "{prompt}"}, 1.5, None, True]}
    rows = prompts(('say "{prompt}" ${env:TOKEN}',))
    (sent,) = (outgoing(Operation(json=given), correlate="none", rows=rows, environ={"TOKEN": "x"}).ask(0).body,)
    said = rows.rows[0]["prompt"]
    assert json.loads(sent) == {"a{b}": [f'${{x}} {{other}} "{said}"', {said: said}, 1.5, None, True]}


def test_columns_fill_a_request_as_each_spot_wants_it() -> None:
    """A whole JSON text keeps the type of its column, elsewhere it is text, escaped; a row is drawn by the seed."""
    table = read_rows('{"prompt": "a \\"b\\"", "n": 3, "on": null}\n{"prompt": "c", "n": [1], "on": true}\n', "p.jsonl")
    operation = Operation(
        path="/u/{n}", headers={"x-n": "n={n}"}, json={"m": "{prompt}", "n": "{n}", "text": "{n}{on} {else}"}
    )
    asks = [outgoing(operation, rows=table, correlate="header").ask(index) for index in range(40)]
    first, second = (json.loads(found.body) for found in {ask.body: ask for ask in asks}.values())
    for said in (first, second):
        assert said in (
            {"m": 'a "b"', "n": 3, "text": "3null {else}"},
            {"m": "c", "n": [1], "text": "[1]true {else}"},
        )
    assert first != second
    assert {ask.target for ask in asks} == {"/u/3", "/u/%5B1%5D"}
    assert {dict(ask.headers)["x-n"] for ask in asks} == {"n=3", "n=[1]"}


def test_a_variable_is_no_template() -> None:
    """What a variable holds is sent as it is, though it looks like a place; in JSON and in paths it is escaped."""
    operation = Operation(path="/${env:A}", json={"a": "x${env:A}", "m": "{prompt}"})
    ask = outgoing(operation, environ={"A": '{prompt}"/'}).ask(0)
    assert json.loads(ask.body)["a"] == 'x{prompt}"/'
    assert ask.target == "/%7Bprompt%7D%22%2F"
