"""`scripts/test.py`: what fails once is run again by itself and named; what fails twice, or in many files, fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "test.py"

PASSES = "def test_passes():\n    pass\n"
FAILS = "def test_fails():\n    assert False\n"
#: Passes the second time, and only when the test before it in its file was run again too.
RACES = """
from pathlib import Path

SEEN = Path("seen")
before = []

def test_before():
    before.append(1)

def test_races():
    raced, _ = not SEEN.exists(), SEEN.touch()
    assert before and not raced
"""


def told(folder: Path, **files: str) -> tuple[int, str]:
    """(exit code, what was printed) on test files of these names."""
    (folder / "pytest.ini").write_text("[pytest]\naddopts = -q -ra\n")
    for name, text in files.items():
        (folder / f"test_{name}.py").write_text(text)
    command = [sys.executable, SCRIPT, "not alone"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_what_passes_is_run_once(tmp_path: Path) -> None:
    """No second run where nothing failed."""
    code, said = told(tmp_path, fine=PASSES)
    assert (code, "Once more" in said) == (0, False)


def test_what_races_passes_by_itself_and_is_named(tmp_path: Path) -> None:
    """Its whole file is run again, and no other."""
    code, said = told(tmp_path, fine=PASSES, races=RACES)
    assert code == 0
    first, again = said.split("Once more, with nothing beside them: test_races.py")
    assert "1 failed, 2 passed" in first
    assert "2 passed" in again
    assert "should be mended:\n  test_races.py::test_races\n" in again


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    """Beside a race too, and nothing is said to have passed."""
    code, said = told(tmp_path, races=RACES, fails=FAILS)
    assert code == 1
    assert said.count("test_fails.py::test_fails") == 2
    assert "should be mended" not in said


def test_many_failures_are_no_accident(tmp_path: Path) -> None:
    """Six files that race: that is told at once."""
    code, said = told(tmp_path, **{f"races{number}": RACES.replace("seen", f"seen{number}") for number in range(6)})
    assert (code, "Once more" in said) == (1, False)


@pytest.mark.parametrize(("text", "code"), [("import nothing_of_this_name\n", 2), ("", 5)])
def test_other_mistakes_stay_what_they_are(tmp_path: Path, text: str, code: int) -> None:
    """A file that cannot be read, a group without a test."""
    found, said = told(tmp_path, broken=text)
    assert (found, "Once more" in said) == (code, False)
