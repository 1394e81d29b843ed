"""`vary`: the scenarios of one file, their names, and what cannot be."""

import re
import time

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.language.variants import VARIANTS_AT_MOST
from chaosllm.reader import read, readings

VARY = SMALL + "vary:\n  load.rate: [10/s, 20/s]\n  rules.0.when.share: [20%, 40%, 60%]\n"


def names(text, **options):
    return [reading.unwrap().name for reading in readings(text, **options)]


def test_each_combination_is_a_scenario():
    """The first key changes slowest, each scenario has its values and a name that tells them, and stands alone."""
    found = readings(VARY)
    assert [reading.errors for reading in found] == [[]] * 6
    assert [(s.load.rate, s.rules[0].when.share) for s in (reading.unwrap() for reading in found)] == [
        (10, 0.2), (10, 0.4), (10, 0.6), (20, 0.2), (20, 0.4), (20, 0.6),
    ]  # fmt: skip
    assert found[1].unwrap().name == "small-rate-10-per-s-share-40pct"
    assert len(set(names(VARY))) == 6
    for reading in found:
        assert "vary" not in reading.as_run
        assert read(reading.as_run).unwrap() == reading.scenario


def test_without_vary_there_is_one():
    """A file that varies nothing makes the scenario that it is, with its own text."""
    assert [(one.scenario, one.as_run) for one in readings(SMALL)] == [(read(SMALL).scenario, SMALL)]


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("{share: [20%, 40%]}", ["small-share-20pct", "small-share-40pct"]),
        ("{seed: [1, 2]}", ["small-seed-1", "small-seed-2"]),
        ("{phases.storm.duration: [500ms, 1m 30s]}", ["small-duration-500ms", "small-duration-1m-30s"]),
        ("{rules.0.when: [{every: 3}, {share: 3%}]}", ["small-when-1", "small-when-2"]),
        ("{seed: [1, 1]}", ["small-1", "small-2"]),
        ("{target.url: ['http://127.0.0.1:1/" + "a" * 70 + "', 'http://127.0.0.1:1/b']}", ["small-1", "small-2"]),
        ("{hypothesis: ['', '?']}", ["small-hypothesis-1", "small-hypothesis-2"]),
        ("{seed: [5]}", ["small"]),
        ("{}", ["small"]),
    ],
)
def test_names(block, expected):
    """Names are made of what differs, or of numbers where that makes no name."""
    assert names(SMALL.replace("share: 40%", "share: '${share:-40%}'") + f"vary: {block}\n") == expected


def test_a_setting_chooses():
    """What `--set` gives does not vary, so that one of the scenarios can be asked for."""
    assert names(VARY, sets=["load.rate=10/s"]) == [f"small-share-{share}pct" for share in (20, 40, 60)]
    one = read(VARY, sets=["load.rate=10/s", "rules.0.when.share=40%"]).unwrap()
    assert (one.name, one.load.rate) == ("small", 10)


def test_where_one_is_wanted():
    """`read` takes no several scenarios for one, and says how to choose."""
    problems = read(VARY).errors
    assert [str(problem.where) for problem in problems] == ["scenario.yaml:13:1"]
    assert "--set load.rate=10/s --set rules.0.when.share=20%" in str(problems[0])
    assert "6 scenarios" in str(problems[0])


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("@[1]", "expected a mapping"),
        ("{seed: @7}", "a list of values"),
        ("{seed: @[]}", "a list of values"),
        ("{@load..rate: [1/s]}", "a path or a parameter"),
        ("{@parameters.a: [1]}", "a path or a parameter"),
        ("{load.rate: [10/s, @10]}", "10/s"),
        ("{load.raet: [@10/s]}", "did you mean `rate`?"),
        ("{nothing: [@1, 2]}", "there is no parameter `nothing`"),
        ("{phases.strom.duration: [@1s, 2s]}", "did you mean `storm`?"),
    ],
)
def test_mistake_stands_at_its_value(block, words):
    """What cannot be varied, or be one of the values, is refused at its place in the file."""
    text = SMALL + f"vary: {block}\n"
    at = text.splitlines()[-1].index("@")
    problems = [problem for one in readings(text.replace("@", "")) for problem in one.errors]
    assert (13, at + 1) in {(problem.where.line, problem.where.column) for problem in problems}
    assert any(words in str(problem) for problem in problems)


@pytest.mark.parametrize(
    "text",
    [
        SMALL + f"vary: {{seed: [{', '.join(map(str, range(101)))}]}}",
        SMALL + "vary: {" + ", ".join(f"k{at}: [1, 2]" for at in range(2000)) + "}",
        SMALL + f"tags: [{'a, ' * 15_000}]\nvary: {{seed: [{', '.join(map(str, range(90)))}]}}",
    ],
)
def test_too_many_are_refused(text):
    """A file makes 100 scenarios at most, and not many of a huge one."""
    read(EXAMPLE)
    begin = time.process_time()
    found = readings(text)
    assert time.process_time() - begin < 3.0  # generous: a few times what it takes on a quiet machine
    assert len(found) == 1
    assert re.search(r"makes \d+ scenarios of this file", str(found[0].errors[0]))
    assert VARIANTS_AT_MOST == 100
