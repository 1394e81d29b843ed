"""The reader on hostile text: a Scenario or Problems, in bounded time, and never an exception."""

import json
import resource
import subprocess
import sys
import time
from contextlib import suppress
from copy import deepcopy

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from scenario_text import EXAMPLE, SMALL
from soak import count

from chaosllm.language.yaml_nodes import NODES_AT_MOST, PROBLEMS_AT_MOST
from chaosllm.reader import read, readings

#: Of processor time. A reading takes under 0.3 s on a quiet machine and a text that blows up takes minutes,
#: so the bound tells the two apart on the busiest machine.
SECONDS = 10.0

BOMB = "\n".join(["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 30))])
LONG = "x" * 900_000

HOSTILE = {
    "alias bomb": BOMB,
    "text bomb": f"a: &a {LONG}\nb: [{', '.join(['*a'] * 1000)}]",
    "alias to itself": "a: &a [*a]",
    "deep flow": "[" * 500_000,
    "deep mapping": "{a: " * 200_000,
    "deep block": "\n".join(" " * n + "a:" for n in range(1000)),
    "deep by aliases": f"a: &a {'[' * 22}1{']' * 22}\nb: {'[' * 22}*a{']' * 22}",
    "many anchors": "[" + ", ".join(f"&a{n} x" for n in range(50_000)) + "]",
    "many nodes": "a: [" + "1, " * 300_000 + "]",
    "many keys": "\n".join(f"k{n}: 1" for n in range(9_000)),
    "many rules": SMALL.replace(
        "      - fault: rate_limit\n        when: {share: 40%}\n", "      - fault: nonsuch\n" * 6_000
    ),
    "many bad rules": SMALL.replace("        when: {share: 40%}\n", "      - {fault: hang, foor: 1}\n" * 3_000),
    "many sound rules": SMALL.replace("        when: {share: 40%}\n", "      - {fault: hang}\n" * 900),
    "too many sound rules": SMALL.replace("        when: {share: 40%}\n", "      - {fault: hang}\n" * 4_000),
    "many phases": SMALL.replace("phases:\n", "phases:\n" + "  - {name: a, duration: 5}\n" * 3_500),
    "many objectives": SMALL + "objectives:\n" + "  - nonsuch(storm) > 1\n" * 15_000,
    "long key": f"{LONG[:1000]}: 1",
    "long value": f"name: {LONG}\nversion: 1",
    "long digits": f"seed: {'9' * 900_000}",
    "long duration": SMALL.replace("60s", "9" * 900_000),
    "long durations": SMALL.replace("60s", "'" + "1m" * 400_000 + "x'"),
    "infinite duration": SMALL.replace("60s", "9" * 60 + "d"),
    "infinite rate": SMALL + f"load: {{rate: {'9' * 60}/s}}",
    "infinite window": SMALL.replace("share: 40%", f"window: {{from: {'9' * 60}d, to: {'9' * 61}d}}"),
    "long regex": SMALL.replace("when:", f"match: {{prompt: '{'(' * 900}{')' * 900}'}}\n        when:"),
    "long JSONPath": SMALL + f"target: {{operation: {{answer: '${'[?(' * 5000}'}}}}",
    "long expression": SMALL + f"objectives: ['{'(' * 900_000}']",
    "many directives": "%TAG !a! tag:x,2000:\n" * 40_000 + "--- a",
    "tabs": "\t" * 900_000,
    "one line of dashes": "- " * 400_000,
    "question marks": "? " * 400_000,
    "control characters": "a: \x00\x01",
    "a lone surrogate": "a: \ud800",
    "a surrogate escape": 'a: "\\ud800"',
    "not finite": "a: 1e999\nb: .inf\nc: .nan",
    "tags": "a: !!python/object/apply:os.system [echo]\nb: !!binary aGk=\nc: !x y",
    "odd keys": "? [a, b]\n: 1\n? {a: b}\n: 2\n1: 3\nnull: 4\ntrue: 5\n~: 6",
    "merge keys": "a: &a {b: 1}\nc: {<<: *a}",
    "too long": "#" * 1_000_001,
    "nothing": "",
    "a stop": "...",
    "many rules of a group": SMALL.replace(
        "phases:\n",
        "phases:\n  - name: again\n    repeat: 50\n    phases:\n      - {name: x, duration: 5s, rules: ["
        + "{fault: hang}, " * 150
        + "]}\n",
    ),
    "many rounds": SMALL.replace(
        "phases:\n",
        "phases:\n  - {name: again, repeat: 100, phases: [{name: x, duration: 5s}, {name: y, duration: 5s}]}\n",
    ),
    "large vary": SMALL
    + "vary: {seed: ["
    + ", ".join(map(str, range(10)))
    + "], load.rate: ["
    + ", ".join(f"{n + 1}/s" for n in range(10))
    + "]}\n",
    "larger vary": SMALL + "vary: {seed: [" + ", ".join(map(str, range(9_000))) + "]}\n",
    "vary of a large file": SMALL.replace("        when: {share: 40%}\n", "      - {fault: hang}\n" * 900)
    + "vary: {seed: ["
    + ", ".join(map(str, range(100)))
    + "]}\n",
    "many parameters": SMALL + "parameters:\n" + "".join(f"  p{n}: {n}\n" for n in range(9_000)),
    "parameters of parameters": SMALL
    + "parameters:\n"
    + "".join(f"  p{n}: ${{p{n + 1}}}${{p{n + 1}}}\n" for n in range(60)),
    "many places of a parameter": SMALL + "parameters: {a: " + "x" * 900 + "}\ntags: [" + "'${a}', " * 9_000 + "]\n",
    "a long text of parameters": SMALL.replace("name: small", "name: " + "${a:-b}" * 90_000),
    "many operations": SMALL
    + "target:\n  operations:\n"
    + "".join(f"    - {{name: a{n}, path: /x, json: '{{prompt}}'}}\n" for n in range(2_000)),
    "long sessions": SMALL
    + "target:\n  operations:\n"
    + "    - {name: a, steps: ["
    + "{name: b, path: /x, json: '{prompt}'}, " * 2_000
    + "]}\n",
    "deep json": SMALL + "target: {operation: {json: " + "{a: " * 45 + "1" + "}" * 45 + "}}\n",
    "many texts": SMALL + "target: {operation: {json: [" + "'{prompt} {a} {b}', " * 20_000 + "]}}\n",
    "a large JSON Schema": SMALL
    + "target: {operation: {good: {schema: {properties: {"
    + ", ".join(f"p{n}: {{type: nonsuch}}" for n in range(3_000))
    + "}}}}}\n",
    "many acceptances": SMALL + "accept:\n" + "  - {finding: hang, owner: a, reason: b, until: '2030-01-01'}\n" * 2_000,
    "many times": SMALL.replace("share: 40%", "trace: {times: [" + "1s, " * 30_000 + "]}"),
    "rules that follow": SMALL.replace(
        "        when: {share: 40%}\n",
        "        when: {share: 40%}\n"
        + "".join(f"      - {{fault: hang, name: r{n + 1}, when: {{correlated: r{n}}}}}\n" for n in range(900)),
    ),
    "quick outages": SMALL.replace(
        "share: 40%", "outage: {up: {exponential: {mean: 10ms}}, down: 10ms}, window: {from: 59s, to: 60s}"
    ).replace("duration: 1m", "duration: 20d"),
    "nested matches": SMALL.replace("when: {share: 40%}", "match: " + "{not: " * 45 + "{model: a}" + "}" * 45),
    "wide matches": SMALL.replace("when: {share: 40%}", "match: {any: [" + "{model: a}, " * 9_000 + "]}"),
    "many steps of load": SMALL + "load: {shape: {steps: [" + "{rate: 1/s, for: 1s}, " * 9_000 + "]}}\n",
    "much load": SMALL.replace("60s", "20d") + "load: {rate: 5/s}\nobjectives: [success_rate(storm) >= 95%]\n",
    "many stops": SMALL + "stop_when:\n" + "  - success_rate(last 10s) < 20%\n" * 9_000,
    "the wrong types": "version: []\nname: {}\nupstreams: 5\n"
    "phases: [1, [2], {rules: 7}, {rules: [3, [4], {fault: []}]}]\n"
    "objectives: [[], {}, 1]\nstop_when: 5\ntarget: []\nload: 1\nlimits: x",
}

#: What is much, and yet can be meant.
SOUND = ("many sound rules", "large vary", "quick outages", "much load", "many stops")


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_in_time(name):
    """Hostile text gives problems, a readable number of them, quickly."""
    read(EXAMPLE)  # so that imports are not measured
    begin = time.process_time()
    found = readings(HOSTILE[name])
    seconds = time.process_time() - begin
    reading = found[0]
    if name not in SOUND:
        assert reading.scenario is None
        assert 0 < len(reading.problems) <= PROBLEMS_AT_MOST + 1
    assert all(len(str(problem)) < 1000 for problem in reading.problems)
    assert seconds < SECONDS


@pytest.mark.soak
@pytest.mark.skipif(count(0, 1) == 0, reason="its bounds are for a machine that has nothing else to do: make soak")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_cheap(name):
    """In a process of its own each takes under 200 ms of processor time and 150 MB; the better of two tries."""
    costs = [json.loads(subprocess.check_output([sys.executable, __file__, name])) for _ in range(2)]
    assert min(cost["seconds"] for cost in costs) < 0.2
    assert min(cost["megabytes"] for cost in costs) < 150


def test_aliases_within_bounds_are_values():
    """An alias stands for its value, and a problem in it is reported where the alias leads."""
    text = SMALL.replace("{share: 40%}", "&w {share: 40%}").replace("  - {name: recovery",
        "  - {name: more, duration: 1m, rules: [{fault: hang, when: *w}]}\n  - {name: recovery")  # fmt: skip
    assert [rule.when.share for rule in read(text).unwrap().rules] == [0.4, 0.4]


def test_node_limit_leaves_room():
    """A scenario of 500 rules is far below the limit on values."""
    text = SMALL.replace(
        "        when: {share: 40%}\n", "        when: {share: 40%}\n      - fault: rate_limit\n" * 500
    )
    assert len(read(text).unwrap().rules) == 501
    assert NODES_AT_MOST > 10 * 501


WORDS = [
    "openai",
    "simulator",
    "60s",
    "1m",
    "40%",
    "20/s",
    "rate_limit",
    "latency",
    "truncate",
    "quota",
    "storm",
    "hang",
    "no",
    "1:30",
    "012",
    "ever",
    "50%",
    "../x",
    "x.txt",
    "$.a",
    "[DONE]",
    "{prompt}",
    "success_rate(storm)>=95%",
]
LEAVES = st.one_of(
    st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates()
)
NAMES = (
    "version name seed target upstreams load phases objectives limits stop_when fail_on fault when match rules "
    "duration role share every first of window from to provider url rate arrivals prompts operation path json "
    "headers good at degraded answer start command timeout buckets rpm retry_after first_token lognormal empirical "
    "for shape kind status hosts budget not any all model tools"
)
KEYS = st.sampled_from(NAMES.split()) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5), max_leaves=25
)
SKELETON = yaml.safe_load(EXAMPLE)


ODD = "abn019 :-{}[]\"'\n\t,#&*!|>%@?~.<=x\x00\ud800é"


def paths_of(data, path=()):
    yield path
    for key, child in data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ():
        yield from paths_of(child, (*path, key))


PATHS = [path for path in paths_of(SKELETON) if path]


def loading(name):
    if "x" in name:
        raise OSError(name)
    return "1s\n"


def check(text):
    reading = read(text, load=loading)
    assert (reading.scenario is None) == bool(reading.errors)
    for problem in reading.problems:
        assert problem.what
        assert problem.where.line >= 1 or "not shown" in problem.what


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=4))
@example([(("name",), "012")])
@example([(("phases", 2, "rules", 0), {"fault": "rate_limit", "match": [], "when": 5})])
def test_any_change_to_a_scenario_is_read_or_refused(changes):
    """Whatever stands at any place of a scenario, the reader gives a Scenario or Problems."""
    data = deepcopy(SKELETON)
    for path, value in changes:
        inner = data
        with suppress(KeyError, IndexError, TypeError):  # an earlier change took the place away
            for part in path[:-1]:
                inner = inner[part]
            inner[path[-1]] = value
    check(yaml.safe_dump(data, allow_unicode=True))


@settings(max_examples=100, deadline=None)
@given(VALUES)
def test_any_yaml_is_read_or_refused(value):
    """A YAML document about anything is refused with problems, never with an exception."""
    check(yaml.safe_dump(value))


@settings(max_examples=200, deadline=None)
@given(
    st.text(alphabet=st.sampled_from(list("abn019 :-{}[]\"'\n\t,#&*!|>%@?~.<=x\x00\ud800é")), max_size=60)
    | st.binary(max_size=40)
)
def test_any_text_is_read_or_refused(text):
    """Text that may be no YAML at all is refused with problems, never with an exception."""
    check(text)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(EXAMPLE)), st.integers(0, 30), st.text(alphabet="abn019 :-{}[]\"'\n\t,#&*!|>%", max_size=6))
def test_any_slip_of_the_keyboard_is_read_or_refused(at, length, typed):
    """A stretch of the example replaced by a few other keys is read or refused, never an exception."""
    check(EXAMPLE[:at] + typed + EXAMPLE[at + length :])


def cost(name):
    """Processor seconds, and megabytes at the most, that reading one of them takes once all is imported."""
    read(EXAMPLE)
    before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    readings(HOSTILE[name])
    seconds = time.process_time() - begin
    return {"seconds": seconds, "megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


if __name__ == "__main__":
    print(json.dumps(cost(sys.argv[1])))
