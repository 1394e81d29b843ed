"""`load: {locustfile: FILE}`: what it takes, and what cannot stand beside it."""

from __future__ import annotations

from typing import Any

import pytest

from chaosllm.errors import Level
from chaosllm.reader import drive_problems, read
from chaosllm.scenario import Load

FILES = {"locustfile.py": "from locust import HttpUser\n", "broken.py": "a = 1\nclass :\n", "notes.txt": "no Python"}


def reading(load: str, *, rule: str = "fault: latency, first_token: 1s", warmup: str = "5s") -> Any:
    text = (
        f"version: 1\nname: team\nupstreams: [{{provider: openai, url: simulator}}]\nload: {{{load}}}\nphases:\n"
        f"  - {{name: warmup, duration: {warmup}, role: warmup}}\n  - {{name: baseline, duration: 10s}}\n"
        f"  - {{name: storm, duration: 10s, rules: [{{{rule}}}]}}\n  - {{name: recovery, duration: 9s}}\n"
        "objectives: [success_rate(storm) >= 95%]\n"
    )
    return read(text, "s.yaml", load=FILES.__getitem__)


def test_a_locustfile_is_all_a_load_needs() -> None:
    """Without an operation, a rate or prompts it can be driven, and nobody warns of samples that nobody can count."""
    found = reading("locustfile: locustfile.py, users: 20, spawn_rate: 10/s")
    assert [str(one) for one in found.problems] == []
    assert found.unwrap().load == Load(locustfile="locustfile.py", users=20, spawn_rate=10.0)
    assert drive_problems(found) == []
    assert (found.unwrap().load.closed, Load().closed) == (True, False)
    assert (found.unwrap().load.lever, Load().lever) == ("load.users", "load.rate")


@pytest.mark.parametrize(
    ("load", "says"),
    [
        ("locustfile: locustfile.py, @rate: 5/s", "found `rate` beside `locustfile`"),
        ("locustfile: locustfile.py, @prompts: notes.txt", "the locustfile says what its users ask"),
        ("locustfile: locustfile.py, @arrivals: constant", "found `arrivals` beside `locustfile`"),
        ("locustfile: locustfile.py, @max_in_flight: 5", "no more requests are in flight than load.users"),
        ("locustfile: locustfile.py, correlate: @prompt", "carry no reference"),
        ("rate: 5/s, @users: 5", "`users` is of a locustfile, and there is none"),
        ("@spawn_rate: 5/s", "add locustfile: FILE"),
        ("locustfile: locustfile.py, users: @0", "greater than or equal to 1|expected at least 1"),
        ("locustfile: locustfile.py, spawn_rate: @5", "5/s"),
        ("locustfile: @../locustfile.py", "stays in its folder"),
        ("locustfile: @notes.txt", "expected a Python file"),
        ("locustfile: @broken.py", "broken.py is no Python in line 2"),
        ("locustfile: locustfile.py, spawn: 5/s", "did you mean `spawn_rate`?"),
    ],
)
def test_what_cannot_be_meant(load: str, says: str) -> None:
    """One problem, where it stands, with a way out."""
    (problem,) = [one for one in reading(load.replace("@", "")).problems if one.level is Level.ERROR]
    assert any(words in str(problem) for words in says.split("|"))
    assert problem.where.line == 4
    if "@" in load:
        assert problem.where.column == len("load: {") + load.index("@") + 1
    assert problem.hint or "expected" in problem.what


def test_a_missing_locustfile_is_named() -> None:
    """A file that is not there is said to be missing, in the place that names it."""

    def load(name: str) -> str:
        raise FileNotFoundError(2, "No such file or directory")

    text = "version: 1\nname: team\nupstreams: [{provider: openai, url: simulator}]\nload: {locustfile: gone.py}\n"
    found = read(f"{text}phases: [{{name: baseline, duration: 9s}}]\n", "s.yaml", load=load)
    assert [str(one) for one in found.problems] == [
        "s.yaml:4:20: error: gone.py cannot be read: No such file or directory (a path is relative to the scenario)"
    ]


def test_users_that_still_come_in_the_baseline() -> None:
    """A ramp of users that lasts into the baseline is warned of: its load would not be that of the fault."""
    (warning,) = reading("locustfile: locustfile.py, users: 50, spawn_rate: 5/s").problems
    assert warning.level is Level.WARNING
    assert "the last user comes after 10s, inside baseline or later" in warning.what


def test_a_rule_cannot_name_a_locustfiles_operation() -> None:
    """Requests of a locustfile have numbers and no names."""
    found = reading("locustfile: locustfile.py", rule="fault: empty, match: {operation: chat}")
    assert [one.what for one in found.errors] == ["a locustfile asks, and its requests have no names"]
