"""What is said of a scenario beforehand, held against what the plan then decides and the verdict then asks for."""

import json

import pytest
from soak import count

from chaosllm.call import Request
from chaosllm.expectation import interval
from chaosllm.explanation import explain
from chaosllm.plan import Plan
from chaosllm.reader import read
from chaosllm.reference import reference
from chaosllm.registry import member, members
from chaosllm.scenario import Role

TEXT = """\
version: 1
name: told
hypothesis: Most users are served.
seed: {seed}
target: {{operation: {{path: /chat, json: {{message: "{{prompt}}"}}, answer: $.answer}}}}
upstreams:
  - {{provider: openai, url: {url}}}
load: {{rate: 12/s}}
phases:
  - {{name: baseline, duration: 10s}}
  - name: storm
    duration: 30s
    rules: [{rules}]
  - {{name: recovery, duration: 30s}}
objectives: [{objectives}]
"""

#: Rules of one phase, each with every kind of trigger somewhere.
RULES = [
    "{fault: error}",
    "{fault: error, when: {share: 5%}}",
    "{fault: error, when: {share: 40%}}",
    "{fault: error, when: {every: 3}}",
    "{fault: error, when: {every: 2, share: 50%}}",
    "{fault: error, when: {first: 1}}",
    "{fault: error, when: {first: 25, of: phase}}",
    "{fault: error, when: {window: {from: 5s, to: 12s}}}",
    "{fault: error, when: {window: {from: 5s, to: 12s}, share: 70%}}",
    "{fault: error, when: {share: 40%}}, {fault: latency, first_token: 1s}",
    "{fault: error, when: {share: 40%}}, {fault: overload, when: {share: 40%}}, {fault: hang, when: {every: 2}}",
    "{fault: truncate, when: {share: 40%}}, {fault: overload, when: {share: 40%}}",
    "{fault: latency, first_token: 1s, when: {share: 40%}}, {fault: error, when: {every: 4}}",
    "{fault: error, match: {stream: true}}, {fault: overload, match: {stream: false}, when: {share: 30%}}",
    "{fault: error, match: {operation: [135, 140, 150]}}",
    "{fault: error, when: {correlated: {with: slow, share: 50%}}}, "
    "{fault: latency, first_token: 1s, name: slow, when: {share: 40%}}",
    "{fault: error, when: {after: 20, share: 50%}}",
    "{fault: error, when: {after: 1, of: operation}}",
    "{fault: error, when: {burst: {every: 10s, length: 3s}, share: 80%}}",
    "{fault: error, when: {ramp: {from: 0%, to: 60%}}}",
    "{fault: error, when: {ramp: {from: 80%, to: 20%}, window: {from: 5s, to: 25s}}}",
    "{fault: error, when: {outage: {up: {exponential: {mean: 4s}}, down: 3s, degraded: {length: 2s, share: 30%}}}}",
    "{fault: error, when: {trace: {times: [3s, 17s], length: 2s}}}",
    "{fault: latency, first_token: 1s, name: slow, when: {share: 30%}}, {fault: error, when: {correlated: slow}}",
    "{fault: error, name: out, when: {share: 30%}}, {fault: hang, when: {correlated: out}}",
    "{fault: error, name: out, when: {burst: {every: 9s, length: 3s}}}, "
    "{fault: hang, when: {correlated: {with: out, delay: 2s}}}",
    "{fault: error, name: out, when: {ramp: {from: 90%, to: 0%}}}, "
    "{fault: hang, when: {correlated: {with: out, delay: 10s}}}",
    "{fault: latency, first_token: 1s, name: slow, when: {every: 3}}, "
    "{fault: error, when: {correlated: {with: slow, share: 50%}}}",
    "{fault: latency, first_token: 1s, name: slow, when: {share: 30%}}, "
    "{fault: error, when: {correlated: {with: slow, share: 80%}}}, "
    "{fault: hang, when: {correlated: {with: slow, share: 60%}}}",
    "{fault: latency, first_token: 1s, name: slow, when: {ramp: {from: 90%, to: 0%}}}, "
    "{fault: error, when: {correlated: {with: slow, share: 80%}}}, "
    "{fault: hang, when: {correlated: {with: slow, delay: 10s}}}",
    "{fault: error, name: out, when: {share: 30%}}, {fault: latency, first_token: 1s, name: slow, "
    "when: {correlated: {with: out, share: 80%}}}, {fault: hang, when: {correlated: {with: slow, share: 50%}}}",
    "{fault: latency, first_token: 1s, name: slow, when: {share: 60%}}, {fault: latency, tokens: 5/s, name: more, "
    "when: {correlated: {with: slow, share: 80%}}}, {fault: hang, when: {correlated: {with: slow, share: 50%}}}, "
    "{fault: error, when: {correlated: {with: more, share: 60%}}}",
]


def scenario(rules, seed=7, url="simulator", objectives=""):
    return read(TEXT.format(rules=rules, seed=seed, url=url, objectives=objectives)).unwrap()


def planned(told):
    """How often each rule was planned when each operation made one call, at its due time."""
    plan = Plan(told, {"openai": member("providers", "openai")}, key=b"k")
    counts = {rule.name: 0 for rule in told.rules}
    storm = told.phase("storm")
    for operation, due in enumerate(plan._due):  # the due times that the run itself goes by
        if not storm.start <= due < storm.end:
            continue
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"hi {reference(operation, told.seed)}"}]}
        request = Request("POST", "", "/v1/chat/completions", (), json.dumps(body).encode(), "openai")
        decision = plan.decide(plan.identify(request), request, t=due + 0.01, now=1e9)
        plan.settle(decision, None, t=due + 0.02)
        for part in decision.applied:
            counts[part.rule] += part.planned
    return counts


@pytest.mark.parametrize("seed", range(count(2, 5)))
@pytest.mark.parametrize("rules", RULES)
def test_plan_keeps_within_what_was_expected(rules, seed):
    """Over the scenario's own operations each rule is planned as often as its interval says; sure counts exactly."""
    told = scenario(rules, seed)
    (storm,) = (phase for phase in explain(told).phases if phase.role is Role.FAULT)
    counts = planned(told)
    for rule in storm.rules:
        if "stream: true" not in rules or rule.fault != "error":  # these calls do not stream
            assert rule.low <= counts[rule.name] <= rule.high, rule
            assert rule.low <= rule.expected <= rule.high


def test_intervals_are_no_wider_than_chance():
    """Of a share of 40 % in some 360 calls the interval is some 60 wide, and of sure calls it has no width."""
    (rule,) = explain(scenario("{fault: error, when: {share: 40%}}")).phases[1].rules
    assert 50 < rule.high - rule.low < 75
    (rule,) = explain(scenario("{fault: error, when: {every: 3}}")).phases[1].rules
    assert rule.low == rule.high == rule.of // 3


@pytest.mark.parametrize("chances", [[0.1, 0.5, 0.9] * 20, [0.4] * 60, [0.0, 1.0, 1.0], [0.02, 0.03] * 2000])
def test_interval_of_unequal_coins(chances):
    """Simulated sums lie inside 999 times in 1,000, and are not all far inside."""
    import numpy as np

    chances = np.array(chances)
    low, high = interval(chances)
    rng = np.random.default_rng(4)
    sums = np.array([(rng.random(len(chances)) < chances).sum() for _ in range(4000)])
    assert ((sums >= low) & (sums <= high)).mean() >= 0.998
    spread = np.sqrt((chances * (1 - chances)).sum())
    assert high - low <= 7.5 * spread + 4


@pytest.mark.parametrize(
    ("rules", "note"),
    [
        ("{fault: rate_limit, buckets: {rpm: 120}}", "are over 120 a minute"),
        ("{fault: quota, budget: 5000 tokens}", "what the app asks decides"),
        ("{fault: reset, at: accept}", "connections"),
        ("{fault: error, match: {attempt: [1, 2]}}", "retries alone"),
    ],
)
def test_what_hangs_on_traffic_is_no_number(rules, note):
    """Live limits, connections and retries are said to be unknown, and why."""
    (rule,) = explain(scenario(rules)).phases[1].rules
    assert rule.expected is None
    assert note in rule.note


def shown(rules, **more):
    return {one.code for one in explain(scenario(rules, **more)).findings}


@pytest.mark.parametrize(
    ("rules", "there", "absent"),
    [
        ("{fault: rate_limit, retry_after: 1s}", "retry_after_ignored", "non_retryable_retried"),
        ("{fault: rate_limit, retry_after: none}", "no_backoff", "retry_after_ignored"),
        ("{fault: error, status: 401}", "non_retryable_retried", "no_backoff"),
        ("{fault: error, status: 503}", "no_backoff", "non_retryable_retried"),
        ("{fault: quota}", "quota_retried", "truncated_accepted"),
        ("{fault: truncate}", "truncated_accepted", "quota_retried"),
        ("{fault: hang}", "hang", "error_leaked"),
        ("{fault: content, canary: card}", "sensitive_data_leaked", "retry_after_ignored"),
    ],
)
def test_findings_are_those_that_the_fault_can_show(rules, there, absent):
    """By the fault's name, and by what its refusals say."""
    found = shown(rules)
    assert there in found
    assert absent not in found


def test_rules_that_hardly_strike_show_nothing():
    """Two hits are fewer than most findings need; those that need one stay."""
    assert shown("{fault: truncate, when: {first: 2, of: phase}}") == {"truncated_accepted"}


def test_every_finding_is_provoked_by_faults_that_exist():
    """A name in provoked_by is a fault's, or `*`."""
    known = {"*", *members("faults")}
    for code, kind in members("findings").items():
        assert set(kind.provoked_by) <= known, code
        assert kind.provoked_by, code


def test_objectives_say_what_decides_them():
    """A share says from where it passes and fails, a phase too short says so, the rest is decided by its value."""
    texts = '"success_rate(storm) >= 95%", "error_rate(storm) <= 5%", "latency_p99(storm) <= 9s", retry_storm == 0'
    up, down, short, rest = explain(scenario("{fault: error}", objectives=texts)).objectives
    assert 0.90 < up.fails < 0.95 < up.passes < 0.99
    assert 0.01 < down.passes < 0.05 < down.fails < 0.10
    assert "needs 1,000 operations" in short.shortage
    assert (rest.passes, rest.fails, rest.shortage) == (None, None, "")


def test_objective_on_a_finding_needs_hits():
    """`retry_storm == 0` with two hits expected cannot be decided, because absence would say nothing."""
    told = scenario("{fault: error, when: {first: 2, of: phase}}", objectives="retry_storm == 0")
    assert "needs 5 operations that meet a fault, expects 2" in explain(told).objectives[0].shortage


def test_cost_is_nothing_but_at_a_real_provider():
    """The simulator costs nothing; a real one at most operations by attempts by tokens, at the model's price."""
    assert explain(scenario("{fault: error}")).ceiling is None
    real = explain(scenario("{fault: error, match: {model: gpt-4o-mini}}", url="https://api.openai.com"))
    assert real.ceiling.model == "gpt-4o-mini"
    assert real.ceiling.calls == 3 * real.operations
    assert real.ceiling.usd == pytest.approx(real.ceiling.calls * 0.75 / 1000)
    assert explain(scenario("{fault: error}", url="https://api.openai.com")).ceiling.usd > real.ceiling.usd


def test_every_shipped_fault_speaks():
    """Each fault's example says what happens in a sentence of its own."""
    import yaml

    for name, fault in members("faults").items():
        example = {**yaml.safe_load(fault.example), "when": {"share": "40%"}}
        example.pop("match", None)
        if "buckets" in example or "budget" in example:
            example.pop("when")
        told = read(TEXT.format(rules=json.dumps(example), seed=1, url="simulator", objectives="")).unwrap()
        (rule,) = explain(told).phases[1].rules
        assert rule.what != fault.summary or name == "empty"
        assert not {"None", "{", "<"} & set(rule.what.split())


@pytest.mark.parametrize(
    ("when", "words", "mean"),
    [
        ("{after: 10, first: 5, of: phase}", "on the 11th to 15th operation of the phase", 5),
        ("{after: 10}", "from the 11th operation of the phase on", None),
        ("{burst: {every: 20s, length: 5s}}", "in the first 5s of every 20s", None),
        ("{ramp: {from: 0%, to: 60%}}", "goes from 0% to 60% over the phase", None),
        ("{outage: {up: 3s, down: {exponential: {mean: 3s}}}}", "up (3s), down (exponential, mean 3s)", None),
        ("{trace: {times: [3s, 17s], length: 1s, speed: 2}}", "played 2 times as quick", None),
    ],
)
def test_each_trigger_has_its_words_and_its_number(when, words, mean):
    """What is expected of a clock or a count is the sum of its chances, said beside its words."""
    (rule,) = explain(scenario(f"{{fault: error, when: {when}}}")).phases[1].rules
    assert words in rule.when
    assert rule.expected == pytest.approx(mean) if mean is not None else rule.expected > 0


def test_what_follows_the_traffic_has_no_number():
    """`load` hangs on the calls that really come, and so does what follows it."""
    leader = "{fault: latency, tokens: 9/s, name: busy, when: {load: {capacity: 1/s}}}"
    rules = leader + ", {fault: error, when: {correlated: busy}}"
    busy, follower = explain(scenario(rules)).phases[1].rules
    assert (busy.expected, follower.expected) == (None, None)
    assert "goes by the traffic" in busy.note
    assert "it follows busy" in follower.note


def test_load_that_changes_is_counted_as_it_comes():
    """A ramp's operations are told by phase, and the rule's calls are those of its own part."""
    text = TEXT.format(rules="{fault: error}", seed=3, url="simulator", objectives="").replace(
        "{rate: 12/s}", "{shape: {ramp: {from: 0/s, to: 20/s}}}"
    )
    found = explain(read(text).unwrap())
    counts = [phase.operations for phase in found.phases]
    assert counts[0] < counts[1] / 3
    assert found.phases[1].rules[0].low == counts[1]
    assert found.load == "from 0/s to 20/s over 1m10s (poisson arrivals)"


def test_rounds_of_a_block_are_judged_together():
    """What an objective on a block needs is weighed with all of its rounds, and so is the drop that shows."""
    text = TEXT.format(rules="", seed=3, url="simulator", objectives='"success_rate(storm) >= 95%"')
    block = (
        "  - {name: rounds, repeat: 3, phases: [{name: storm, duration: 10s, rules: [{fault: error}]}, "
        "{name: calm, duration: 10s}]}"
    )
    found = explain(read(text.replace("  - name: storm\n    duration: 30s\n    rules: []", block)).unwrap())
    (drop,) = found.drops
    assert (drop.after, drop.struck) == ("storm", sum(p.operations for p in found.phases if p.name.startswith("storm")))
    assert found.objectives[0].shortage == ""
    assert found.objectives[0].passes > 0.95


def test_users_of_a_locustfile_are_not_counted():
    """A closed loop asks as often as it is answered: no number is made up."""
    text = TEXT.format(rules="{fault: error}", seed=3, url="https://api.openai.com", objectives="").replace(
        "{rate: 12/s}", "{locustfile: users.py, users: 4}"
    )
    found = explain(read(text).unwrap())
    assert (found.operations, found.phases[1].rules[0].expected, found.ceiling.usd) == (None, None, None)
    assert "not known before a run" in found.phases[1].rules[0].note
    assert found.load == "asked by 4 users of users.py, each again once it is answered"


@pytest.mark.parametrize(
    ("load", "words"),
    [
        ("{rate: 90/min}", "at 1.5/s (poisson arrivals)"),
        (
            "{shape: {steps: [{rate: 5/s, for: 10s}, {rate: 10/s, for: 20s}]}}",
            "in steps of 5/s for 10s and 10/s for 20s",
        ),
        ("{rate: 5/s, shape: {spike: {at: 20s, to: 50/s, for: 5s}}}", "at 5/s, and 50/s for 5s from 20s on"),
        ("{shape: {times: arrivals.txt}}", "as recorded in arrivals.txt"),
    ],
)
def test_load_has_its_words(load, words):
    """Each shape is told as its author wrote it."""
    text = TEXT.format(rules="{fault: error}", seed=3, url="simulator", objectives="").replace("{rate: 12/s}", load)
    assert explain(read(text).unwrap()).load.startswith(words)
