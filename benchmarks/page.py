"""docs/performance.md, out of what was measured."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from shutil import which

from benchmarks.figures import Figure, Section
from benchmarks.processes import CORES

HEAD = """# Performance

Made by `make bench`, which measures it again: do not edit.
Everything is measured side by side in one run, in interleaved rounds, against stock `mitmdump --mode reverse --set
stream_large_bodies=1`; read the ratios, because the digits are of one machine.
Processor time is the operating system's account of all threads of the proxy and of its workers
(`/proc/PID/task/*/schedstat`), so that other load on the machine matters little to it; it matters to wall times.
The raw upstream and the raw client are processes of their own.
"""


def page(sections: Sequence[Section], *, seconds: float, quick: bool) -> str:
    """The whole page, in Markdown."""
    figures = [figure for section in sections for figure in section.figures if figure.bar]
    parts = [HEAD, "\n".join(f"- {line}" for line in _about(seconds, quick=quick)), "## Bars", _bars(figures)]
    for section in sections:
        parts += [f"## {section.title}", section.method]
        if section.rows:
            parts.append(_table([section.columns, *section.rows]))
        if loose := [figure for figure in section.figures if not figure.bar]:
            parts.append("\n".join(f"- {figure.what}: {figure.shown}" for figure in loose))
        if section.missing:
            parts.append("\n".join(["Not measured:", "", *(f"- {what}" for what in section.missing)]))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _bars(figures: Sequence[Figure]) -> str:
    if not figures:
        return "No figure with a bar was measured."
    failed = sum(not figure.holds for figure in figures)
    said = f"{len(figures) - failed} of {len(figures)} hold."
    rows = [(one.what, one.shown, one.bar, "yes" if one.holds else "**no**") for one in figures]
    return said + "\n\n" + _table([("figure", "measured", "bar", "holds"), *rows])


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _about(seconds: float, *, quick: bool) -> Iterator[str]:
    """Date, machine and versions."""
    yield f"Date: {datetime.datetime.now(datetime.UTC):%Y-%m-%d}; the run took {seconds / 60:.0f} minutes"
    if quick:
        yield "A quick run: few rounds and few rows, good to see that all works, too short to judge by"
    model = next(_lines_of("/proc/cpuinfo", "model name"), platform.machine())
    yield f"Machine: {model}, {os.cpu_count()} cores, Linux {platform.release()}"
    if CORES is None:
        yield "Nothing could be pinned to a core"
    load = os.getloadavg()[0]
    yield f"Load average over the last minute at the end: {load:.1f}"
    names = ("mitmproxy", "uvloop", "locust", "uvicorn", "httptools", "hpack", "chaosllm")
    found = ", ".join(f"{name} {version(name)}" for name in names)
    yield f"Versions: Python {platform.python_version()}, {found}, {_nginx()}"


def _lines_of(path: str, key: str) -> Iterator[str]:
    if Path(path).exists():
        for line in Path(path).read_text(encoding="utf-8").splitlines():
            if line.startswith(key):
                yield line.partition(":")[2].strip()


def _nginx() -> str:
    if (program := which("nginx")) is None:
        return "no nginx"
    said = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stderr
    return said.partition(": ")[2].strip().replace("/", " ")


def say(text: str) -> None:
    """Where a run is, for people."""
    print(text, file=sys.stderr, flush=True)
