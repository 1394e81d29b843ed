"""`include`: what wins, where a problem in an included file stands, and what cannot be followed."""

import time

import pytest
from scenario_text import EXAMPLE, SMALL

from chaosllm.language.includes import DEPTH_AT_MOST, FILES_AT_MOST
from chaosllm.reader import read

BASE = """\
upstreams: [{provider: openai, url: simulator}]
target: {url: "http://127.0.0.1:9000", timeout: 5s}
load: {rate: 20/s, arrivals: constant}
phases: [{name: calm, duration: 10s}]
objectives: [success_rate(calm) >= 50%]
"""
TOP = "version: 1\nname: top\ninclude: base.yaml\n"
RULES = SMALL.replace("      - fault: rate_limit\n        when: {share: 40%}\n", "      - include: rules/storm.yaml\n")


def reading(text, files, **options):
    def load(name):
        if name not in files:
            raise FileNotFoundError(2, "no such file or directory")
        return files[name]

    return read(text, "scenarios/top.yaml", load=load, **options)


@pytest.mark.parametrize(
    ("text", "files", "holds"),
    [
        (TOP, {"base.yaml": BASE}, lambda s: s.load.rate == 20 and s.phases[0].name == "calm"),
        (TOP + "load: {rate: 1/s}\n", {"base.yaml": BASE}, lambda s: (s.load.rate, s.load.arrivals) == (1, "constant")),
        (TOP + "target: {timeout: 9s}\n", {"base.yaml": BASE}, lambda s: s.target.url.endswith("9000")),
        (TOP + "phases: [{name: a, duration: 1s}]\nobjectives: []\n", {"base.yaml": BASE},
         lambda s: [one.name for one in s.phases] == ["a"]),
        (TOP.replace("base.yaml", "[base.yaml, more.yaml]"), {"base.yaml": BASE, "more.yaml": "load: {rate: 3/s}"},
         lambda s: s.load.rate == 3 and s.load.arrivals == "constant"),
        (TOP.replace("base.yaml", "a/one.yaml"), {"a/one.yaml": "include: ../b/two.yaml", "b/two.yaml": BASE},
         lambda s: s.load.rate == 20),
        (TOP.replace("base.yaml", "a/one.yaml"), {"a/one.yaml": "include: two.yaml", "a/two.yaml": BASE},
         lambda s: s.load.rate == 20),
        (TOP + "parameters: {rate: 7/s}\n",
         {"base.yaml": BASE.replace("20/s", "'${rate}'") + "parameters: {rate: 5/s, other: 1}\n"},
         lambda s: s.load.rate == 7),
        (RULES, {"rules/storm.yaml": "{fault: hang}"}, lambda s: [r.fault.name for r in s.rules] == ["hang"]),
        (RULES, {"rules/storm.yaml": "- fault: hang\n- {fault: stall, at: 50%}\n"},
         lambda s: [r.name for r in s.rules] == ["storm.0", "storm.1"]),
        (RULES, {"rules/storm.yaml": "- include: two.yaml\n- fault: hang", "rules/two.yaml": "fault: overload"},
         lambda s: [r.fault.name for r in s.rules] == ["overload", "hang"]),
        (RULES.replace("rules/storm.yaml", "[a.yaml, b.yaml]"), {"a.yaml": "fault: hang", "b.yaml": "fault: overload"},
         lambda s: [r.fault.name for r in s.rules] == ["hang", "overload"]),
        (SMALL.replace("phases:\n", "phases:\n  - include: warm.yaml\n"), {"warm.yaml": "{name: warmup, duration: 3s}"},
         lambda s: [one.name for one in s.phases] == ["warmup", "baseline", "storm", "recovery"]),
        (SMALL + "objectives:\n  - include: o.yaml\n  - hang(storm) == 0\n", {"o.yaml": "[hang_rate(storm) < 2%]"},
         lambda s: [one.metric for one in s.objectives] == ["hang_rate", "hang"]),
        (SMALL.replace("  - {provider: openai, url: simulator}", "  - include: u.yaml"),
         {"u.yaml": "- {provider: openai, url: simulator}\n- {provider: mistral, url: simulator}\n"},
         lambda s: len(s.upstreams) == 2),
        (SMALL + "target: {operation: {json: {include: no.yaml, m: [{include: x}]}}}\n", {},
         lambda s: s.target.operations[0].json == {"include": "no.yaml", "m": [{"include": "x"}]}),
    ],
)  # fmt: skip
def test_included_files_are_defaults(text, files, holds):
    """The including file wins key by key, lists are replaced, items are spliced; what was run needs no file."""
    found = reading(text, files)
    assert found.errors == []
    assert holds(found.unwrap())
    assert read(found.as_run).unwrap() == found.scenario


@pytest.mark.parametrize(
    ("text", "files", "places", "words"),
    [
        (TOP, {}, ["top.yaml:3:10"], "base.yaml cannot be included: no such file"),
        (TOP, {"base.yaml": "include: top.yaml"}, ["base.yaml:1:10"], "top.yaml includes base.yaml includes top.yaml"),
        (TOP, {"base.yaml": "include: a.yaml", "a.yaml": "include: base.yaml"}, ["a.yaml:1:10"], "without end"),
        (TOP, {"base.yaml": "include: ./base.yaml"}, ["base.yaml:1:10"], "base.yaml includes base.yaml"),
        (TOP.replace("base.yaml", "../base.yaml"), {}, ["top.yaml:3:10"], "in the scenario's folder"),
        (TOP.replace("base.yaml", "/etc/passwd"), {}, ["top.yaml:3:10"], "in the scenario's folder"),
        (TOP.replace("base.yaml", "'${file}'"), {}, ["top.yaml:3:10"], "before parameters"),
        (TOP.replace("base.yaml", "7"), {}, ["top.yaml:3:10"], "such as common.yaml"),
        (TOP.replace("base.yaml", "[base.yaml, {a: 1}]"), {"base.yaml": BASE}, ["top.yaml:3:22"], "name of a file"),
        (TOP, {"base.yaml": "[1]"}, ["base.yaml:1:1"], "expected a mapping"),
        (TOP, {"base.yaml": "a: [1\n"}, ["base.yaml:2:1"], "not YAML"),
        (TOP, {"base.yaml": BASE.replace("20/s", "20")}, ["base.yaml:3:14"], "20/s"),
        (TOP, {"base.yaml": BASE + "laod: 1\n"}, ["base.yaml:6:1"], "did you mean `load`?"),
        (TOP, {"base.yaml": BASE.replace("50%", "x")}, ["base.yaml:5:14"], "x"),
        (RULES, {"rules/storm.yaml": "- fault: hang\n- fault: rate_limt\n"}, ["rules/storm.yaml:2:10"], "`rate_limit`"),
        (RULES, {"rules/storm.yaml": "3"}, ["rules/storm.yaml:1:1"], "expected a rule"),
        (RULES + "objectives: [{include: o.yaml, a: 1}]\n", {"rules/storm.yaml": "fault: hang"},
         ["top.yaml:12:32"], "beside `include`"),
    ],
)  # fmt: skip
def test_mistake_stands_in_its_file(text, files, places, words):
    """What cannot be followed is told where it is asked for, what is wrong inside a file with that file's line."""
    problems = reading(text, files).errors
    assert [str(problem.where) for problem in problems] == [f"scenarios/{place}" for place in places]
    assert words in str(problems[0])


def test_settings_reach_included_values():
    """`--set` changes what an included file says, and a list of rules that came from it."""
    found = reading(RULES + "include: base.yaml\n", {"base.yaml": BASE, "rules/storm.yaml": "fault: hang"},
        sets=["load.rate=2/s", "rules.0.for=9s", "target.timeout=60s", "objectives=[]"])  # fmt: skip
    assert found.errors == []
    assert (found.scenario.load.rate, found.scenario.rules[0].fault.for_) == (2, 9)


def test_nothing_is_included_without_a_loader():
    """A text that no file stands beside says so at its include."""
    assert [str(one.where) for one in read(TOP).errors] == ["scenario.yaml:3:10"]


HOSTILE = {
    "a long chain": {f"{at}.yaml": f"include: {at + 1}.yaml" for at in range(-1, 1000)},
    "a tree": {f"{at}.yaml": f"include: [{at + 1}.yaml, {at + 1}.yaml, {at + 1}.yaml]" for at in range(-1, 9)},
    "many files": {"0.yaml": f"include: [{', '.join(['1.yaml'] * 5000)}]", "1.yaml": "seed: 1"},
    "many nodes": {"0.yaml": f"include: [{', '.join(['1.yaml'] * 90)}]", "1.yaml": f"tags: [{'a, ' * 5000}]"},
    "much text": {"0.yaml": f"include: [{', '.join(['1.yaml'] * 90)}]", "1.yaml": "seed: 1\n" + "#" * 100_000},
    "laughs": {
        "0.yaml": "phases: [" + "{include: 1.yaml}, " * 90 + "]",
        "1.yaml": "a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: [" + "*b, " * 500 + "]",
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_include_blows_up(name):
    """Files that include each other a thousandfold are refused at once, at the include that is too much."""
    read(EXAMPLE)
    begin = time.process_time()
    found = reading(TOP.replace("base.yaml", "0.yaml"), HOSTILE[name])
    assert time.process_time() - begin < 2.0  # generous: it takes a tenth of it on a quiet machine
    assert found.errors
    assert max(DEPTH_AT_MOST, FILES_AT_MOST) < 1000
