"""Suites: what a file of theirs says, and every mistake in one with its place."""

import json
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from scenario_text import SMALL

import chaosllm
from chaosllm.language.json_schema import build_suite, text
from chaosllm.language.suite import kind_of, read_suite

ROOT = Path(chaosllm.__file__).parents[1]
SUITE = """\
version: 1
suite: smoke
summary: What a change must not break.
scenarios:
  - ../calm.yaml
  - {scenario: ../latency/spike.yaml, set: {load.rate: 5/s, tags: [a]}, duration_scale: 0.5}
  - {scenario: ../calm.yaml, name: calm-again}
"""
HERE = ["../calm.yaml", "../latency/spike.yaml", "own.yaml"]

MISTAKES = [  # old, new with @ at the place, words
    ("../latency/spike", "@../spike", "did you mean ../latency/spike.yaml?"),
    ("- ../calm", "- @../clam", "did you mean ../calm.yaml?"),
    ("- ../calm.yaml", "- @calm", "the path of a scenario, such as ../calm.yaml"),
    ("- ../calm.yaml", "- @/etc/calm.yaml", "the path of a scenario"),
    ("- ../calm.yaml", '- @"..\\\\calm.yaml"', "the path of a scenario"),
    ("- ../calm.yaml", "- @../../calm.yaml", "stays in the folder above this file's"),
    ("- ../calm.yaml", "- @../x/../../calm.yaml", "stays in the folder above this file's"),
    ("- ../calm.yaml", "- @7", "expected a mapping"),
    (", name: calm-again}", "}", "listed twice, first on line 5"),
    ("scenario: ../calm.yaml, name", "@scenaro: ../calm.yaml, name", "did you mean `scenario`?"),
    ("duration_scale: 0.5", "duration_scale: @0", "more than 0"),
    ("duration_scale: 0.5", "@duration_scal: 0.5", "did you mean `duration_scale`?"),
    ("set: {load.rate: 5/s, tags: [a]}", "set: @[load.rate=5/s]", "expected a mapping"),
    ("suite: smoke", "suite: @a/b", "letters, digits"),
    ("version: 1", "version: @2", "expected 1"),
    ("summary:", "@sumary:", "did you mean `summary`?"),
    (SUITE[SUITE.index("scenarios:"):], "scenarios: @[]\n", "at least 1"),
    (SUITE[SUITE.index("scenarios:"):], "", "`scenarios` is missing"),
]  # fmt: skip


def read(text):
    return read_suite(text, "s.yaml", lambda path: None if path in HERE else HERE)


def test_suite():
    """A suite's entries keep their order, settings as `--set` takes them, and the place of each."""
    suite = read(SUITE).suite
    assert (suite.name, suite.summary) == ("smoke", "What a change must not break.")
    calm, spike, again = suite.entries
    assert (calm.path, calm.sets, calm.duration_scale, calm.where.line) == ("../calm.yaml", (), 1.0, 5)
    assert (spike.sets, spike.duration_scale) == (('load.rate="5/s"', 'tags=["a"]'), 0.5)
    assert [(place.line, place.column) for place in spike.places] == [(6, 56), (6, 67)]
    assert again.sets == ('name="calm-again"',)


@pytest.mark.parametrize(("old", "new", "words"), MISTAKES, ids=[f"{at}" for at in range(len(MISTAKES))])
def test_mistakes(old, new, words):
    """Each mistake is one problem, at its place, with what would work."""
    wrong = SUITE.replace(old, new, 1)
    at = wrong.find("@")
    reading = read(wrong.replace("@", "", 1))
    assert reading.suite is None
    (problem,) = reading.problems
    assert words in f"{problem.what} ({problem.hint})"
    if at >= 0:
        assert (problem.where.line, problem.where.column) == (
            wrong[:at].count("\n") + 1,
            at - wrong[:at].rfind("\n"),
        )


def test_accept():
    """A suite accepts findings for all its scenarios; one that does not exist is answered with the nearest."""
    known = 'accept: [{finding: no_backoff, phase: storm, owner: ana, reason: APP-1, until: "2026-12-31"}]\n'
    (one,) = read(SUITE + known).suite.accept
    assert (one.finding, one.phase, one.owner, one.until, one.where.line) == (
        "no_backoff",
        "storm",
        "ana",
        "2026-12-31",
        8,
    )
    (problem,) = read(SUITE + known.replace("no_backoff", "stack_trac")).problems
    assert problem.hint == "did you mean `stack_trace`?"


def test_all_mistakes_at_once():
    """A wrong key hides neither a missing scenario nor one listed twice."""
    reading = read(SUITE.replace("summary", "sumary").replace("spike", "spke").replace(", name: calm-again", ""))
    assert [problem.where.line for problem in reading.problems] == [3, 6, 7]


@pytest.mark.parametrize("text", ["", "[]", "7", "suite: [", "suite: no", "\x00", "suite: x\nscenarios: {a: b}\n"])
def test_nothing_raises(text):
    """Whatever a file holds, there are problems and no exception."""
    assert read(text).suite is None
    assert read(text).problems


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (SUITE, "suite"),
        ("suite: wrong", "suite"),
        (SMALL, "scenario"),
        ("version: 1\ninclude: base.yaml\n", "scenario"),
        ("version: 1\n  phases: [", "scenario"),  # broken: its reader says why
        ("version: '3'\nservices: {}\n", "other"),
        ("upstreams: [{provider: openai, url: simulator}]\n", "other"),  # to be included
        ("- {fault: hang}\n", "other"),
        ("7", "other"),
    ],
)
def test_kind_of_a_file(text, kind):
    """What a file is shows in its keys."""
    assert kind_of(text) == kind


def test_schema_of_suites():
    """It is shipped as generated, describes every key, takes a sound suite, and refuses an unknown key."""
    shipped = Path(chaosllm.__file__).parent / "schema" / "suite.json"
    schema = build_suite()
    assert shipped.read_text() == text(schema)
    Draft202012Validator.check_schema(schema)
    for definition in (schema, *schema["$defs"].values()):
        assert all(found.get("description") for found in definition.get("properties", {}).values())
    validator = Draft202012Validator(json.loads(shipped.read_text()))
    assert validator.is_valid(yaml.safe_load(SUITE))
    assert not validator.is_valid(yaml.safe_load(SUITE.replace("set:", "sets:")))


def test_the_page_shows_a_sound_suite():
    """The example of docs/suites.md is sound beside our own suites, and its scenarios are there."""
    page = (ROOT / "docs" / "suites.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    folder = ROOT / "scenarios" / "suites"
    reading = read_suite(text, "page", lambda path: None if (folder / path).is_file() else [])
    assert reading.problems == []
    assert len(reading.suite.entries) == 3
