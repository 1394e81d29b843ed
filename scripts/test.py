"""`make test`: one group of tests, and once more by themselves the files in which few of them failed.

    python scripts/test.py EXPRESSION [OPTIONS OF PYTEST]

Real processes on a machine that has too much to do now and then miss a time by which a test waits for them. What
fails twice fails, and so does what fails in many files at once; what passed the second time is named, to be mended.
See docs/decisions/0028-a-second-chance.md.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

#: More files than this with a failure: that is no accident, and to run them all once more would take long.
FILES_AT_MOST = 5
FAILED = 1  # pytest's exit code for failed tests; the others are mistakes that another try does not mend


def group(expression: str, *options: str, files: tuple[str, ...] = ()) -> int:
    """The exit code of pytest on what is marked as `expression` says."""
    command = [sys.executable, "-m", "pytest", "-m", expression, "--cache-clear", *options, *files]
    return subprocess.run(command, check=False).returncode  # noqa: S603  # our own pytest


def failed() -> list[str]:
    """The tests that failed in the run before, as pytest's cache has them."""
    cache = Path(".pytest_cache/v/cache/lastfailed")
    return sorted(json.loads(cache.read_text())) if cache.exists() else []


def tell(*lines: str) -> None:
    """Say it before what pytest says next, which writes by itself."""
    sys.stdout.write("\n{}\n\n".format("\n  ".join(lines)))
    sys.stdout.flush()


def main(expression: str, *options: str) -> int:
    """Run the group, and once more what failed in it."""
    if (code := group(expression, *options)) != FAILED:
        return code
    first = failed()
    files = tuple(sorted({test.partition("::")[0] for test in first}))
    if not 0 < len(files) <= FILES_AT_MOST:
        return code
    tell(f"Once more, with nothing beside them: {', '.join(files)}")
    if (code := group(expression, files=files)) == 0:
        tell("Failed at first and passed by itself, so it races with the machine and should be mended:", *first)
    return code


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
