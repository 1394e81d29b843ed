"""The probe prometheus: what it asks, which values are beyond the bound, and what shows nothing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaosllm.probes import Answer
from chaosllm.probes.prometheus import PrometheusProbe

# Answers as the HTTP API of Prometheus gives them: https://prometheus.io/docs/prometheus/latest/querying/api/


#: How Prometheus 2.42 begins to say that a query is none.
PARSE = 'invalid parameter "query": 1:5: parse error:'


def vector(*values: str) -> Answer:
    result = [{"metric": {"job": f"j{n}"}, "value": [1764517444.1, value]} for n, value in enumerate(values)]
    return answer({"resultType": "vector", "result": result})


def answer(data: object, status: int = 200, **more: object) -> Answer:
    return Answer(status, json.dumps({"status": "success", "data": data} | more), 0.01)


def probe(**bounds: float) -> PrometheusProbe:
    return PrometheusProbe("http://prom:9090/prefix/", "job:errors:rate1m", **(bounds or {"above": 0.05}))


def test_what_is_asked() -> None:
    """An instant query of the HTTP API."""
    ask = probe().ask("http://app")
    assert (ask.method, ask.url, ask.params) == (
        "GET", "http://prom:9090/prefix/api/v1/query", (("query", "job:errors:rate1m"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("bounds", "given", "ok", "value"),
    [
        ({"above": 0.05}, vector("0.04"), True, 0.04),
        ({"above": 0.05}, vector("0.05"), True, 0.05),
        ({"above": 0.05}, vector("0.01", "0.06", "0.02"), False, 0.06),
        ({"above": 0.05}, vector("+Inf"), False, float("inf")),
        ({"above": 0.05}, vector("NaN", "0.01"), True, 0.01),
        ({"below": 1}, vector("1", "0", "3"), False, 0),
        ({"below": 1}, vector("1", "3"), True, 1),
        ({"below": 1, "above": 5}, vector("1", "6"), False, 6),
        ({"below": 1, "above": 5}, vector("0.5", "3"), False, 0.5),
        ({"below": 1, "above": 5}, vector("2", "3"), True, 3),
        ({"above": 1}, answer({"resultType": "scalar", "result": [1.5, "2"]}), False, 2),
    ],
)
def test_the_worst_series_counts(bounds: dict, given: Answer, ok: bool, value: float) -> None:
    """Of several series the one nearest to its bound is told."""
    judged = probe(**bounds).judge(given)
    assert (judged.ok, judged.value) == (ok, value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (vector(), "no series matches"),
        (vector("NaN"), "NaN alone"),
        (answer({"resultType": "scalar", "result": [1.5, "NaN"]}), "NaN alone"),
        (Answer(503, "Service Unavailable"), "status 503: not ready"),
        (Answer(401, "Unauthorized"), "status 401: it wants other credentials in `headers`"),
        (Answer(404, "404 page not found"), "may have a prefix"),
        (Answer(302, ""), "a redirect, which is not followed"),
        (Answer(400, "Client sent an HTTP request to an HTTPS server."), "a server of https answers so to http"),
        (Answer(422, '{"status":"error","errorType":"execution","error":"secret"}'), "cannot work the query out"),
        (Answer(503, '{"status":"error","errorType":"timeout","error":"secret"}'), "longer than Prometheus allows"),
        (Answer(500, '{"status":"error","errorType":"internal","error":"secret"}'), "says internal (status 500)"),
        (
            Answer(400, json.dumps({"status": "error", "errorType": "bad_data", "error": f"{PARSE} secret"})),
            "Prometheus refuses the query: bad_data, at its character 5 (status 400)",
        ),
        (Answer(error="it cannot be reached"), "it cannot be reached"),
        (Answer(200, "<html>secret", 0.01), "no answer of Prometheus's API"),
        (Answer(502, "secret", 0.01), "status 502"),
        (Answer(200, "[" * 100_000, 0.01), "no answer"),
        (Answer(200, "{}", 0.01, cut=True), "too long"),
        (Answer(400, '{"status":"error","errorType":"bad_data","error":"secret"}'), "refuses the query: bad_data"),
        (Answer(200, '{"status":"error","errorType":["secret"]}'), "no success"),
        (answer({"resultType": "matrix", "result": []}), "gives a matrix"),
        (answer({"resultType": "string", "result": [1, "secret"]}), "gives a string"),
        (answer({"resultType": "vector", "result": {}}), "no answer"),
        (answer({"resultType": "vector", "result": [1, None, {}]}), "no answer"),
        (answer({"resultType": "vector", "result": [{"value": [1, "x" * 9]}]}), "no answer"),
        (answer({"resultType": "vector", "result": [{"value": [1, 5]}]}), "no answer"),
        (answer([]), "no answer"),
        (answer(None), "no answer"),
    ],
)
def test_what_shows_nothing(given: Answer, words: str) -> None:
    """What is no number is not known, and no failure; no word of a body is repeated."""
    judged = probe().judge(given)
    assert judged.ok is None
    assert words in judged.text
    assert "secret" not in judged.text


def test_a_mistake_is_told_from_a_server_that_cannot() -> None:
    """Only what no later answer could mend refuses the start."""
    wrong = [answer({"resultType": "matrix", "result": []}), Answer(400, '{"status":"error","errorType":"bad_data"}')]
    cannot = [vector(), Answer(503, "Service Unavailable"), Answer(503, '{"status":"error","errorType":"timeout"}')]
    assert [probe().judge(one).mistake for one in wrong + cannot] == [True, True, False, False, False]


def test_several_series_are_counted() -> None:
    """Which of them was taken, and of how many."""
    assert probe(above=0.05).judge(vector("0.01", "NaN", "0.06")).text == "0.06 (the highest of 2 series)"
    assert probe(below=1).judge(vector("3", "2")).text == "2 (the lowest of 2 series)"
    assert probe(below=1).judge(vector("3")).text == "3"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("success"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "value", "errorType"]), inner, max_size=3
        )
    ),
    max_leaves=12,
)


@given(JSON, st.integers(100, 599))
def test_whatever_comes_is_judged(body: object, status: int) -> None:
    """No answer makes it fail."""
    assert probe().judge(Answer(status, json.dumps(body))).text


def test_in_words() -> None:
    """What a failure is."""
    assert probe(above=5, below=1).says() == "`job:errors:rate1m` of http://prom:9090/prefix/ is above 5 or below 1"


@pytest.mark.parametrize("bounds", [{}, {"above": 1, "below": 2}])
def test_bounds_that_make_no_sense(bounds: dict) -> None:
    """A query without a bound, or with two that leave no value, is refused."""
    with pytest.raises(ValueError, match="above"):
        PrometheusProbe("http://a", "up", **bounds)
