"""What makes two runs the same experiment: each part that matters tells, nothing else does, no secret is kept."""

import json
from pathlib import Path

import pytest

from chaosllm.adapters.scenario_file import read_scenarios
from chaosllm.reader import read
from chaosllm.sameness import differences, identity

ROOT = Path(__file__).parents[1]
TEXT = """\
version: 1
name: one
hypothesis: It holds.
seed: 7
target:
  url: "http://127.0.0.1:8000"
  operation: {path: /chat, headers: {authorization: "Bearer sk-secret"}, json: {message: "{prompt}"}, answer: $.answer}
  timeout: 20s
upstreams: [{provider: openai, url: simulator}]
load: {rate: 20/s}
phases:
  - {name: baseline, duration: 60s}
  - name: storm
    duration: 60s
    rules:
      - {fault: rate_limit, retry_after: 2s, when: {share: 40%, window: {from: 6s, to: 30s}}, match: {model: "gpt-4*"}}
      - {fault: latency, first_token: {lognormal: {median: 800ms, p95: 3s}}}
  - {name: recovery, duration: 90s}
objectives: ["success_rate(storm) >= 95%"]
"""


def of(*sets, scale=1.0):
    return identity(read(TEXT, "s.yaml", sets=sets, scale=scale).unwrap())


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("phases.storm.duration=30s", "phases.storm.duration"),
        ("phases.baseline.name=calm", "phases"),
        ("phases.baseline.role=warmup", "phases.baseline.role"),
        ("phases.storm.rules.0.retry_after=3s", "phases.storm.rules.0.retry_after"),
        ("phases.storm.rules.0.when.share=41%", "phases.storm.rules.0.when.share"),
        ("phases.storm.rules.0.when.window.to=31s", "phases.storm.rules.0.when.window.to"),
        ("phases.storm.rules.0.match.model=gpt-5", "phases.storm.rules.0.match.model.0"),
        ("phases.storm.rules.1.first_token=800ms", "phases.storm.rules.1.first_token.kind"),
        ("phases.storm.rules.1={fault: hang}", "phases.storm.rules.1.fault"),
        ("target.operation.path=/ask", "target.operations.0.path"),
        ("target.operation.headers.authorization=Bearer other", "target.operations.0.headers"),
        ("target.operation.json={text: '{prompt}'}", "target.operations.0.json"),
        ("target.timeout=10s", "target.timeout"),
        ("load.rate=21/s", "load.rate"),
        ("load.arrivals=constant", "load.arrivals"),
        ("upstreams.0.url=https://api.openai.com", "upstreams.openai"),
        ("limits={max_active_faults: 50%}", "limits.max_active_faults"),
    ],
)
def test_what_makes_another_experiment(setting, path):
    """Each is found, by its path, with both values."""
    found, scale = differences(of(), of(setting))
    assert path in [one.path for one in found]
    assert all(one.before != one.after for one in found)
    assert scale == 1.0


@pytest.mark.parametrize(
    "setting",
    [
        "seed=8", "name=two", "hypothesis=It may hold.", "fail_on=none", "target.url=http://127.0.0.1:9000",
        "objectives+=success_rate(recovery) >= 95%", "tags=[nightly]",
    ],
)  # fmt: skip
def test_what_makes_none(setting):
    """What is judged and where it runs is no part of what is done."""
    assert differences(of(), of(setting)) == ([], 1.0)


@pytest.mark.parametrize("scale", [0.5, 0.2, 3.0])
def test_a_duration_scale_is_no_difference(scale):
    """All phases longer by one factor, and the times of a trigger with them."""
    found, factor = differences(of(), of(scale=scale))
    assert found == []
    assert factor == pytest.approx(scale, rel=0.01)
    assert [one.path for one in differences(of(), of("load.rate=10/s", scale=scale))[0]] == ["load.rate"]


def test_no_secret_is_kept():
    """Headers and bodies are digests; what is kept is JSON."""
    found = json.dumps(of())
    assert "secret" not in found
    assert "Bearer" not in found
    assert "{prompt}" not in found
    assert json.loads(found) == of()


def test_every_scenario_of_the_library_is_itself():
    """Each is the same as itself in other words, as itself at half its length, and as no other one."""
    known = {}
    for path in sorted((ROOT / "scenarios").rglob("*.yaml")):
        if {"suites", "gamedays"} & {*path.parts}:
            continue
        for whole, half in zip(
            read_scenarios(path, environ=None), read_scenarios(path, duration_scale=0.5, environ=None), strict=True
        ):
            mine = identity(whole.scenario)
            assert json.loads(json.dumps(mine)) == mine
            assert differences(mine, identity(half.scenario))[0] == [], path
            known[whole.scenario.name] = mine
    assert len(known) > 60
    some = list(known.values())
    assert [name for name, other in known.items() if not differences(some[0], other)[0]] == [next(iter(known))]
