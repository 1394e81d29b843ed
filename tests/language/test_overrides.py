"""Settings (`--set`): what they change, what is refused, and the text of what was run."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from scenario_text import EXAMPLE, SMALL

from chaosllm.language.overrides import dump
from chaosllm.language.yaml_nodes import Problems, compose
from chaosllm.reader import read


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("load.rate=10/s", lambda s: s.load.rate == 10),
        ("seed=9", lambda s: s.seed == 9),
        ("phases.1.rules.0.when.share=20%", lambda s: s.rules[0].when.share == 0.2),
        ("phases.storm.duration=10s", lambda s: s.phase("storm").duration == 10),
        ("phases.storm.rules.rate_limit.retry_after=3s", lambda s: s.rules[0].fault.retry_after == 3),
        ("phases.storm.rules.0.when={every: 3}", lambda s: s.rules[0].when.every == 3),
        ("upstreams.openai.url=https://api.openai.com", lambda s: s.upstreams[0].url == "https://api.openai.com"),
        ("target.url=http://127.0.0.1:9000", lambda s: s.target.url == "http://127.0.0.1:9000"),
        ("rules.0.when.share=20%", lambda s: s.rules[0].when.share == 0.2),
        ("rules.rate_limit.when={every: 3}", lambda s: s.rules[0].when.every == 3),
        ("rules.0={fault: hang}", lambda s: s.rules[0].fault.name == "hang"),
        ("hypothesis=a = b", lambda s: s.hypothesis == "a = b"),
        ("objectives+=hang_rate(storm) <= 5%", lambda s: s.objectives[-1].text == "hang_rate(storm) <= 5%"),
        ("tags+=more", lambda s: s.tags[-1] == "more"),
    ],
)
def test_setting_changes_the_scenario(setting, value):
    """A setting reaches the Scenario, whether or not the file had the key, and the text that was run has it."""
    reading = read(SMALL, sets=[setting])
    assert value(reading.unwrap())
    assert read(reading.as_run).scenario.phases[0] == reading.scenario.phases[0]
    assert value(read(reading.as_run).unwrap())


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("laod.rate=10/s", "did you mean `load`?"),
        ("load.rat=10/s", "did you mean `rate`?"),
        ("phases.strom.duration=10s", "did you mean `storm`?"),
        ("phases.9.duration=10s", "0 to 2"),
        ("phases.storm.rules.0.whenn.share=1%", "did you mean `when`?"),
        ("rules.7.when.share=1%", "by number, 0 to 0"),
        ("rules.ratelimit.when.share=1%", "did you mean `rate_limit`?"),
        ("rules=[]", "rules.0.when.share=20%"),
        ("rules.0.whenn.share=1%", "did you mean `when`?"),
        ("name.first=x", "holds no `first`"),
        ("load.rate", "path=value"),
        ("=x", "path=value"),
        ("load..rate=1/s", "path=value"),
        ("load.rate=10", "10/s"),
        ("load.rate=", "expected a rate"),
        ("seed=012", "octal"),
        ("seed=[1", "not YAML"),
        ("seed={a: 1}", "whole number"),
        ("phases=[]", "at least 1"),
        ("load.rate+=3", "no list of the scenario"),
        ("name+=x", "no list of the scenario"),
        ("objectives+=hang_rat(storm) <= 5%", "did you mean `hang_rate`"),
    ],
)
def test_wrong_setting_is_a_problem_at_the_setting(setting, words):
    """A setting that cannot be is refused where it stands: the second --set."""
    reading = read(SMALL, sets=["seed=1", setting])
    assert reading.scenario is None
    assert [str(problem.where) for problem in reading.problems] == ["--set:2:1"]
    assert words in str(reading.problems[0])


def test_rules_are_counted_over_all_phases():
    """`rules.1` is the second rule of the file, in whichever phase it stands."""
    text = SMALL.replace("{name: baseline, duration: 60s}", "{name: first, duration: 9s, rules: [{fault: hang}]}")
    rules = read(text, sets=["rules.1.when.share=7%", "rules.hang.when.share=3%"]).unwrap().rules
    assert [(rule.name, rule.when.share) for rule in rules] == [("first.0", 0.03), ("storm.0", 0.07)]


def test_text_as_run():
    """Without settings the text is the author's own; with some it holds the same content and the change."""
    assert read(EXAMPLE).as_run == EXAMPLE
    changed = yaml.safe_load(read(EXAMPLE, sets=["seed=8"]).as_run)
    assert changed == {**yaml.safe_load(EXAMPLE), "seed": 8}


TEXT = st.text(max_size=12) | st.sampled_from(
    ["no", "012", "1:30", "0o14", "1e5", "~", "", ".5", "\x85", "a\u2028b", "a\nb", "\ufeff", "1_000", "true", "*a"]
)
DATA = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**17), 10**17)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, DATA, min_size=1, max_size=3))
def test_dumped_text_reads_back_the_same(data):
    """What is written as the text that was run means what it was written from, for our strict reader too."""
    problems = Problems()
    document = compose(dump(data), "f", problems)
    assert not problems, problems.sorted()
    assert document.data == data
