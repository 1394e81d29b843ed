"""`clean` removes run folders by number, age and size, and asks first."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from old_run_factory import ask, invoke, refused, run, there

from chaosllm.commands import clean


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_newest_stay() -> None:
    """The oldest go, wherever they lie below the folder, with everything a run wrote; the others are untouched."""
    for days, name in enumerate(("new", "suite/mid", "suite/old", "older"), 1):
        run(f"reports/{name}", days)
    done = ask("--keep", 2, "--yes")
    assert there() == ["new", "suite/mid"]
    assert len([*Path("reports/new").rglob("*")]) == 13
    assert not Path("reports/older").exists()
    assert [line.split()[0] for line in done.stdout.splitlines()[:2]] == ["reports/older", "reports/suite/old"]
    assert "2 runs to go" in done.stdout
    assert "removed 2 runs" in done.stderr


@pytest.mark.parametrize(
    ("words", "stay"),
    [
        (("--older-than", "2d12h"), 2),
        (("--max-size", "2kB"), 1),
        (("--max-size", "2kB", "--keep", "3"), 3),
        ((), 4),  # there are not twenty yet
    ],
)
def test_rules(words: tuple[str, ...], stay: int) -> None:
    """Age and size are read with their units and decide as they say."""
    for days in range(1, 5):
        run(f"reports/r{days}", days)
    ask(*words, "--yes")
    assert there() == [f"r{days}" for days in range(1, stay + 1)]


def test_dry_run_removes_nothing() -> None:
    """--dry-run says what would go, with its size and its reason, and needs no terminal."""
    run("reports/a", 3)
    done = ask("--keep", 0, "--dry-run")
    assert there() == ["a"]
    assert "reports/a" in done.stdout
    assert "3 days old" in done.stdout


def test_it_asks_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a no removes nothing and a yes removes; without one it refuses with exit 2."""
    run("reports/a", 3)
    error = refused("--keep", 0)
    assert (error.exit_code, there()) == (2, ["a"])
    assert "--yes" in error.hint

    class Stream:
        def __init__(self, stream):
            self._stream = stream

        def __getattr__(self, name):
            return (lambda: True) if name == "isatty" else getattr(self._stream, name)

    def told(answer: str) -> None:
        real = clean._asked

        def asked(going):
            monkeypatch.setattr(clean.sys, "stdin", Stream(clean.sys.stdin))
            monkeypatch.setattr(clean.sys, "stderr", Stream(clean.sys.stderr))
            return real(going)

        with monkeypatch.context() as patch:
            patch.setattr(clean, "_asked", asked)
            ask("--keep", 0, told=answer)

    told("n\n")
    assert there() == ["a"]
    told("\n")  # no is what Enter says
    assert there() == ["a"]
    told("y\n")
    assert there() == []


def test_nothing_to_go_needs_no_terminal() -> None:
    """Where nothing would go nothing is asked: a nightly job may clean before it has ever run."""
    ask()  # without a folder
    assert "there is no run folder in reports" in ask().stdout
    run("reports/a")
    ask("--keep", 5)


def test_machines_get_it_all() -> None:
    """--json prints one object: each run with its size and reason, and what was freed; all else is on stderr."""
    run("reports/a", 1)
    run("reports/b", 2)
    done = ask("--keep", 1, "--yes", "--json")
    told = json.loads(done.stdout)
    assert [(row["folder"], row["goes"], row["removed"]) for row in told["runs"]] == [
        ("reports/a", False, False),
        ("reports/b", True, True),
    ]
    assert told["freed"] == told["runs"][1]["bytes"] > 1000
    assert told["runs"][1]["verdict"] == "pass"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("nowhere",), "does not exist"),
        (("file",), "is a file"),
        (("reports/a",), "is a run folder itself"),
    ],
)
def test_what_cannot_be_cleaned(words: tuple[str, ...], what: str) -> None:
    """A DIR that is none to clean is wrong usage."""
    Path("file").touch()
    run("reports/a")
    error = refused(*words)
    assert (error.exit_code, error.what.endswith(what)) == (2, True)


@pytest.mark.parametrize("words", [("--older-than", "14"), ("--max-size", "2"), ("--keep", "-1"), ("--keep", "x")])
def test_numbers_have_units(words: tuple[str, ...]) -> None:
    """A bare number is no age and no size, and a mistake removes nothing."""
    run("reports/a", 99)
    assert isinstance(invoke(*words, "--yes").exception, click.UsageError)
    assert there() == ["a"]
