"""`stop_when`: what is read of it, whatever stands in it, and what it wants of the environment."""

import pickle
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scenario_text import SMALL

from chaosllm.errors import Level
from chaosllm.language.stops import PROBES_AT_MOST, check_stops
from chaosllm.language.yaml_nodes import Problems, compose
from chaosllm.probes.http import HttpProbe
from chaosllm.probes.prometheus import PrometheusProbe
from chaosllm.reader import drive_problems, read
from chaosllm.registry import members
from chaosllm.variables import secrets_of

BOTH = """\
stop_when:
  - success_rate(last 10s) < 20%
  - {http: /healthz, status: [200, 204], text: up, max_latency: 1s, every: 500ms, timeout: 1s, failures: 5}
  - p95 > 10s
  - prometheus: http://127.0.0.1:9090/prom
    query: >
      sum(rate(errors[1m]))
      / sum(rate(requests[1m]))
    above: 0.05
    headers: {authorization: "Bearer ${env:PROM_TOKEN}"}
"""


def test_conditions_and_probes():
    """Both kinds stand in one list, keep their order, and have the pace of their kind unless they say otherwise."""
    scenario = read(SMALL + BOTH).unwrap()
    assert [one.metric for one in scenario.stop_when] == ["success_rate", "latency_p95"]
    page, query = scenario.probes
    assert page.probe == HttpProbe("/healthz", (200, 204), "up", 1.0)
    assert (page.every, page.timeout, page.failures) == (0.5, 1.0, 5)
    assert isinstance(query.probe, PrometheusProbe)
    assert query.probe.query == "sum(rate(errors[1m])) / sum(rate(requests[1m]))"
    assert (query.every, query.timeout, query.failures) == (5.0, 2.0, 2)
    assert scenario.stops == (
        "success_rate(last 10s) < 20%",
        "p95 > 10s",
        "/healthz does not answer 200 or 204 or lacks /up/ or takes over 1s, 5 times running",
        "`sum(rate(errors[1m])) / sum(rate(requests[1m]))` of http://127.0.0.1:9090/prom is above 0.05, "
        "2 times running",
    )
    assert pickle.loads(pickle.dumps(scenario)) == scenario


def test_a_secret_of_a_probe_is_one():
    """The variable in a probe's header has to be set, and its value is kept out of sight."""
    reading = read(SMALL + BOTH + 'target: {operation: {path: /x, json: "{prompt}"}}\n', "s.yaml")
    (problem,) = drive_problems(reading, {})
    assert str(problem).startswith("s.yaml:22:30: error: the environment variable PROM_TOKEN is not set")
    assert drive_problems(reading, {"PROM_TOKEN": "x"}) == []
    assert secrets_of(reading.unwrap(), {"PROM_TOKEN": "abc", "HOME": "/"}) == {"PROM_TOKEN": "abc"}


def test_settings_parameters_and_includes_reach_probes():
    """A probe is put together like the rest of a scenario, and its flat text reads as the same."""
    text = SMALL + "parameters: {bad: 0.05}\nstop_when: [{include: probe.yaml}]\n"
    files = {"probe.yaml": "{prometheus: 'http://p', query: up, above: '${bad}'}"}
    reading = read(text, load=files.__getitem__, sets=["bad=0.2", "stop_when.0.failures=7"])
    (probe,) = reading.unwrap().probes
    assert (probe.probe.above, probe.failures) == (0.2, 7)
    assert read(reading.as_run).unwrap() == reading.unwrap()


def test_a_game_day_reads_the_same_list():
    """The list may stand anywhere in a document."""
    problems = Problems()
    document = compose("day: {stop_when: [spend > 5 USD, {http: /x}, {htp: /y}]}", "day.yaml", problems)
    found = check_stops(document, problems, ("day", "stop_when"))
    assert ([one.metric for one in found.conditions], len(found.probes)) == (["spend"], 1)
    assert [str(one) for one in problems.sorted()] == [
        "day.yaml:1:47: error: there is no probe `htp` (did you mean `http`?)"
    ]
    assert check_stops(compose("a: 1", "", Problems()), problems, ("day", "stop_when")).conditions == ()


def test_a_window_that_the_driver_does_not_tell_is_warned_of():
    """Latencies are those of the last 10 s: another window is taken, with a word."""
    (problem,) = [one for one in read(SMALL + "stop_when: [p95(30s) > 1s]\n").problems if "10s" in one.what]
    assert problem.level is Level.WARNING


def test_many_probes_are_refused():
    """Each is asked all through the run, so there is an end to them."""
    text = SMALL + "stop_when:\n" + "  - {http: /x}\n" * (PROBES_AT_MOST + 1)
    (problem,) = read(text).errors
    assert f"at most {PROBES_AT_MOST}" in problem.what


@pytest.mark.parametrize("name", sorted(members("probes")))
def test_a_probe_explains_itself(name):
    """Each field has a line of its own for editors, and the example is one that the reader takes."""
    probe = members("probes")[name]
    found = read(SMALL + f"stop_when:\n  - {probe.example}\n").unwrap().probes[0]
    assert (found.every, found.failures) == (probe.every, probe.failures)
    assert len(probe.about) == len(fields(probe))
    assert found.text


KEYS = st.sampled_from(
    ["http", "prometheus", "query", "above", "below", "status", "text", "headers", "every", "timeout", "failures", "x"]
)
LEAVES = st.sampled_from(
    ["/x", "http://a", "1s", "up", "", "(", "${env:A}", "${", "\x00", 0, 1, -1, 200, 1e99, 0.05, True, None, [], {}]
)
ITEMS = st.dictionaries(KEYS, LEAVES | st.lists(LEAVES, max_size=2) | st.dictionaries(KEYS, LEAVES, max_size=2))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ITEMS | LEAVES, max_size=3))
def test_whatever_stands_there_is_read_or_refused(items):
    """Every item is a condition, a probe, or a problem that has a place."""
    from chaosllm.language.overrides import dump

    reading = read(SMALL + dump({"stop_when": items}))
    assert (reading.scenario is None) == bool(reading.errors)
    if reading.scenario is not None:
        assert len(reading.scenario.stops) == len(items)
    assert all(problem.what and problem.where.line for problem in reading.problems)
