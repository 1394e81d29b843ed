"""`accept`: what it holds, and every mistake in it with its place."""

from datetime import date

import pytest
from scenario_text import SMALL

from chaosllm.language.accept import warn_of_days
from chaosllm.reader import read

KNOWN = SMALL + (
    "accept:\n"
    '  - {finding: no_backoff, phase: storm, owner: ana, reason: "APP-1: in March", until: "2026-12-31"}\n'
    '  - {finding: no_backoff, owner: bo, reason: as above, until: "2027-01-01"}\n'
)


def test_accept():
    """Finding, owner, reason and day are kept, with the place of the day; the phase may be left out."""
    storm, any_phase = read(KNOWN).unwrap().accept
    assert (storm.finding, storm.phase, storm.owner, storm.reason) == ("no_backoff", "storm", "ana", "APP-1: in March")
    assert (any_phase.phase, any_phase.until, any_phase.where.line) == (None, "2027-01-01", 15)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("no_backoff", "@stack_trac", "did you mean `stack_trace`?"),
        ("phase: storm", "phase: @strom", "did you mean `storm`?"),
        ("phase: storm, ", "", "accepted twice"),
        ('"2026-12-31"', "@2026-12-31", "quote it"),
        ('"2026-12-31"', '@"2026-13-31"', "expected a day"),
        ('"2026-12-31"', '@"31.12.2026"', "expected a day"),
        ('"2026-12-31"', '@"20261231"', "expected a day"),
        ("owner: ana", 'owner: @" "', "expected a few words"),
        ("owner: ana, ", "", "`owner` is missing"),
        ("owner: ana", "@ownr: ana", "did you mean `owner`?"),
        ("accept:\n", "accept: @no_backoff\nx:\n", "expected a list"),
    ],
)
def test_mistakes(old, new, words):
    """Each mistake has its place and what would work."""
    wrong = KNOWN.replace(old, new, 1)
    at = wrong.find("@")
    reading = read(wrong.replace("@", "", 1))
    assert reading.scenario is None
    problem = reading.problems[0]
    assert words in f"{problem.what} ({problem.hint})"
    if at >= 0:
        assert (problem.where.line, problem.where.column) == (wrong[:at].count("\n") + 1, at - wrong[:at].rfind("\n"))


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 12, 31), []),
        (date(2027, 1, 1), ["2026-12-31, which has passed"]),
        (date(2027, 1, 2), ["2026-12-31, which has passed", "2027-01-01, which has passed"]),
        (date(2025, 12, 31), []),  # 366 days before the later one
        (date(2025, 12, 30), ["2027-01-01, over a year ahead"]),
    ],
)
def test_days_are_watched(today, words):
    """A warning says which days have passed, and which are over a year ahead."""
    problems = warn_of_days(read(KNOWN).unwrap().accept, today)
    assert [problem.level for problem in problems] == ["warning"] * len(words)
    assert all(said in problem.what for said, problem in zip(words, problems, strict=True))
