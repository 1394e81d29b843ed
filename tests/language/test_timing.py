"""What of a trigger cannot be, or not with this seed: told with its place, and silent where nothing is wrong."""

import re
from pathlib import Path

import pytest

from chaosllm.reader import read

TEXT = """\
version: 1
name: timing
seed: 7
target: {{operation: {{path: /chat, json: {{m: "{{prompt}}"}}, answer: $.a}}}}
upstreams: [{{provider: openai, url: simulator}}]
load: {{rate: 5/s, arrivals: {arrivals}}}
phases:
  - {{name: baseline, duration: 60s}}
  - name: storm
    duration: 60s
    rules: [{rules}]
  - {{name: recovery, duration: 60s}}
"""
SLOW = "{fault: latency, tokens: 5/s, name: slow, "


def told(rules, arrivals="poisson", files=None):
    """What the reader says of the rules' triggers."""

    def load(name):
        if files is None or name not in files:
            raise FileNotFoundError(2, "No such file or directory")
        return files[name]

    problems = read(TEXT.format(rules=rules, arrivals=arrivals), load=load).problems
    return [f"{one.level}: {one.what}" for one in problems if "a phase of" not in one.what and "sample" not in one.what]


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ("{fault: error, when: {after: 400}}", "error: `after: 400` and the phase has about 300 operations"),
        ("{fault: error, when: {every: 400}}", "error: `every: 400` and the phase has about 300"),
        ("{fault: error, when: {first: 9, of: phase, window: {from: 30s, to: 60s}}}", "error: about 150 operations"),
        ("{fault: error, when: {outage: {up: {exponential: {mean: 9000s}}, down: 9s}}}", "warning: with this seed it"),
        (
            "{fault: error, when: {window: {from: 0s, to: 1ms}, outage: {up: {exponential: {mean: 9s}}, down: 1s}}}",
            "warning: its times have none in common with this seed",
        ),
        ("{fault: error, when: {burst: {every: 9s, length: 1s}, trace: {times: [2s, 3s]}}}", "error: its times have"),
        (SLOW + "when: {share: 9%}}, {fault: error, when: {correlated: {with: slow, delay: 60s}}}", "error: a delay"),
        (
            "{fault: error, name: first, when: {share: 9%}}, {fault: hang, when: {correlated: first}}",
            "warning: `first` answers the calls",
        ),
        (
            ", ".join(f"{{fault: hang, name: r{n}, when: {{correlated: r{n + 1}}}}}" for n in range(11))
            + ", {fault: error, name: r11}",
            "error: found over 10 rules that follow one another",
        ),
        ("{fault: error, when: {trace: none.txt}}", "error: none.txt cannot be read"),
        ("{fault: error, when: {trace: bad.txt}}", "error: bad.txt, line 2: found 'soon'"),
        ("{fault: error, when: {outage: {up: {empirical: none.txt}, down: 1s}}}", "error: none.txt cannot be read"),
        ("{fault: reset, at: accept, when: {load: {capacity: 1/s}}}", "error: found `load` on a rule that strikes"),
        ("{fault: hang}, {fault: error, when: {share: 9%}}", "warning: `storm.0` answers every call that this rule"),
        (
            "{fault: error, match: {stream: true}}, {fault: hang, match: {stream: true, model: a}}",
            "warning: `storm.0` answers every call that this rule",
        ),
        ("{fault: error, match: {operation: 3}}", "warning: operations are counted over the whole run, and those of"),
    ],
)
def test_what_cannot_be_is_told(rules, says):
    """One problem, in words that name the reason."""
    found = told(rules, files={"bad.txt": "1s\nsoon\n"})
    assert len(found) == 1, found
    assert found[0].startswith(says)


@pytest.mark.parametrize(
    "rules",
    [
        "{fault: error, when: {after: 310}}",  # one phase in ten has as many by chance
        "{fault: error, when: {after: 5, of: operation}}",
        "{fault: error, when: {first: 160, of: phase, window: {from: 30s, to: 60s}}}",
        "{fault: error, when: {outage: {up: 20s, down: 10s}, burst: {every: 20s, length: 5s}}}",
        "{fault: error, when: {outage: {up: {empirical: up.txt}, down: 1s}}}",
        "{fault: error, when: {trace: times.txt, ramp: {from: 10%, to: 0%}}}",
        "{fault: error, when: {load: {capacity: 3/s}}}",
        "{fault: reset, at: accept, when: {outage: {up: 20s, down: 10s}}}",
        "{fault: hang, when: {correlated: slow}}, " + SLOW + "when: {share: 9%}}",
        "{fault: error, name: a, match: {model: a}}, {fault: error, match: {model: b}, when: {correlated: a}}",
        "{fault: error, name: a, when: {share: 9%}}, {fault: error, when: {correlated: {with: a, delay: 1s}}}",
        "{fault: error, match: {stream: true}}, {fault: hang}",
        "{fault: error, match: {model: a}}, {fault: hang, match: {stream: true}}",
        "{fault: overload, shape: stream}, {fault: error}",
        "{fault: reset, at: 50%}, {fault: error}",
        "{fault: reset, at: accept}, {fault: error}",
        "{fault: rate_limit, buckets: {rpm: 3}}, {fault: error}",
        "{fault: error, match: {operation: [3, 400]}}",
    ],
)
def test_what_can_be_is_left_alone(rules):
    """No word about triggers that fire."""
    assert told(rules, files={"up.txt": "5s\n9s\n", "times.txt": "5s\n"}) == []


def test_long_chains_and_many_spells_are_read_at_once():
    """Neither a thousand rules that follow one another nor thousands of spells are walked through."""
    chain = [f"{{fault: hang, name: r{n}, when: {{correlated: r{n + 1}}}}}" for n in range(1000)]
    assert all("over 10 rules" in one for one in told(", ".join(chain)) if "there is no rule" not in one)
    often = "{fault: hang, when: {outage: {up: 20ms, down: 20ms}, window: {from: 59s, to: 60s}}}"
    assert told(", ".join([often] * 50)) == []


def test_counts_are_exact_where_arrivals_are():
    """With constant arrivals the 300th operation is the last."""
    assert told("{fault: error, when: {after: 299}}", "constant") == []
    assert told("{fault: error, when: {after: 300}}", "constant") != []


def test_what_a_limit_holds_back_meets_the_next_rule():
    """With max_active_faults a rule that always answers may leave calls to the rules after it."""
    text = TEXT.format(rules="{fault: hang}, {fault: error}", arrivals="poisson")
    assert any("answers every call" in one.what for one in read(text).problems)
    held = read(text + "limits: {max_active_faults: 20%}\n").problems
    assert not any("answers every call" in one.what for one in held)


def test_a_report_reads_a_scenario_without_the_files_of_its_triggers():
    """A run folder holds no trace: its scenario is read, without a word on what cannot be known."""
    rules = (
        "{fault: error, name: a, when: {trace: times.txt, after: 3}}, {fault: hang, when: {correlated: a}}, "
        "{fault: hang, when: {outage: {up: {empirical: up.txt}, down: 1s}, window: {from: 1s, to: 2s}}}"
    )
    reading = read(TEXT.format(rules=rules, arrivals="poisson"))
    assert reading.errors == []
    assert reading.unwrap().rules[0].when.trace.stretches is None
    full = read(TEXT.format(rules=rules, arrivals="poisson"), load={"times.txt": "4s", "up.txt": "3s"}.__getitem__)
    assert full.unwrap().rules[0].when.trace.stretches is not None


def test_the_page_on_triggers_says_what_is_so():
    """Each rule that docs/triggers.md shows is read, and each distribution that it lists."""
    page = (Path(__file__).parents[2] / "docs" / "triggers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```yaml\n(.*?)```", page, re.S)
    rows = re.findall(r"^\| `\w+` \|.*\| `(\{.*\})` \|$", page, re.M)
    lengths = [one.replace("FILE", "up.txt") for one in re.findall(r"^\| `(\{.*?\})` \|", page, re.M)]
    (times,) = re.findall(r"```text\n(.*?)```", page, re.S)
    rules = [", ".join(re.findall(r"^(?:- )?(\{.*\})", block, re.M)) for block in blocks]
    rules += [f"{{fault: error, when: {when}}}" for when in rows]
    rules += [f"{{fault: latency, first_token: {length}}}" for length in lengths]
    rules.append("{fault: error, when: {trace: {file: incident.txt, speed: 60}}}")
    assert (len(blocks), len(rows), len(lengths)) == (10, 4, 8)
    for one in rules:
        found = told(one, files={"incident.txt": "0s\n" + times, "up.txt": "9s\n"})
        assert [word for word in found if word.startswith("error")] == [], one
