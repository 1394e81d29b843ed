"""Runs the benchmarks and writes the page; exits 1 when a bar does not hold or a benchmark could not be had.

`python -m benchmarks [--quick] [--only NAME]... [--out FILE]`; `make bench` and `make bench QUICK=1` run it whole.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import accuracy, driver, json_calls, judging, rendering, simulator, startup, streams, workers
from benchmarks.contestants import Ground
from benchmarks.figures import Run, Section
from benchmarks.page import page, say

ALL: dict[str, Callable[[Run], Section | list[Section]]] = {
    "startup": startup.measure,
    "json": json_calls.measure,
    "workers": workers.measure,
    "streams": streams.measure,
    "accuracy": accuracy.measure,
    "simulator": simulator.measure,
    "driver": driver.measure,
    "judging": judging.measure,
    "rendering": rendering.measure,
}
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"


def main() -> int:
    """Measure; the exit code."""
    arguments = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="two minutes: few rounds, few rows, no page")
    arguments.add_argument("--only", action="append", choices=ALL, help="this benchmark alone; may be repeated")
    arguments.add_argument("--out", type=Path, help="where the page goes; a whole run writes docs/performance.md")
    asked = arguments.parse_args()
    # So that what was started is ended.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    sections: list[Section] = []
    with TemporaryDirectory(prefix="chaosllm-bench-") as folder, Ground(Path(folder)) as ground:
        run = Run(ground, quick=asked.quick, say=say)
        for name in asked.only or ALL:
            say(name)
            try:
                found = ALL[name](run)
            except Exception as error:  # whatever it is, the other benchmarks can still be had
                say(f"  {name} failed: {type(error).__name__}: {error}")
                found = Section(name, "", missing=[f"all of it: {type(error).__name__}: {error}"])
            sections += found if isinstance(found, list) else [found]
    text = page(sections, seconds=time.monotonic() - began, quick=asked.quick)
    whole = not (asked.quick or asked.only)
    if target := asked.out or (PAGE if whole else None):
        target.write_text(text, encoding="utf-8")
    else:
        print(text)
    failed = [figure for section in sections for figure in section.figures if not figure.holds]
    for figure in failed:
        say(f"NOT HELD: {figure.what}: {figure.shown}, bar {figure.bar}")
    for section in sections:
        for what in section.missing:
            say(f"NOT MEASURED: {section.title}: {what}")
    return 1 if failed or any(section.missing for section in sections) else 0


if __name__ == "__main__":
    sys.exit(main())
