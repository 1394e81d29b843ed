"""Game-day plans: what a file of theirs says, and every mistake in one with its place."""

import json
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import chaosllm
from chaosllm.gameday import OCCASIONS, Approval, Expect
from chaosllm.language.gameday import read_plan
from chaosllm.language.json_schema import build_gameday, text
from chaosllm.language.suite import kind_of

ROOT = Path(chaosllm.__file__).parents[1]
PLAN = """\
version: 1
gameday: release
summary: What we want to learn.
target: {url: "http://127.0.0.1:8000", operation: {path: /chat, answer: $.answer}}
upstreams: [{provider: openai, url: simulator}]
load: {rate: 10/s}
roles: [{role: lead, name: Ada, does: decides}]
time_box: 2h
steps:
  - {scenario: ../calm.yaml, name: calm, set: {load.rate: 5/s}, duration_scale: 0.5, disabled: [storm.0]}
  - {scenario: ../calm.yaml, name: again, approval: {by: lead, file: go}, expect: {verdict: pass, findings: [hang]}}
  - {fault: latency, name: slow, with: {first_token: 3s, when: {share: 50%}}, duration: 30s, approval: none}
  - fault: hang
    expect: {objectives: ["success_rate(fault) >= 95%"], summary: all is well}
stop_when: ["success_rate(last 10s) < 20%", {http: "http://127.0.0.1:8000/healthz", failures: 3}]
safety_lever: /tmp/chaos-off
dead_man: 30s
rollback: [{http: /healthz, status: 204}]
page: [{webhook: "${env:PAGER_URL}", when: [stop]}]
"""

MISTAKES = [  # old, new with @ at the place, words
    ("version: 1", "version: @2", "expected 1"),
    ("gameday: release", "gameday: @a/b", "letters, digits"),
    ("summary:", "@sumary:", "did you mean `summary`?"),
    ("time_box: 2h", "time_box: @2", "expected a duration with its unit"),
    ("time_box: 2h", "time_box: @0s", "more than 0"),
    ("dead_man: 30s", "@deadman: 30s", "did you mean `dead_man`?"),
    ("load: {rate: 10/s}", "load: {rate: @10}", "expected a rate"),
    ("path: /chat", "path: @chat", "a path that begins with /"),
    ("answer: $.answer", "@anwser: $.answer", "did you mean `answer`?"),
    ("role: lead, name", "@rol: lead, name", "did you mean `role`?"),
    ("by: lead", "by: @lad", "did you mean `lead`?"),
    ("roles: [{role: lead, name: Ada, does: decides}]\n", "", "list who it is: roles: [{role: lead"),
    ("approval: {by: lead, file: go}", "approval: @yes-please", "expected each, none, or a mapping"),
    ("approval: {by: lead, file: go}", "approval: {@who: lead}", "unknown key `who`"),
    ("file: go", "file: @../go", "stays in its folder"),
    ("time_box: 2h", "approval: {@file: go}", "one file for the approval of every step"),
    ("- {scenario: ../calm.yaml, name: calm", "- {scenario: @../../calm.yaml, name: calm", "the folder above this"),
    ("- {scenario: ../calm.yaml, name: calm", "- {scenario: @calm, name: calm", "the path of a scenario"),
    ("- {scenario: ../calm.yaml, name: calm", "- {@scenaro: ../calm.yaml, name: calm", "did you mean `scenario`?"),
    ("- {scenario: ../calm.yaml, name: calm,", "- @{name: calm,", "neither `scenario` nor `fault`"),
    ("- {scenario: ../calm.yaml, name: again", "- {scenario: ../calm.yaml, @fault: hang, name: again",
     "found `fault` beside `scenario`"),
    ("- {scenario: ../calm.yaml, name: again", "- {scenario: ../calm.yaml, @recovery: 9s, name: again",
     "found `recovery` beside `scenario` (it is of a single fault: use `set`)"),
    ("- {scenario: ../calm.yaml, name: again", "- @{scenario: ../calm.yaml, name: calm", "the first on line 10"),
    ("fault: latency", "fault: @latencey", "did you mean `latency`?"),
    ("with: {first_token: 3s", "with: {@fault: hang, first_token: 3s", "it stands beside `with` already"),
    ("duration: 30s", "duration: @30", "such as \"30s\""),
    ("duration_scale: 0.5", "duration_scale: @0", "more than 0"),
    ("disabled: [storm.0]", "disabled: @storm.0", "write [storm.0]"),
    ("disabled: [storm.0]", '@"off": [storm.0]', "unknown key `off`"),
    ("verdict: pass", "verdict: @passes", "did you mean `pass`?"),
    ("findings: [hang]", "findings: [@hangs]", "did you mean `hang`?"),
    ("findings: [hang]", "findings: [hang, @hang]", "`hang` is here twice"),
    ('["success_rate(fault) >= 95%"]', "[@{q-r: b}]", "quote it"),
    ('["success_rate(fault) >= 95%"]', '["hang(fault) == 0", @"hang(fault) == 0"]', "is here twice"),
    ("safety_lever: /tmp/chaos-off", "safety_lever: @ftp://off", "expected a URL"),
    ("safety_lever: /tmp/chaos-off", 'safety_lever: @""', "a file or a URL"),
    ("http: /healthz, ", "http: @healthz, ", "a path of the app such as /healthz, or a URL"),
    ("status: 204", "status: @20", "at least 100"),
    ("when: [stop]", "when: [@stopped]", "did you mean `stop`?"),
    ("when: [stop]", "when: @[]", "at least 1"),
    ('"${env:PAGER_URL}"', '@"${PAGER_URL}"', "expected ${env:NAME}"),
    ('"${env:PAGER_URL}"', '@"https://ada:secret@pager.test/x"', "take all of it from the environment"),
    ('"${env:PAGER_URL}"', "@pager", "expected a URL"),
    (PLAN[PLAN.index("steps:") : PLAN.index("stop_when")], "steps: @[]\n", "at least 1"),
]  # fmt: skip


def read(text):
    return read_plan(text, "p.yaml")


def test_plan():
    """A plan is read as it says, each step with its settings as `--set` takes them, and the place of each."""
    reading = read(PLAN)
    assert reading.problems == []
    day = reading.day
    assert (day.name, day.time_box, day.dead_man, day.safety_lever) == ("release", 7200, 30, "/tmp/chaos-off")
    assert [(one.role, one.name, one.does) for one in day.roles] == [("lead", "Ada", "decides")]
    assert [(one.http, one.status) for one in day.rollback] == [("/healthz", 204)]
    assert [(one.webhook, one.when) for one in day.pages] == [("${env:PAGER_URL}", ("stop",))]
    assert day.source == PLAN
    calm, again, slow, hang = day.steps
    assert [(one.number, one.name, one.kind, one.what) for one in day.steps] == [
        (1, "calm", "scenario", "../calm.yaml"), (2, "again", "scenario", "../calm.yaml"),
        (3, "slow", "fault", "latency"), (4, "hang", "fault", "hang"),
    ]  # fmt: skip
    assert [one.approval for one in day.steps] == [Approval(), Approval("lead", "go"), None, Approval()]
    assert calm.sets == (
        'target.url="http://127.0.0.1:8000"',
        'target.operation={"path": "/chat", "answer": "$.answer"}',
        "target.start=null",
        "target.operations=null",
        'load.rate="5/s"',
        'stop_when+="success_rate(last 10s) < 20%"',
        'stop_when+={"http": "http://127.0.0.1:8000/healthz", "failures": 3}',
    )
    assert [(place.line, place.column) for place in calm.places][:2] == [(4, 15), (4, 51)]
    assert (calm.duration_scale, calm.disabled) == (0.5, ("storm.0",))
    assert again.expect == Expect("pass", ("hang",))
    assert "target" not in " ".join(slow.sets), "its target is grafted, with all its places"
    assert hang.expect == Expect(objectives=("success_rate(fault) >= 95%",), summary="all is well")
    assert 'objectives+="success_rate(fault) >= 95%"' in hang.sets


@pytest.mark.parametrize(("common", "approvals"), [
    ("approval: none\n", [None, Approval("lead", "go"), None, None]),
    ("approval: {by: lead}\n", [Approval("lead"), Approval("lead", "go"), None, Approval("lead")]),
])  # fmt: skip
def test_approval_of_the_day(common, approvals):
    """What the plan says of approval holds for the steps that do not say it."""
    assert [step.approval for step in read(PLAN + common).day.steps] == approvals


def test_everybody_is_paged_of_everything():
    """A webhook without `when` is told of all."""
    assert read(PLAN.replace(", when: [stop]", "")).day.pages[0].when == OCCASIONS


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES, ids=[f"{at}" for at in range(len(MISTAKES))])
def test_mistakes(old, new, words):
    """Each mistake is one problem, at its place, with what would work."""
    assert old in PLAN
    wrong = PLAN.replace(old, new, 1)
    at = wrong.find("@")
    reading = read(wrong.replace("@", "", 1))
    assert reading.day is None
    (problem,) = reading.problems
    assert words in f"{problem.what} ({problem.hint})"
    if at >= 0:
        assert (problem.where.line, problem.where.column) == (wrong[:at].count("\n") + 1, at - wrong[:at].rfind("\n"))


def test_a_fault_wants_an_app_and_a_provider():
    """Without `upstreams` and `target.operation` each single fault says so at its line; settings may bring them."""
    bare = "".join(line for line in PLAN.splitlines(keepends=True) if not line.startswith(("target", "upstreams")))
    told = [(one.where.line, one.what.split("`")[1]) for one in read(bare).problems]
    assert told == [(10, "upstreams"), (10, "target.operation"), (11, "upstreams"), (11, "target.operation")]
    brought = "set: {upstreams: [{provider: openai, url: simulator}], target.operation: {path: /chat}}"
    alone = f"version: 1\ngameday: a\nsteps: [{{fault: hang, {brought}}}]\n"
    assert read(alone).problems == []


def test_what_is_not_used_is_told():
    """`upstreams` and `load` are warned of where no step is a single fault."""
    told = read("version: 1\ngameday: a\nload: {rate: 1/s}\nsteps: [{scenario: ../a.yaml}]\n")
    assert told.day is not None
    assert [(one.where.line, str(one.level)) for one in told.problems] == [(3, "warning")]


@pytest.mark.parametrize(("url", "warned"), [("https://hooks.test/T0/B1", True), ("http://127.0.0.1:9/x", False)])
def test_a_webhook_written_out(url, warned):
    """It is warned of, because its URL is the key; one on this machine is not."""
    reading = read(PLAN.replace("${env:PAGER_URL}", url))
    assert reading.day is not None
    assert [one.what.startswith("found a webhook written out") for one in reading.problems] == [True] * warned


def test_all_mistakes_at_once():
    """A wrong key hides neither an unknown role nor an unknown finding."""
    wrong = PLAN.replace("summary: What", "sumary: What").replace("by: lead", "by: x").replace("[hang]", "[hangs]")
    assert [problem.where.line for problem in read(wrong).problems] == [3, 11, 11]


@pytest.mark.parametrize("text", ["", "[]", "7", "gameday: [", "gameday: no", "\x00", "gameday: x\nsteps: {a: b}\n"])
def test_nothing_raises(text):
    """Whatever a file holds, there are problems and no exception."""
    assert read(text).day is None
    assert read(text).problems


LINES = PLAN.splitlines()
#: Few, because hypothesis takes seconds to lay out all of Unicode.
SIGNS = "ab1 :,-{}[]'\"&*%@`#!|>?$\t\x00\x85\u2028é\ud800"
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(SIGNS, max_size=8)
    | st.sampled_from(["each", "30s", "40%", "hang"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["scenario", "fault", "by", "http", "when", "x", "with", "webhook", "role"]), inner, max_size=3
    ),
    max_leaves=6,
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, len(LINES) - 1), st.text(SIGNS, max_size=12)), min_size=1, max_size=3))
def test_a_garbled_plan_never_raises(changes):
    """Lines that anybody's cat walked over are problems at worst."""
    lines = [*LINES]
    for at, junk in changes:
        lines[at] = lines[at][: len(junk) * 3] + junk
    read("\n".join(lines))


@settings(deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from([*yaml.safe_load(PLAN)]), VALUES, min_size=1, max_size=3), VALUES)
def test_any_value_anywhere_never_raises(changed, step):
    """A value of any shape under any key is a problem at worst."""
    whole = yaml.safe_load(PLAN) | changed
    if isinstance(whole.get("steps"), list):
        whole["steps"] = [*whole["steps"], step]
    reading = read(json.dumps(whole))
    assert (reading.day is None) == any(str(one.level) == "error" for one in reading.problems)


def test_kind_of_a_plan():
    """A file that says `gameday:` is a plan, however wrong it is."""
    assert kind_of(PLAN) == kind_of("gameday: wrong") == "gameday"


def test_schema_of_plans():
    """It is shipped as generated, describes every key, takes a sound plan, and refuses an unknown key."""
    shipped = Path(chaosllm.__file__).parent / "schema" / "gameday.json"
    schema = build_gameday()
    assert shipped.read_text() == text(schema)
    Draft202012Validator.check_schema(schema)
    for definition in (schema, *schema["$defs"].values()):
        assert all(found.get("description") for found in definition.get("properties", {}).values())
    validator = Draft202012Validator(json.loads(shipped.read_text()))
    plan = yaml.safe_load(PLAN)
    assert [error.message for error in validator.iter_errors(plan)] == []
    for wrong in ({"dead_men": "3s"}, {"time_box": 2}, {"steps": [{"fault": "hang", "scenario": "a.yaml"}]},
                  {"steps": [{"fault": "hang", "with": {"retry_after": "2s"}}]}):  # fmt: skip
        assert not validator.is_valid(plan | wrong), wrong


def test_the_page_shows_a_sound_plan():
    """The example of docs/gamedays.md is sound and names every key there is."""
    page = (ROOT / "docs" / "gamedays.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert read(shown).problems == []
    whole = yaml.safe_load(shown)
    schema = build_gameday()
    assert whole.keys() == schema["properties"].keys()
    assert {key for step in whole["steps"] for key in step} == schema["$defs"]["DayStep"]["properties"].keys()
