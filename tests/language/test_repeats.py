"""Phases that repeat and shuffle: what they become, that the seed alone orders them, and how they are judged."""

import time

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.language.repeats import PHASES_AT_MOST
from chaosllm.reader import read

GROUP = """\
version: 1
name: rounds
seed: 7
upstreams: [{provider: openai, url: simulator}]
phases:
  - {name: baseline, duration: 60s}
  - name: block
    repeat: 3
    phases:
      - {name: storm, duration: 20s, rules: [{fault: rate_limit, name: refuse}, {fault: hang, when: {share: 1%}}]}
      - {name: calm, duration: 10s}
  - {name: recovery, duration: 90s}
objectives: [success_rate(storm) >= 50%]
"""
SHUFFLED = GROUP.replace("repeat: 3", "repeat: 8\n    shuffle: true")


def names(text, **options):
    return [phase.name for phase in read(text, **options).unwrap().phases]


def test_groups_become_flat_phases():
    """Each round's phases follow each other, are numbered, know their block, and have rules of their own."""
    scenario = read(GROUP).unwrap()
    assert names(GROUP) == [
        "baseline", "storm-1", "calm-1", "storm-2", "calm-2", "storm-3", "calm-3", "recovery",
    ]  # fmt: skip
    assert [phase.block for phase in scenario.phases] == ["", "storm", "calm", "storm", "calm", "storm", "calm", ""]
    assert [str(phase.role) for phase in scenario.phases] == [
        "baseline", "fault", "recovery", "fault", "recovery", "fault", "recovery", "recovery",
    ]  # fmt: skip
    assert [rule.name for rule in scenario.rules] == [
        "refuse-1", "storm-1.1", "refuse-2", "storm-2.1", "refuse-3", "storm-3.1",
    ]  # fmt: skip
    assert [phase.start for phase in scenario.phases] == [0, 60, 80, 90, 110, 120, 140, 150]
    assert scenario.phases[3].rules[0].where.line == 10


def test_text_that_was_run_is_flat():
    """It reads as the same scenario, shuffled or not, and does not shuffle again."""
    for text in (GROUP, SHUFFLED):
        reading = read(text)
        assert "repeat" not in reading.as_run
        again = read(reading.as_run)
        assert again.unwrap() == reading.unwrap()
        assert again.as_run == reading.as_run


def test_seed_alone_shuffles():
    """Rounds have orders of their own; the same seed gives the same, another another; each round is whole."""
    first = names(SHUFFLED)
    assert first == names(SHUFFLED)
    assert first != names(SHUFFLED, sets=["seed=8"])
    rounds = [first[at : at + 2] for at in range(1, 17, 2)]
    assert [sorted(one) for one in rounds] == [[f"calm-{at}", f"storm-{at}"] for at in range(1, 9)]
    assert 0 < sum(one[0].startswith("storm") for one in rounds) < 8


def test_rules_that_follow_each_other_keep_doing_so():
    """A rule that follows another one, by its name or number, follows the one of its own round."""
    rules = "[{fault: rate_limit}, {fault: hang, name: held, when: {correlated: storm.0}}, "
    rules += "{fault: reset, when: {correlated: {with: held, delay: 1s}}}]"
    text = SHUFFLED.replace("[{fault: rate_limit, name: refuse}, {fault: hang, when: {share: 1%}}]", rules)
    found = read(text)
    assert found.errors == []
    for phase in found.unwrap().phases:
        if phase.block == "storm":
            leaders = [rule.when.correlated.leader for rule in phase.rules if rule.when.correlated]
            assert leaders == [phase.rules[0].name, phase.rules[1].name]


def test_settings_and_scale_reach_into_groups():
    """A phase in a group is named as one outside, for all its rounds, and the scale multiplies every round once."""
    changed = read(GROUP, sets=["phases.storm.duration=30s", "rules.1.when.share=5%", "phases.block.repeat=2"], scale=2)
    phases = changed.unwrap().phases
    assert [phase.duration for phase in phases] == [120, 60, 20, 60, 20, 180]
    assert [rule.when.share for rule in changed.scenario.rules] == [None, 0.05, None, 0.05]


def test_baseline_in_rounds_is_a_baseline():
    """A baseline between the faults, round by round, stays one: it is not taken for a recovery."""
    text = GROUP.replace("  - {name: baseline, duration: 60s}\n", "").replace("{name: calm", "{name: baseline")
    phases = read(text).unwrap().phases
    assert [str(phase.role) for phase in phases] == ["fault", "baseline"] * 3 + ["recovery"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("repeat: 3", "repeat: @0", "at least 1"),
        ("repeat: 3", "repeat: @1000", "at most 100"),
        ("repeat: 3", "repeat: @x", "whole number"),
        ("repeat: 3", "@reapeat: 3", "did you mean `repeat`?"),
        ("repeat: 3", "shuffle: @1", "true or false"),
        (
            "{name: calm, duration: 10s}",
            "{name: a, @phases: [{name: b, duration: 1s}], duration: 1s}",
            "inside another",
        ),
        ("name: recovery", "name: @storm", "beside repeated phases"),
        ("success_rate(storm)", "@success_rate(storm-1)", "did you mean `storm`?"),
        ("success_rate(storm)", "@success_rate(block)", "no phase `block`"),
        ("duration: 10s", "duration: @10", "10s"),
        ("name: calm", "name: @storm", "two phases `storm-1`"),
    ],
)
def test_mistake_in_a_group(old, new, words):
    """What is wrong in a group stands where it was written, once for all rounds."""
    text = GROUP.replace(old, new, 1)
    line, at = next((number, found.index("@")) for number, found in enumerate(text.splitlines(), 1) if "@" in found)
    problems = read(text.replace("@", "")).errors
    assert {(problem.where.line, problem.where.column) for problem in problems} == {(line, at + 1)}
    assert words in str(problems[0])


HOSTILE = {
    "many rounds": GROUP.replace("repeat: 3", "repeat: 100").replace("- {name: calm", "- {name: c, duration: 1s}\n" * 50
        + "      - {name: calm"),
    "many rules": GROUP.replace("repeat: 3", "repeat: 60").replace(
        "rules: [", "rules: [" + "{fault: hang}, " * 1500
    ),
    "many groups": SMALL.replace("phases:\n", "phases:\n" + "  - {name: a, repeat: 100, phases: [x, x, x]}\n" * 1500),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_group_blows_up(name):
    """Groups that would make thousands of phases, or rules, are refused before they are written out."""
    read(EXAMPLE)
    begin = time.process_time()
    found = read(HOSTILE[name])
    assert time.process_time() - begin < 3.0  # generous: a few times what it takes on a quiet machine
    assert found.errors
    assert PHASES_AT_MOST < 1000
